// Mapping of files onto graphs: names, ranks, order, layouts, and what a misfit reports.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "headstart/model.h"
#include "headstart/zoo.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

using Weights = std::vector<std::pair<std::string, Tensor>>;

Tensor ramp(const Shape& shape, float offset = 0) {
  Tensor tensor(shape);
  std::iota(tensor.values().begin(), tensor.values().end(), offset);
  return tensor;
}

// A Keras file with one layer a group.
void add_layer(WeightFile& file, const std::string& layer, Weights weights) {
  WeightFile::Layer entry{.name = layer, .weights = {}};
  for (auto& [name, tensor] : weights) {
    entry.weights.push_back(layer + "/" + name);
    file.tensors.insert(layer + "/" + name, std::move(tensor));
  }
  file.layers.push_back(std::move(entry));
}

WeightFile keras_file() { return {.format = WeightFormat::keras_h5}; }

// A file that holds exactly the given parameters under Keras's names.
WeightFile keras_file_of(const Graph& graph, const Parameters& parameters) {
  auto file = keras_file();
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const auto& name = graph.node(id).name;
    Weights weights;
    for (const auto& spec : parameter_specs(graph, id)) {
      weights.emplace_back(name + "/" + spec.name + ":0", parameters.at(name + "/" + spec.name));
    }
    if (!weights.empty()) {
      add_layer(file, name, std::move(weights));
    }
  }
  return file;
}

Graph small_graph(const std::string& first = "conv2d", const std::string& second = "conv2d_1",
                  const std::string& top = "dense") {
  Graph graph("small");
  auto id = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  id = graph.add(first, Conv2D{.filters = 3, .kernel = {3, 3}, .padding = Padding::same()}, id);
  id = graph.add(second, Conv2D{.filters = 3, .kernel = {3, 3}, .padding = Padding::same()}, id);
  id = graph.add("flatten", Flatten{}, id);
  graph.add(top, Dense{.units = 2}, id);
  return graph;
}

bool same_values(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::equal(a.values().begin(), a.values().end(), b.values().begin());
}

void expect_same(const Parameters& a, const Parameters& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    EXPECT_TRUE(same_values(tensor, b.at(name))) << name;
  }
}

TEST(MapKeras, ByName) {
  const auto graph = small_graph("first", "second");
  const auto parameters = initialize(graph, 1);
  auto file = keras_file_of(graph, parameters);
  std::swap(file.layers[0], file.layers[1]);  // the order does not count where names do
  const auto mapped = map_weights(graph, file);
  expect_same(mapped.parameters, parameters);
  EXPECT_EQ(mapped.report.mapped.size(), 6U);
  EXPECT_EQ(mapped.report.mapped[0].source, "first/first/kernel:0");
  EXPECT_EQ(mapped.report.parameters, 84 + 84 + 98);
}

TEST(MapKeras, AutomaticNamesByRankNotByTheirLiteralNumber) {
  // The file's conv2d_1 is its first convolution, the graph's conv2d_1 its second.
  const auto graph = small_graph();
  const auto in_file = small_graph("conv2d_1", "conv2d_2", "dense_7");
  const auto parameters = initialize(in_file, 1);
  auto file = keras_file_of(in_file, parameters);
  std::swap(file.layers[0], file.layers[1]);
  const auto mapped = map_weights(graph, file);
  EXPECT_TRUE(same_values(mapped.parameters.at("conv2d/kernel"), parameters.at("conv2d_1/kernel")));
  EXPECT_TRUE(same_values(mapped.parameters.at("conv2d_1/kernel"), parameters.at("conv2d_2/kernel")));
  EXPECT_TRUE(same_values(mapped.parameters.at("dense/bias"), parameters.at("dense_7/bias")));
}

TEST(MapKeras, RanksGoByNumberNotByText) {
  const auto graph = small_graph();
  const auto in_file = small_graph("conv2d_9", "conv2d_10");
  const auto parameters = initialize(in_file, 1);
  const auto mapped = map_weights(graph, keras_file_of(in_file, parameters));
  EXPECT_TRUE(same_values(mapped.parameters.at("conv2d_1/kernel"), parameters.at("conv2d_10/kernel")));
}

