// What explore keeps of a network: values, gradients and rests against the programs and against plain sums;
// pages that no name can break.
#include "headstart/explore.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "explain/explore_linear.h"
#include "explain/explore_separate.h"
#include "headstart/engine.h"
#include "headstart/error.h"
#include "headstart/zoo.h"
#include "support/formula.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

constexpr Activation kRelu{.kind = Activation::Kind::relu};

// Every kind of joint that the page follows: strided and grouped convolutions, a separable one, pooling,
// addition, concatenation, squeeze and excitation, dense layers, softmax.
Graph small_graph(int classes = 5) {
  Graph graph("small");
  const auto input = graph.add("input", Input{{17, 15, 3}}, std::vector<NodeId>{});
  auto x = graph.add(
      "conv",
      Conv2D{
          .filters = 8, .kernel = {3, 3}, .strides = {2, 2}, .padding = Padding::same(), .activation = kRelu},
      input);
  const auto a = graph.add(
      "grouped", Conv2D{.filters = 8, .kernel = {3, 3}, .padding = Padding::symmetric(1), .groups = 2}, x);
  const auto b = graph.add(
      "separable",
      SeparableConv2D{.filters = 8, .kernel = {3, 3}, .padding = Padding::same(), .activation = kRelu}, x);
  x = graph.add("bn", BatchNormalization{}, graph.add("add", Add{}, {a, b}));
  const auto squeezed = graph.add("squeeze", GlobalAveragePooling2D{.keep_dims = true}, x);
  const auto gate =
      graph.add("gate", Conv2D{.filters = 8, .activation = {.kind = Activation::Kind::sigmoid}}, squeezed);
  x = graph.add("concat", Concatenate{}, {graph.add("scaled", Multiply{}, {x, gate}), a});
  x = graph.add("pool", MaxPooling2D{.pool = {2, 2}, .strides = {2, 2}}, x);
  x = graph.add("dense", Dense{.units = 7, .activation = kRelu}, graph.add("flatten", Flatten{}, x));
  graph.add(
      "predictions",
      Dense{.units = classes,
            .activation = {.kind = classes == 1 ? Activation::Kind::sigmoid : Activation::Kind::softmax}},
      x);
  return graph;
}

Model small_model(int classes = 5) {
  Model model{
      .graph = small_graph(classes), .parameters = {}, .class_names = {}, .class_ids = {}, .provenance = {}};
  model.parameters = test::formula_parameters(model.graph);
  model.preprocessing = with_mode({.height = 17, .width = 15}, "tf");
  return model;
}

Image photo_of(int width, int height) {
  Image image{.width = width, .height = height, .pixels = {}};
  for (int i = 0; i < width * height * 3; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>((i * 37 + i / 7 * 11) % 256));
  }
  return image;
}

Exploration explore_small(const ExploreOptions& options = {}, int classes = 5) {
  Progress progress;
  return explore(small_model(classes), photo_of(15, 17), options, progress);
}

const ExploredLayer& layer(const Exploration& exploration, const std::string& name) {
  return exploration.layers[static_cast<std::size_t>(exploration.graph.require(name))];
}

Tensor output_of(const Model& model, const std::string& name, const Tensor& input) {
  const NodeId id = model.graph.require(name);
  Tensor result(model.graph.node(id).shape);
  float* target = result.data();
  FrozenProgram(model.graph, model.parameters, {id}, {}).run(input.data(), std::span(&target, 1));
  return result;
}

TEST(Separate, TheOutputStaysAndEveryActivationIsALayer) {
  const Model model = small_model();
  const Tensor input = preprocess(photo_of(15, 17), model.preprocessing);
  Model parted = model;
  auto network = separate(model.graph, parted.parameters);
  parted.graph = network.graph;
  parted.parameters = network.parameters;
  EXPECT_TRUE(test::all_close(output_of(model, "predictions", input).values(),
                              output_of(parted, "predictions_softmax", input).values(), {.atol = 1e-6}));
  for (const auto& node : parted.graph.nodes()) {
    const Activation* activation = activation_of(node.op);
    EXPECT_TRUE(activation == nullptr || activation->kind == Activation::Kind::linear ||
                std::holds_alternative<ActivationLayer>(node.op))
        << node.name;
  }
  EXPECT_TRUE(parted.graph.find("separable_depthwise"));
}

