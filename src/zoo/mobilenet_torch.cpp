// MobileNetV2 (Sandler et al., 2018) and MobileNetV3 (Howard et al., 2019) as torchvision builds and names
// them.
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

// --- MobileNetV2: table 2 of the paper ---

struct Stage {
  int expansion, filters, repeats, stride;
};
constexpr Stage kStagesV2[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

struct Block {
  int expanded, filters, stride;
};

NodeId inverted_residual_v2(Graph& graph, NodeId input, const Block& block, const std::string& name) {
  int index = 0;
  const auto next = [&] { return name + ".conv." + std::to_string(index++); };
  NodeId x = input;
  if (block.expanded != graph.node(input).shape[2]) {
    const std::string expand = next();
    x = graph.add(expand + ".0", torch_convolution({.filters = block.expanded}), x);
    x = norm_activation(graph, x, kTorchNormalization, kRelu6, expand);
  }
  const std::string depthwise = next();
  x = graph.add(depthwise + ".0", torch_depthwise(3, block.stride), x);
  x = norm_activation(graph, x, kTorchNormalization, kRelu6, depthwise);
  x = graph.add(next(), torch_convolution({.filters = block.filters}), x);
  x = graph.add(next(), kTorchNormalization, x);
  return add_residual(graph, input, x, name);
}

// --- MobileNetV3: tables 1 and 2 of the paper ---

const BatchNormalization kNormalizationV3{.epsilon = 1e-3F, .momentum = 0.99F};

struct BlockV3 {
  int kernel, expanded, filters;
  bool squeeze, hard_swish;
  int stride;
};
constexpr BlockV3 kLarge[] = {
    {3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
    {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
    {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
    {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
    {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1}};
constexpr BlockV3 kSmall[] = {
    {3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
    {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
    {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
    {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1}};

NodeId inverted_residual_v3(Graph& graph, NodeId input, const BlockV3& block, double alpha,
                            const std::string& name) {
  int index = 0;
  const auto next = [&] { return name + ".block." + std::to_string(index++); };
  const Activation activation = block.hard_swish ? kHardSwish : kRelu;
  const int expanded = make_divisible(block.expanded * alpha);
  NodeId x = input;
  if (expanded != graph.node(input).shape[2]) {
    const std::string expand = next();
    x = graph.add(expand + ".0", torch_convolution({.filters = expanded}), x);
    x = norm_activation(graph, x, kNormalizationV3, activation, expand);
  }
  const std::string depthwise = next();
  x = graph.add(depthwise + ".0", torch_depthwise(block.kernel, block.stride), x);
  x = norm_activation(graph, x, kNormalizationV3, activation, depthwise);
  if (block.squeeze) {
    const int quarter = expanded / 4;  // whole, as torchvision's //
    const int channels = make_divisible(quarter);
    x = squeeze_excitation(graph, x, {.channels = channels, .activation = kRelu, .gate = kHardSigmoid},
                           next());
  }
  const std::string project = next();
  x = graph.add(project + ".0", torch_convolution({.filters = make_divisible(block.filters * alpha)}), x);
  x = norm_activation(graph, x, kNormalizationV3, kLinear, project);
  return add_residual(graph, input, x, name);
}

Graph mobilenet_v3(const char* name, std::span<const BlockV3> blocks, int last,
                   const ArchitectureOptions& options) {
  Graph graph = start(name, options, "input");
  const TorchConvolution first{
      .filters = make_divisible(16 * options.alpha), .kernel = square(3), .stride = 2};
  NodeId x = graph.add("features.0.0", torch_convolution(first), graph.output());
  x = norm_activation(graph, x, kNormalizationV3, kHardSwish, "features.0");
  int index = 1;
  for (const BlockV3& block : blocks) {
    x = inverted_residual_v3(graph, x, block, options.alpha, "features." + std::to_string(index++));
  }
  const std::string final_name = "features." + std::to_string(index);
  const int features = 6 * static_cast<int>(graph.node(x).shape[2]);
  x = graph.add(final_name + ".0", torch_convolution({.filters = features}), x);
  x = norm_activation(graph, x, kNormalizationV3, kHardSwish, final_name);
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    x = graph.add("classifier.0", Dense{.units = make_divisible(last * options.alpha)}, x);
    x = graph.add("classifier.1", ActivationLayer{kHardSwish}, x);
    x = graph.add("classifier.2", Dropout{.rate = 0.2F}, x);
    graph.add("classifier.3", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph torch_mobilenet_v2(const ArchitectureOptions& options) {
  Graph graph = start("mobilenet_v2", options, "input");
  const TorchConvolution first{
      .filters = make_divisible(32 * options.alpha), .kernel = square(3), .stride = 2};
  NodeId x = graph.add("features.0.0", torch_convolution(first), graph.output());
  x = norm_activation(graph, x, kTorchNormalization, kRelu6, "features.0");
  int index = 1;
  for (const Stage& stage : kStagesV2) {
    for (int i = 0; i < stage.repeats; ++i) {
      const Block block{.expanded = stage.expansion * static_cast<int>(graph.node(x).shape[2]),
                        .filters = make_divisible(stage.filters * options.alpha),
                        .stride = i == 0 ? stage.stride : 1};
      x = inverted_residual_v2(graph, x, block, "features." + std::to_string(index++));
    }
  }
  const std::string last = "features." + std::to_string(index);
  x = graph.add(last + ".0",
                torch_convolution({.filters = make_divisible(1280 * std::fmax(1.0, options.alpha))}), x);
  x = norm_activation(graph, x, kTorchNormalization, kRelu6, last);
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    x = graph.add("classifier.0", Dropout{.rate = 0.2F}, x);
    graph.add("classifier.1", Dense{.units = options.classes}, x);
  }
  return graph;
}

Graph torch_mobilenet_v3_large(const ArchitectureOptions& options) {
  return mobilenet_v3("mobilenet_v3_large", kLarge, 1280, options);
}
Graph torch_mobilenet_v3_small(const ArchitectureOptions& options) {
  return mobilenet_v3("mobilenet_v3_small", kSmall, 1024, options);
}

}  // namespace headstart::zoo