TEST(MapKeras, ByOrderWhenNamesSayNothing) {
  const auto in_file = small_graph("a", "b", "c");
  const auto parameters = initialize(in_file, 1);
  const auto mapped = map_weights(small_graph("x", "y", "z"), keras_file_of(in_file, parameters));
  EXPECT_TRUE(same_values(mapped.parameters.at("y/kernel"), parameters.at("b/kernel")));
}

TEST(MapKeras, Keras1NamesByPositionInTheLayer) {
  const auto graph = small_graph("first", "second");
  auto file = keras_file();
  add_layer(file, "first", {{"uniform1", ramp({3, 3, 3, 3})}, {"first_b", ramp({3}, 5)}});
  add_layer(file, "second", {{"uniform2", ramp({3, 3, 3, 3}, 9)}, {"second_b", ramp({3})}});
  add_layer(file, "dense", {{"uniform3", ramp({48, 2})}, {"dense_b", ramp({2})}});
  const auto mapped = map_weights(graph, file);
  EXPECT_TRUE(same_values(mapped.parameters.at("first/bias"), ramp({3}, 5)));
}

Graph normalised_base(const std::string& name) {
  Graph graph(name);
  auto id = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  id = graph.add("conv", Conv2D{.filters = 3, .kernel = {1, 1}, .use_bias = false}, id);
  graph.add("bn", BatchNormalization{}, id);
  return graph;
}

// Keras's Normalization keeps a count that only adapting it needs; its ConvNeXt's layer scale is a variable
// without a name.
TEST(MapKeras, WeightsOfTheEfficientNetsAndConvNeXt) {
  Graph graph("model");
  NodeId x = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  x = graph.add("normalization", Normalization{}, x);
  x = graph.add("stage_layer_scale", Scale{}, x);
  graph.add("head_layernorm", LayerNormalization{}, x);
  auto file = keras_file();
  add_layer(file, "normalization_7",
            {{"normalization_7/mean:0", ramp({3})},
             {"normalization_7/variance:0", ramp({3}, 1)},
             {"normalization_7/count:0", ramp({})}});
  add_layer(file, "stage_layer_scale", {{"Variable:0", ramp({3}, 2)}});
  add_layer(file, "head_layernorm",
            {{"head_layernorm/gamma:0", ramp({3}, 3)}, {"head_layernorm/beta:0", ramp({3}, 4)}});
  const auto mapped = map_weights(graph, file);
  EXPECT_TRUE(same_values(mapped.parameters.at("normalization/mean"), ramp({3})));
  EXPECT_TRUE(same_values(mapped.parameters.at("normalization/variance"), ramp({3}, 1)));
  EXPECT_TRUE(same_values(mapped.parameters.at("stage_layer_scale/gamma"), ramp({3}, 2)));
  EXPECT_TRUE(same_values(mapped.parameters.at("head_layernorm/beta"), ramp({3}, 4)));
}

TEST(MapKeras, NestedModelsByTheNamesOfTheirWeights) {
  Graph graph("outer");
  auto id = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  id = graph.nest(normalised_base("base"), id);
  id = graph.add("flatten", Flatten{}, id);
  graph.add("dense", Dense{.units = 1}, id);

  const Weights trainable_first{{"conv/kernel:0", ramp({1, 1, 3, 3})},
                                {"bn/gamma:0", ramp({3}, 1)},
                                {"bn/beta:0", ramp({3}, 2)},
                                {"bn/moving_mean:0", ramp({3}, 3)},
                                {"bn/moving_variance:0", ramp({3}, 4)}};
  Weights frozen = trainable_first;  // some other order
  std::rotate(frozen.begin(), frozen.begin() + 2, frozen.end());
  for (const auto& base : {trainable_first, frozen}) {
    auto file = keras_file();
    add_layer(file, "base", base);
    add_layer(file, "dense_3", {{"dense_3/kernel:0", ramp({48, 1})}, {"dense_3/bias:0", ramp({1})}});
    const auto mapped = map_weights(graph, file);
    EXPECT_TRUE(same_values(mapped.parameters.at("base/bn/beta"), ramp({3}, 2)));
    EXPECT_TRUE(same_values(mapped.parameters.at("base/bn/moving_mean"), ramp({3}, 3)));
    EXPECT_TRUE(mapped.report.unused.empty());
    // The plain base takes its part of the file; the head is left over.
    const auto plain = map_weights(normalised_base("base"), file);
    EXPECT_TRUE(same_values(plain.parameters.at("bn/moving_variance"), ramp({3}, 4)));
    EXPECT_EQ(plain.report.unused.size(), 2U);
  }
}