TEST(Separate, TakenNamesAreLeftAlone) {
  Graph graph("taken");
  auto x = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  x = graph.add("a", Conv2D{.filters = 2, .activation = kRelu}, x);
  graph.add("a_relu", Conv2D{.filters = 2}, x);
  const auto network = separate(graph, test::formula_parameters(graph));
  EXPECT_TRUE(network.graph.find("a_relu_1"));
  EXPECT_TRUE(std::holds_alternative<Conv2D>(network.graph.node(network.graph.require("a_relu")).op));
}

TEST(Explore, ValuesAreThoseOfTheProgramOnTheModelItself) {
  const Model model = small_model();
  const Tensor input = preprocess(photo_of(15, 17), model.preprocessing);
  const auto exploration = explore_small();
  for (const char* name : {"grouped", "add", "bn", "concat", "pool", "flatten"}) {
    const Tensor expected = output_of(model, name, input);
    const auto& found = layer(exploration, name);
    const std::int64_t depth = expected.shape().back(), positions = expected.size() / depth;
    std::vector<float> maps;
    for (const int c : found.channels) {
      for (std::int64_t p = 0; p < positions; ++p) {
        maps.push_back(expected[p * depth + c]);
      }
    }
    EXPECT_TRUE(test::all_close(found.values, maps, {.atol = 1e-5, .rtol = 1e-5})) << name;
  }
  const Tensor probabilities = output_of(model, "predictions", input);
  EXPECT_TRUE(test::all_close(exploration.probabilities, probabilities.values(), {.atol = 1e-6}));
}

// Sum over the kept input channels, the rest and the bias, at every position of a kept channel.
void expect_sums(const Exploration& exploration, const Parameters& parameters, NodeId id) {
  const auto linear = linear_layer(exploration.graph, id, parameters);
  if (!linear) {
    return;
  }
  const auto& node = exploration.graph.node(id);
  const auto& own = exploration.layers[static_cast<std::size_t>(id)];
  const auto& source = exploration.layers[static_cast<std::size_t>(node.inputs[0])];
  const std::int64_t width = linear->output.width, positions = linear->output.height * width;
  for (std::size_t u = 0; u < own.units.size(); ++u) {
    const auto place = static_cast<std::size_t>(
        std::find(own.channels.begin(), own.channels.end(), own.units[u]) - own.channels.begin());
    for (std::int64_t p = 0; p < positions; ++p) {
      double sum = own.arrays.contains("bias") ? static_cast<double>(own.arrays.at("bias")[u]) : 0.0;
      sum += own.rest.empty()
                 ? 0.0
                 : static_cast<double>(
                       own.rest[u * static_cast<std::size_t>(positions) + static_cast<std::size_t>(p)]);
      for (int tap = 0; tap < linear->window(); ++tap) {
        const auto y = p / width * linear->strides.height + tap / linear->kernel.width - linear->top;
        const auto x = p % width * linear->strides.width + tap % linear->kernel.width - linear->left;
        if (y < 0 || y >= linear->input.height || x < 0 || x >= linear->input.width) {
          continue;
        }
        for (std::size_t i = 0; i < source.units.size(); ++i) {
          const auto from = static_cast<std::size_t>(
              std::find(source.channels.begin(), source.channels.end(), source.units[i]) -
              source.channels.begin());
          const auto inputs = static_cast<std::size_t>(linear->input.height * linear->input.width);
          sum += static_cast<double>(
                     source.values[from * inputs + static_cast<std::size_t>(y * linear->input.width + x)]) *
                 static_cast<double>(own.arrays.at(
                     "kernel")[(static_cast<std::size_t>(tap) * source.units.size() + i) * own.units.size() +
                               u]);
        }
      }
      EXPECT_NEAR(sum, own.values[place * static_cast<std::size_t>(positions) + static_cast<std::size_t>(p)],
                  1e-4)
          << node.name << " unit " << own.units[u] << " position " << p;
    }
  }
}

TEST(Explore, KeptProductsRestAndBiasAddUpToEveryValue) {
  const Model model = small_model();
  const auto network = separate(model.graph, model.parameters);
  for (const int channels : {1, 3, 16}) {
    const auto exploration = explore_small({.channels = channels});
    for (NodeId id = 0; id < static_cast<NodeId>(exploration.graph.nodes().size()); ++id) {
      expect_sums(exploration, network.parameters, id);
    }
  }
}

