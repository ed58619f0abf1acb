#include "exported.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include <stdlib.h>

#include "core/random.h"
#include "headstart/error.h"
#include "headstart/image.h"
#include "headstart/predict.h"
#include "reference/interpreter.h"

namespace headstart::test {

Tensor channels_first(Tensor tensor) {
  const Shape from = tensor.shape();
  if (from.size() != 4) {
    return tensor;
  }
  Tensor result({from[0], from[3], from[1], from[2]});
  const std::int64_t pixels = from[1] * from[2];
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const std::int64_t channel = i % from[3];
    const std::int64_t pixel = i / from[3] % pixels;
    const std::int64_t sample = i / from[3] / pixels;
    result[(sample * from[3] + channel) * pixels + pixel] = tensor[i];
  }
  return result;
}

namespace {

Tensor output_of(const Model& model, const Tensor& input) {
  return Predictor(model, {model.graph.output()}, Precision::f32).run(input)[0];
}

}  // namespace

Comparison export_case(const reference::Case& which, const std::string& path) {
  Model model;
  model.graph = which.graph;
  model.parameters = reference::random_parameters(which.graph, 3);
  const bool activated = output_activation(model.graph) != OutputActivation::none;
  const bool classes = model.graph.output_shape().size() == 1;
  export_onnx(model, path, {.logits = classes && !activated, .preprocessing = false});
  Tensor input = reference::random_tensor(reference::with_batch(which.batch, model.graph.input_shape()), 5,
                                          which.input_scale);
  Tensor output = output_of(model, input);
  if (classes && activated) {
    output = class_probabilities(model, output);
  }
  return {channels_first(std::move(input)), channels_first(std::move(output))};
}

std::vector<reference::Case> padded_poolings() {
  std::vector<reference::Case> cases;
  const auto add = [&](const std::string& name, Op pooling) {
    reference::Case made{.name = "padded_" + name, .graph = Graph("case")};
    made.graph.add("input", Input{{6, 7, 3}}, std::vector<NodeId>{});
    const NodeId stem = made.graph.add("stem", Conv2D{.filters = 3}, 0);
    const NodeId pad =
        made.graph.add("pad", ZeroPadding2D{.top = 1, .bottom = 1, .left = 1, .right = 1}, stem);
    made.graph.add("op", std::move(pooling), pad);
    cases.push_back(std::move(made));
  };
  for (const auto& padding : {Padding::valid(), Padding::symmetric(1)}) {
    const std::string kind = padding.kind == Padding::Kind::valid ? "_valid" : "_symmetric";
    add("maximum" + kind, MaxPooling2D{{2, 2}, {2, 2}, padding});
    add("average" + kind, AveragePooling2D{{3, 3}, {2, 2}, padding});
    add("average_counting" + kind, AveragePooling2D{{3, 3}, {2, 2}, padding, true});
  }
  return cases;
}

Model random_network(const Architecture& row) {
  const bool large_top =
      row.flavour == Flavour::torch && (row.name == "alexnet" || row.name.starts_with("vgg"));
  ArchitectureOptions options{
      .height = row.minimum_size, .width = row.minimum_size, .include_top = !large_top};
  options.classes = 10;
  options.flavour = row.flavour;
  Model model;
  model.graph = reference::logits_graph(build_architecture(row, options));
  model.preprocessing = default_preprocessing(row, model.graph);
  model.parameters = reference::random_parameters(model.graph, 11);
  return model;
}

namespace {

// Random pixels, (N, H, W, 3), and the network's input that Headstart makes of them.
struct Pictures {
  Tensor pixels, input;
};
Pictures random_pictures(const Preprocessing& p, int batch) {
  Random random(7, RandomPurpose::test);
  Pictures result{Tensor({batch, p.height, p.width, 3}), Tensor({batch, p.height, p.width, p.channels})};
  const std::int64_t bytes = result.pixels.size() / batch;
  for (int i = 0; i < batch; ++i) {
    Image image{.width = p.width, .height = p.height, .pixels = {}};
    for (std::int64_t k = 0; k < bytes; ++k) {
      image.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
      result.pixels[i * bytes + k] = static_cast<float>(image.pixels.back());
    }
    normalize_into(image, p, result.input.data() + i * (result.input.size() / batch));
  }
  return result;
}

}  // namespace