// A kernel whose every element is different, and its "th" form: OIHW, rotated by 180 degrees.
TEST(MapKeras, TheanoKernelsAreTransposedAndRotated) {
  Graph graph("net");
  auto id = graph.add("input", Input{{2, 3, 3}}, std::vector<NodeId>{});
  id = graph.add("conv", Conv2D{.filters = 4, .kernel = {2, 2}, .padding = Padding::same()}, id);
  id = graph.add("flatten", Flatten{}, id);
  graph.add("fc", Dense{.units = 1}, id);
  const auto kernel = ramp({2, 2, 3, 4});
  Tensor theano({4, 3, 2, 2});
  for (std::int64_t y = 0; y < 2; ++y) {
    for (std::int64_t x = 0; x < 2; ++x) {
      for (std::int64_t in = 0; in < 3; ++in) {
        for (std::int64_t out = 0; out < 4; ++out) {
          theano[((out * 3 + in) * 2 + (1 - y)) * 2 + (1 - x)] = kernel[((y * 2 + x) * 3 + in) * 4 + out];
        }
      }
    }
  }
  auto file = keras_file();
  add_layer(file, "conv", {{"conv_W", theano}, {"conv_b", ramp({4})}});
  add_layer(file, "fc", {{"fc_W", ramp({24, 1})}, {"fc_b", ramp({1})}});
  const auto mapped = map_weights(graph, file);
  EXPECT_TRUE(same_values(mapped.parameters.at("conv/kernel"), kernel));
  EXPECT_EQ(mapped.report.mapped[0].transform, "transposed, rotated");
  // Row (y, x, c) of the dense kernel stood at (c, y, x).
  const auto& dense = mapped.parameters.at("fc/kernel");
  EXPECT_EQ(dense[(1 * 3 + 2) * 4 + 3], static_cast<float>((3 * 2 + 1) * 3 + 2));

  file.rotated_kernels = false;  // "th" ordering with TensorFlow's kernels
  EXPECT_EQ(map_weights(graph, file).report.mapped[0].transform, "transposed");
}