// Queries, keys and values of four heads, and an attention over them.
Exploration explore_attention(const Op& attention, const Shape& tokens, int channels) {
  Model model;
  Graph graph("attention");
  NodeId x = graph.add("in", Input{{8, 8, 3}}, std::vector<NodeId>{});
  x = graph.add("conv", Conv2D{.filters = 3 * 8, .kernel = {3, 3}, .padding = Padding::same()}, x);
  x = graph.add("qkv", Reshape{tokens}, x);
  x = graph.add("attention", attention, x);
  x = graph.add("flatten", Flatten{}, x);
  graph.add("dense", Dense{.units = 2}, x);
  model.graph = graph;
  model.parameters = test::formula_parameters(graph);
  model.preprocessing = with_mode({.height = 8, .width = 8}, "tf");
  Progress progress;
  return explore(std::move(model), photo_of(8, 8), {.channels = channels}, progress);
}

// Kept weights times kept values against the network's output, for the kept head; `keys` gives the positions
// that a position's weights are of.
template <typename Keys>
void expect_attention(const Exploration& exploration, std::size_t positions, const Keys& keys) {
  const auto& own = layer(exploration, "attention");
  const auto& source = layer(exploration, "qkv");
  const auto head = static_cast<int>(own.arrays.at("attention_head").at(0));
  const auto& weights = own.arrays.at("attention");
  int compared = 0;
  for (std::size_t u = 0; u < own.channels.size(); ++u) {
    const auto value = std::find(source.channels.begin(), source.channels.end(), 16 + own.channels[u]);
    if (own.channels[u] / 2 != head || value == source.channels.end()) {
      continue;
    }
    ++compared;
    const auto from = static_cast<std::size_t>(value - source.channels.begin()) * positions;
    for (std::size_t p = 0; p < positions; ++p) {
      const std::vector<std::size_t> read = keys(p);
      double sum = 0, total = 0;
      for (std::size_t k = 0; k < read.size(); ++k) {
        const auto weight = static_cast<double>(weights.at(p * read.size() + k));
        sum += weight * static_cast<double>(source.values.at(from + read[k]));
        total += weight;
      }
      EXPECT_NEAR(sum, own.values.at(u * positions + p), 1e-4) << own.channels[u] << " " << p;
      EXPECT_NEAR(total, 1.0, 1e-5);
    }
  }
  EXPECT_GT(compared, 0);
}

TEST(Explore, AttentionIsTheSumOfKeptWeightsTimesValues) {
  const auto all = [](std::size_t) {
    std::vector<std::size_t> tokens(64);
    std::iota(tokens.begin(), tokens.end(), std::size_t{0});
    return tokens;
  };
  for (const int channels : {2, 6, 24}) {
    expect_attention(explore_attention(SelfAttention{.heads = 4}, {64, 24}, channels), 64, all);
  }
}

TEST(Explore, AttentionWithinWindowsReadsTheRolledImage) {
  constexpr std::size_t kShiftDown = 1, kShiftRight = 2;
  const auto around = [](std::size_t position) {
    const auto rolled_y = (position / 8 + 8 - kShiftDown) % 8,
               rolled_x = (position % 8 + 8 - kShiftRight) % 8;
    std::vector<std::size_t> pixels;
    for (std::size_t i = 0; i < 16; ++i) {
      const auto y = rolled_y / 4 * 4 + i / 4 + kShiftDown, x = rolled_x / 4 * 4 + i % 4 + kShiftRight;
      pixels.push_back(y % 8 * 8 + x % 8);
    }
    return pixels;
  };
  const WindowAttention windows{
      .heads = 4, .window = 4, .shift = {static_cast<int>(kShiftDown), static_cast<int>(kShiftRight)}};
  for (const int channels : {2, 6, 24}) {
    expect_attention(explore_attention(windows, {8, 8, 24}, channels), 64, around);
  }
}