Comparison export_network(const Model& model, const std::string& path, int batch) {
  export_onnx(model, path, {.logits = model.graph.output_shape().size() == 1});
  auto [pixels, input] = random_pictures(model.preprocessing, batch);
  return {channels_first(std::move(pixels)), channels_first(output_of(model, input))};
}

Comparison export_probabilities(const Model& model, const std::string& path, const ExportOptions& options,
                                int batch) {
  export_onnx(model, path, options);
  auto [pixels, input] = random_pictures(model.preprocessing, batch);
  Tensor& given = options.preprocessing ? pixels : input;
  const bool first = options.layout == ImageLayout::channels_first;
  const auto values = Predictor(model, nodes_for_classes(model, {}), Precision::f32, 32, true).run(input);
  ClassTable table = class_table(model, values);
  Comparison comparison{first ? channels_first(std::move(given)) : std::move(given),
                        std::move(table.probabilities)};
  if (options.logits) {
    Model bare = model;
    bare.graph = reference::logits_graph(model.graph);
    comparison.expected = output_of(bare, input);
  }
  if (!table.strangeness.empty()) {
    comparison.strangeness =
        Tensor({static_cast<std::int64_t>(table.strangeness.size()), 1}, table.strangeness);
  }
  return comparison;
}

void accept_at_random(Model& model, const std::vector<double>& limits) {
  const auto source = feature_source(model.graph).value();
  const auto classes = static_cast<std::int64_t>(limits.size());
  Acceptance acceptance{.node = model.graph.node(source.node).name,
                        .centroids = reference::random_tensor({classes, source.channels}, 21, 1.0F),
                        .directions = reference::random_tensor({3, source.channels}, 22, 0.5F),
                        .noise = 1.0 / static_cast<double>(source.channels),
                        .limits = limits,
                        .share = 0.99};
  for (Tensor* rows : {&acceptance.centroids, &acceptance.directions}) {
    *rows = unit_features(rows->values(), rows->shape()[0], source.channels);
  }
  for (float& value : acceptance.directions.values()) {
    value *= static_cast<float>(std::sqrt(0.3 / acceptance.noise));
  }
  model.acceptance = std::move(acceptance);
}

double relative_difference(std::span<const float> actual, const Tensor& expected) {
  double difference =
      actual.size() == expected.values().size() ? 0.0 : std::numeric_limits<double>::infinity();
  double largest = std::numeric_limits<double>::min();
  for (std::size_t i = 0; i < std::min(actual.size(), expected.values().size()); ++i) {
    const auto value = static_cast<double>(expected.values()[i]);
    const double apart = std::abs(static_cast<double>(actual[i]) - value);
    difference = std::isnan(apart) ? std::numeric_limits<double>::infinity() : std::max(difference, apart);
    largest = std::max(largest, std::abs(value));
  }
  return difference / largest;
}

std::vector<Architecture> family_members() {
  const std::set<std::pair<std::string, Flavour>> wanted{{"cnn_28", Flavour::keras},
                                                         {"lenet5", Flavour::keras},
                                                         {"mobilenet", Flavour::keras},
                                                         {"mobilenet_v2", Flavour::keras},
                                                         {"mobilenet_v3_small", Flavour::keras},
                                                         {"resnet50", Flavour::keras},
                                                         {"inception_v3", Flavour::keras},
                                                         {"xception", Flavour::keras},
                                                         {"densenet121", Flavour::keras},
                                                         {"efficientnet_b0", Flavour::keras},
                                                         {"efficientnet_v2_b0", Flavour::keras},
                                                         {"convnext_tiny", Flavour::keras},
                                                         {"nasnet_mobile", Flavour::keras},
                                                         {"squeezenet", Flavour::keras},
                                                         {"googlenet", Flavour::torch},
                                                         {"resnet18", Flavour::torch},
                                                         {"mnasnet0_5", Flavour::torch},
                                                         {"shufflenet_v2_x0_5", Flavour::torch},
                                                         {"vit_tiny_patch16_224", Flavour::torch},
                                                         {"swin_t", Flavour::torch}};
  std::vector<Architecture> members;
  for (const Architecture& row : architectures()) {
    if (wanted.contains({row.name, row.flavour})) {
      members.push_back(row);
    }
  }
  if (members.size() != wanted.size()) {
    throw Error("[test] expected every member of the list in the registry; received fewer; correct the list");
  }
  return members;
}

std::string network_name(const testing::TestParamInfo<Architecture>& info) {
  return info.param.name + (info.param.flavour == Flavour::torch ? "_torch" : "");
}

}  // namespace headstart::test