TEST(MapTorch, LayoutsAndNames) {
  Graph graph("net");
  auto id = graph.add("input", Input{{2, 2, 4}}, std::vector<NodeId>{});
  id = graph.add("features.0",
                 Conv2D{.filters = 6, .kernel = {3, 3}, .padding = Padding::same(), .groups = 2}, id);
  id = graph.add("features.1", BatchNormalization{}, id);
  id = graph.add("features.2",
                 DepthwiseConv2D{.kernel = {3, 3}, .padding = Padding::same(), .use_bias = false}, id);
  id = graph.add("flatten", Flatten{}, id);
  id = graph.add("dropout", Dropout{}, id);
  id = graph.add("fc1", Dense{.units = 5}, id);
  graph.add("fc2", Dense{.units = 3}, id);
  WeightFile file{.format = WeightFormat::pytorch};
  const auto add = [&](const char* name, const Shape& shape) { file.tensors.insert(name, ramp(shape)); };
  add("module.features.0.weight", {6, 2, 3, 3});
  add("module.features.0.bias", {6});
  add("module.features.1.weight", {6});
  add("module.features.1.bias", {6});
  add("module.features.1.running_mean", {6});
  add("module.features.1.running_var", {6});
  add("module.features.1.num_batches_tracked", {});
  add("module.features.2.weight", {6, 1, 3, 3});
  add("module.fc1.weight", {5, 24});
  add("module.fc1.bias", {5});
  add("module.fc2.weight", {3, 5});
  add("module.fc2.bias", {3});
  const auto mapped = map_weights(graph, file);
  EXPECT_TRUE(mapped.report.unused.empty());
  const auto& p = mapped.parameters;
  EXPECT_EQ(p.at("features.0/kernel")[((1 * 3 + 2) * 2 + 1) * 6 + 4],
            static_cast<float>(((4 * 2 + 1) * 3 + 1) * 3 + 2));
  EXPECT_EQ(p.at("features.2/kernel")[(1 * 3 + 2) * 6 + 4], static_cast<float>((4 * 3 + 1) * 3 + 2));
  // (y, x, c) = (1, 0, 4) of 2 x 2 x 6.
  EXPECT_EQ(p.at("fc1/kernel")[((1 * 2 + 0) * 6 + 4) * 5 + 3],
            static_cast<float>(3 * 24 + (4 * 2 + 1) * 2 + 0));
  EXPECT_EQ(p.at("fc2/kernel")[4 * 3 + 2], static_cast<float>(2 * 5 + 4));
  EXPECT_EQ(mapped.report.mapped[0].transform, "transposed");

  file.format = WeightFormat::safetensors;  // the names tell
  expect_same(map_weights(graph, file).parameters, p);

  const auto with = [&](const char* name, float value) {
    WeightFile damaged = file;
    damaged.tensors.at(name)[2] = value;
    return message_of([&] { map_weights(graph, damaged); });
  };
  EXPECT_TRUE(says(with("module.features.0.weight", std::nanf("")), "expected numbers in"));
  EXPECT_TRUE(says(with("module.features.1.running_var", -1.0F), "expected variances in"));
}

// A state dict as torchvision names the layers of a graph that has Keras's names.
WeightFile torchvision_file(const std::vector<std::pair<std::string, Shape>>& tensors) {
  WeightFile file{.format = WeightFormat::pytorch};
  float offset = 0;
  for (const auto& [name, shape] : tensors) {
    file.tensors.insert(name, ramp(shape, offset++));
  }
  return file;
}

TEST(MapTorch, VggOntoKerasNames) {
  ArchitectureOptions options;
  options.height = options.width = 32;
  options.include_top = false;
  const auto graph = build_architecture(architecture("vgg16"), options);
  std::vector<std::pair<std::string, Shape>> tensors;
  const std::vector<int> indices{0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28};
  const std::vector<std::int64_t> widths{3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512};
  for (std::size_t i = 0; i < indices.size(); ++i) {
    tensors.push_back(
        {"features." + std::to_string(indices[i]) + ".weight", {widths[i + 1], widths[i], 3, 3}});
    tensors.push_back({"features." + std::to_string(indices[i]) + ".bias", {widths[i + 1]}});
  }
  tensors.push_back({"classifier.6.bias", {1000}});
  auto file = torchvision_file(tensors);
  const auto mapped = map_weights(graph, file);
  EXPECT_EQ(mapped.report.unused, std::vector<std::string>{"classifier.6.bias"});
  for (const auto& entry : mapped.report.mapped) {
    if (entry.parameter == "block4_conv2/bias") {
      EXPECT_EQ(entry.source, "features.19.bias");
    }
  }
  EXPECT_EQ(mapped.report.parameters, 14'714'688);
}