TEST(Explore, GradientsAreThoseOfTheClassesLogit) {
  Model model = small_model();
  const auto exploration = explore_small({.class_index = 3});
  EXPECT_EQ(exploration.class_index, 3);
  const auto& logits = layer(exploration, "predictions");
  EXPECT_EQ(logits.gradients, (std::vector<float>{0, 0, 0, 1, 0}));
  EXPECT_TRUE(layer(exploration, "predictions_softmax").gradients.empty());
  // Central differences of the logit by pixels of the input.
  auto network = separate(model.graph, model.parameters);
  model.graph = network.graph;
  model.parameters = network.parameters;
  Tensor input = preprocess(photo_of(15, 17), small_model().preprocessing);
  const auto& gradients = layer(exploration, "input").gradients;
  constexpr float kStep = 1e-2F;
  double largest = 0;
  for (const float gradient : gradients) {
    largest = std::max(largest, std::abs(static_cast<double>(gradient)));
  }
  for (const std::int64_t pixel : {40, 111, 200}) {
    for (std::int64_t c = 0; c < 3; ++c) {
      const float before = input[pixel * 3 + c];
      input[pixel * 3 + c] = before + kStep;
      const double high = output_of(model, "predictions", input)[3];
      input[pixel * 3 + c] = before - kStep;
      const double low = output_of(model, "predictions", input)[3];
      input[pixel * 3 + c] = before;
      // Kinks of relu and maximum within the step: a tenth of the largest.
      EXPECT_NEAR((high - low) / (2.0 * static_cast<double>(kStep)),
                  gradients[static_cast<std::size_t>(c * 255 + pixel)], 0.1 * largest);
    }
  }
}

TEST(Explore, TheFirstOfTwoClassesOfOneUnitHasTheOppositeGradient) {
  const auto second = explore_small({.class_index = 1}, 1), first = explore_small({.class_index = 0}, 1);
  ASSERT_EQ(second.probabilities.size(), 2U);
  auto expected = layer(second, "dense").gradients;
  std::transform(expected.begin(), expected.end(), expected.begin(), [](float value) { return -value; });
  EXPECT_EQ(layer(first, "dense").gradients, expected);
}

TEST(Explore, RefusesAClassThatIsNotThere) {
  EXPECT_THROW(explore_small({.class_index = 5}), Error);
  EXPECT_THROW(explore_small({.class_index = -1}), Error);
}

nlohmann::json embedded(const std::string& page) {
  const std::string head = "id=\"network\">";
  const auto begin = page.find(head) + head.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(ExplorePage, NoNameEndsTheScriptThatItStandsIn) {
  const std::string hostile = "</script><script>alert(1)</script><!-- \" \\";
  Model model = small_model();
  Graph graph("</ScRiPt><img src=x onerror=alert(1)>");
  NodeId x = graph.add("in", Input{{4, 4, 3}}, std::vector<NodeId>{});
  x = graph.add(hostile, GlobalAveragePooling2D{}, x);
  graph.add("d", Dense{.units = 2}, x);
  model.graph = graph;
  model.parameters = test::formula_parameters(graph);
  model.preprocessing.height = model.preprocessing.width = 4;
  model.class_names = {hostile + "\xff", "b"};
  Progress progress;
  auto exploration = explore(std::move(model), photo_of(4, 4), {}, progress);
  exploration.photo_name = hostile;
  const std::string page = exploration_page(exploration);
  EXPECT_EQ(count(page, "</script"), 3U);
  EXPECT_EQ(count(page, "<script"), 3U);
  EXPECT_EQ(count(page, "<!--"), 0U);
  EXPECT_EQ(count(page, "<img"), 0U);
  const auto json = embedded(page);
  EXPECT_EQ(json["nodes"][1]["name"], hostile);
  EXPECT_EQ(json["classes"][0], hostile + "\xEF\xBF\xBD");
  EXPECT_EQ(json["photo"]["name"], hostile);
}

TEST(ExplorePage, StaysWithinItsSizeAndKeepsFewerChannels) {
  const auto& mobilenet = architecture("mobilenet");
  Model model{.graph = build_architecture(mobilenet, {.alpha = 0.25}),
              .parameters = {},
              .class_names = {},
              .class_ids = {},
              .provenance = {}};
  model.parameters = initialize(model.graph, 1);
  model.preprocessing = default_preprocessing(mobilenet, model.graph);
  Progress progress;
  const auto exploration =
      explore(std::move(model), photo_of(224, 224), {.maximum_bytes = 8'000'000}, progress);
  EXPECT_LE(exploration_page(exploration).size(), 8'000'000U);
  EXPECT_LT(layer(exploration, "conv1").channels.size(), 8U);
  EXPECT_EQ(layer(exploration, "conv_pw_13").channels.size(), 16U);
  EXPECT_EQ(layer(exploration, "conv1").channels, layer(exploration, "conv1_relu").channels);
}

}  // namespace
}  // namespace headstart