TEST(MapTorch, MobileNetV2OntoKerasNames) {
  ArchitectureOptions options;
  options.height = options.width = 32;
  const auto graph = build_architecture(architecture("mobilenet_v2"), options);
  const auto in_keras = initialize(graph, 1);
  // torchvision's modules in their order: stem, 17 blocks, last convolution, classifier.
  std::vector<std::string> modules{"features.0.0", "features.0.1"};
  for (int block = 1; block <= 17; ++block) {
    const auto prefix = "features." + std::to_string(block) + ".conv.";
    for (const auto* part : {"0.0", "0.1", "1.0", "1.1", "2", "3"}) {
      modules.push_back(prefix + part);
    }
    if (block == 1) {
      modules.resize(modules.size() - 6);
      for (const auto* part : {"0.0", "0.1", "1", "2"}) {
        modules.push_back(prefix + part);
      }
    }
  }
  modules.insert(modules.end(), {"features.18.0", "features.18.1", "classifier.1"});
  WeightFile file{.format = WeightFormat::pytorch};
  std::size_t module = 0;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const auto specs = parameter_specs(graph, id);
    for (const auto& spec : specs) {
      const auto& tensor = in_keras.at(graph.node(id).name + "/" + spec.name);
      const auto& s = spec.shape;
      const bool depthwise = std::holds_alternative<DepthwiseConv2D>(graph.node(id).op);
      const Shape shape = s.size() == 2   ? Shape{s[1], s[0]}
                          : depthwise     ? Shape{s[2], 1, s[0], s[1]}
                          : s.size() == 4 ? Shape{s[3], s[2], s[0], s[1]}
                                          : s;
      const auto kind = spec.name == "kernel" || spec.name == "gamma" ? "weight"
                        : spec.name == "moving_mean"                  ? "running_mean"
                        : spec.name == "moving_variance"              ? "running_var"
                                                                      : "bias";
      file.tensors.insert(modules[module] + "." + kind, ramp(shape, tensor[0]));
    }
    module += specs.empty() ? 0 : 1;
  }
  ASSERT_EQ(module, modules.size());
  const auto mapped = map_weights(graph, file);
  EXPECT_TRUE(mapped.report.unused.empty());
  EXPECT_EQ(mapped.report.parameters, 3'538'984);
}

// A file of Keras 3: its names, weights by number, layers in no order of the network's.
WeightFile keras_3_file(const Graph& graph, const Parameters& parameters,
                        const std::map<std::string, std::string>& names) {
  auto file = keras_file();
  for (auto id = static_cast<NodeId>(graph.nodes().size()) - 1; id >= 0; --id) {
    const auto& name = graph.node(id).name;
    Weights weights;
    for (const auto& spec : parameter_specs(graph, id)) {
      weights.emplace_back(std::to_string(weights.size()), parameters.at(name + "/" + spec.name));
    }
    if (!weights.empty()) {
      add_layer(file, names.at(name), std::move(weights));
    }
  }
  return file;
}

TEST(MapNames, OfKeras3) {
  const std::map<std::string, std::string> names{
      {"Conv", "conv"},
      {"Conv/BatchNorm", "conv_bn"},
      {"conv1/bn", "conv1_bn"},
      {"expanded_conv_1/squeeze_excite/Conv_1", "expanded_conv_1_squeeze_excite_conv_1"},
      {"Logits", "logits"}};
  Graph graph("net");
  auto id = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  for (const auto& [name, in_keras_3] : names) {
    const bool norm = in_keras_3.ends_with("bn");
    id = graph.add(name, norm ? Op(BatchNormalization{}) : Op(Conv2D{.filters = 3}), id);
  }
  const auto parameters = initialize(graph, 1);
  const auto mapped = map_weights(graph, keras_3_file(graph, parameters, names));
  EXPECT_EQ(mapped.report.matched_by, "names");
  expect_same(mapped.parameters, parameters);
}

// The first block of Keras's ResNet50, its shortcut projected; all layers of one shape.
Graph projected_block() {
  Graph graph("block");
  const auto conv = Conv2D{.filters = 3};
  const auto input = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  auto id = graph.add("2_conv", conv, input);
  id = graph.add("2_bn", BatchNormalization{}, id);
  auto shortcut = graph.add("0_conv", conv, input);
  shortcut = graph.add("0_bn", BatchNormalization{}, shortcut);
  id = graph.add("3_conv", conv, id);
  id = graph.add("3_bn", BatchNormalization{}, id);
  graph.add("add", Add{}, std::vector<NodeId>{shortcut, id});
  return graph;
}
const std::vector<std::string> kBlockAsKerasListsIt{"2_conv", "2_bn", "0_conv", "3_conv", "0_bn", "3_bn"};

TEST(MapOrder, FollowsKerasWhereBranchesMeet) {
  const auto graph = projected_block();
  const auto parameters = initialize(graph, 1);
  auto file = keras_file();
  for (const auto& layer : kBlockAsKerasListsIt) {
    Weights weights;
    for (const auto& spec : parameter_specs(graph, graph.require(layer))) {
      weights.emplace_back("renamed/" + spec.name + ":0", parameters.at(layer + "/" + spec.name));
    }
    add_layer(file, "left_" + layer, std::move(weights));
  }
  const auto mapped = map_weights(graph, file);
  EXPECT_NE(mapped.report.matched_by, "names");
  expect_same(mapped.parameters, parameters);
}

TEST(MapReport, SaysWhatDiffersForAnotherArchitecture) {
  const auto graph = small_graph("first", "second");
  auto file = keras_file();
  add_layer(file, "first", {{"first/kernel:0", ramp({5, 5, 3, 3})}, {"first/bias:0", ramp({3})}});
  add_layer(file, "dense", {{"dense/kernel:0", ramp({48, 2})}});
  add_layer(file, "other", {{"other/gamma:0", ramp({9})}});
  const auto lenient = map_weights_leniently(graph, file);
  EXPECT_EQ(lenient.report.mismatched,
            std::vector<std::string>{"first/kernel: expected (3, 3, 3, 3), received (5, 5, 3, 3)"});
  EXPECT_EQ(lenient.report.missing, (std::vector<std::string>{"second/kernel", "second/bias", "dense/bias"}));
  EXPECT_EQ(lenient.report.unused, std::vector<std::string>{"other/other/gamma:0"});
  const auto message = message_of([&] { map_weights(graph, file); });
  EXPECT_TRUE(says(message, "1 differ (first/kernel: expected (3, 3, 3, 3), received (5, 5, 3, 3))"));
  EXPECT_TRUE(says(message, "3 are missing (second/kernel, second/bias, dense/bias)"));
}

TEST(MapReport, ABiasThatTheGraphLacksIsAnotherNetwork) {
  Graph graph("net");
  const auto id = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  graph.add("conv", Conv2D{.filters = 3, .use_bias = false}, id);
  auto file = keras_file();
  add_layer(file, "conv", {{"conv/kernel:0", ramp({1, 1, 3, 3})}, {"conv/bias:0", ramp({3})}});
  EXPECT_TRUE(says(message_of([&] { map_weights(graph, file); }), "expected no such parameter"));
}

TEST(MapReport, AFileWithoutATopDoesNotFillOne) {
  const auto graph = small_graph("first", "second");
  auto file = keras_file_of(graph, initialize(graph, 1));
  file.layers.pop_back();
  EXPECT_EQ(map_weights_leniently(graph, file).report.missing,
            (std::vector<std::string>{"dense/kernel", "dense/bias"}));
}

TEST(MapReport, AnEmptyFileIsAllMissing) {
  EXPECT_EQ(map_weights_leniently(small_graph(), keras_file()).report.missing.size(), 6U);
}

// --- writing ---

class RoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, KeepsEveryBit) {
  Graph graph("outer");
  auto id = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  id = graph.nest(normalised_base("base"), id);
  id = graph.add("a/b", SeparableConv2D{.filters = 2, .kernel = {3, 3}}, id);
  id = graph.add("depthwise", DepthwiseConv2D{.kernel = {2, 2}}, id);
  id = graph.add("flatten", Flatten{}, id);
  graph.add("dense", Dense{.units = 1}, id);
  auto parameters = initialize(graph, 3);
  parameters.at("dense/bias")[0] = -0.0F;
  parameters.at("depthwise/kernel")[0] = 1e-42F;
  const auto path =
      (std::filesystem::temp_directory_path() / (std::string("headstart_trip") + GetParam())).string();
  write_weights(graph, parameters, path);
  const auto mapped = map_weights(graph, read_weight_file(path));
  std::filesystem::remove(path);
  EXPECT_TRUE(mapped.report.unused.empty());
  ASSERT_EQ(mapped.parameters.size(), parameters.size());
  for (const auto& [name, tensor] : parameters) {
    EXPECT_EQ(std::memcmp(tensor.data(), mapped.parameters.at(name).data(),
                          static_cast<std::size_t>(tensor.size()) * 4),
              0)
        << name;
  }
}

TEST_P(RoundTrip, ReplacesTheTargetOfALinkAndKeepsItsMode) {
  namespace fs = std::filesystem;
  const auto graph = small_graph();
  const auto folder = fs::temp_directory_path() / (std::string("headstart_link") + GetParam());
  const auto real = folder / (std::string("real") + GetParam());
  const auto link = folder / (std::string("link") + GetParam());
  fs::create_directory(folder);
  write_weights(graph, initialize(graph, 1), real.string());
  fs::permissions(real, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(real.filename(), link);
  const auto parameters = initialize(graph, 2);
  write_weights(graph, parameters, link.string());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(fs::status(real).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto mapped = map_weights(graph, read_weight_file(real.string()));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
  fs::remove_all(folder);
  const auto& [name, first] = *parameters.begin();
  EXPECT_EQ(mapped.parameters.at(name)[0], first[0]);
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrip, testing::Values(".h5", ".safetensors", ".pth"));

TEST(WriteWeights, RefusesOtherExtensionsAndUnwritableFolders) {
  const auto graph = small_graph();
  const auto parameters = initialize(graph, 1);
  EXPECT_TRUE(says(message_of([&] { write_weights(graph, parameters, "weights.npz"); }),
                   ".safetensors, .h5 or .pth"));
  EXPECT_THROW(write_weights(graph, parameters, "/nowhere/weights.h5"), Error);
  EXPECT_THROW(write_weights(graph, parameters, "/nowhere/weights.safetensors"), Error);
}

// Keras's load_weights takes the i-th layer with weights of a file for the i-th of the model.
std::vector<WeightFile::Layer> layers_written(const Graph& graph) {
  const auto path = (std::filesystem::temp_directory_path() / "headstart_order.h5").string();
  write_weights(graph, initialize(graph, 1), path);
  auto layers = read_weight_file(path).layers;
  std::filesystem::remove(path);
  return layers;
}

TEST(WriteWeights, AnH5FileHasItsLayersInKerasOrder) {
  std::vector<std::string> names;
  for (const auto& layer : layers_written(projected_block())) {
    names.push_back(layer.name);
  }
  EXPECT_EQ(names, kBlockAsKerasListsIt);
}

TEST(WriteWeights, AnH5FileHasTheCountOfANormalization) {
  Graph graph("net");
  const auto id = graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  graph.add("normalization", Normalization{}, id);
  const auto layers = layers_written(graph);
  ASSERT_EQ(layers.size(), 1U);
  EXPECT_EQ(layers[0].weights, (std::vector<std::string>{"normalization/normalization/mean:0",
                                                         "normalization/normalization/variance:0",
                                                         "normalization/normalization/count:0"}));
}

TEST(WriteWeights, LongListsOfLayersAreCutInPieces) {
  Graph graph("long");
  auto id = graph.add("input", Input{{1, 1, 1}}, std::vector<NodeId>{});
  for (int i = 0; i < 700; ++i) {
    id = graph.add(std::string(120, 'x') + std::to_string(i), Conv2D{.filters = 1}, id);
  }
  const auto parameters = initialize(graph, 1);
  const auto path = (std::filesystem::temp_directory_path() / "headstart_long.h5").string();
  write_weights(graph, parameters, path);
  expect_same(map_weights(graph, read_weight_file(path)).parameters, parameters);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace headstart::test
