// MobileNetV3 (Howard et al., "Searching for MobileNetV3", 2019) as Keras builds and names it: the graph
// scales bytes itself.
#include <span>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

constexpr Activation kHardSwish{Activation::Kind::hard_swish};
constexpr Activation kHardSigmoid{Activation::Kind::hard_sigmoid};
constexpr BatchNormalization kNormalization{.epsilon = 1e-3F, .momentum = 0.999F};

// One row of the paper's tables 1 and 2.
struct Block {
  double expansion = 1;
  int filters = 0, kernel = 3, stride = 1;
  bool squeeze = false, hard_swish = false;
};
constexpr Block kLarge[] = {
    {1, 16, 3, 1, false, false},  {4, 24, 3, 2, false, false},  {3, 24, 3, 1, false, false},
    {3, 40, 5, 2, true, false},   {3, 40, 5, 1, true, false},   {3, 40, 5, 1, true, false},
    {6, 80, 3, 2, false, true},   {2.5, 80, 3, 1, false, true}, {2.3, 80, 3, 1, false, true},
    {2.3, 80, 3, 1, false, true}, {6, 112, 3, 1, true, true},   {6, 112, 3, 1, true, true},
    {6, 160, 5, 2, true, true},   {6, 160, 5, 1, true, true},   {6, 160, 5, 1, true, true}};
constexpr Block kSmall[] = {{1, 16, 3, 2, true, false},
                            {72.0 / 16, 24, 3, 2, false, false},
                            {88.0 / 24, 24, 3, 1, false, false},
                            {4, 40, 5, 2, true, true},
                            {6, 40, 5, 1, true, true},
                            {6, 40, 5, 1, true, true},
                            {3, 48, 5, 1, true, true},
                            {3, 48, 5, 1, true, true},
                            {6, 96, 5, 2, true, true},
                            {6, 96, 5, 1, true, true},
                            {6, 96, 5, 1, true, true}};

NodeId activate(Graph& graph, NodeId x, const Activation& activation) {
  const ActivationLayer layer{activation};
  return graph.add(graph.automatic_name(layer), layer, x);
}

NodeId normalized(Graph& graph, NodeId x, const Op& convolution, const std::string& name) {
  x = graph.add(name, convolution, x);
  return graph.add(name + "/BatchNorm", kNormalization, x);
}

Conv2D pointwise(int filters) { return {.filters = filters, .padding = Padding::same(), .use_bias = false}; }

NodeId squeeze_excite(Graph& graph, NodeId input, const std::string& prefix) {
  const int filters = static_cast<int>(graph.node(input).shape[2]);
  const Conv2D reduce{.filters = make_divisible(filters * 0.25), .padding = Padding::same()};
  const Conv2D expand{.filters = filters, .padding = Padding::same()};
  NodeId x = graph.add(prefix + "AvgPool", GlobalAveragePooling2D{.keep_dims = true}, input);
  x = graph.add(prefix + "Conv", reduce, x);
  x = graph.add(prefix + "Relu", ActivationLayer{kRelu}, x);
  x = graph.add(prefix + "Conv_1", expand, x);
  x = activate(graph, x, kHardSigmoid);
  return graph.add(prefix + "Mul", Multiply{}, std::vector<NodeId>{input, x});
}

NodeId inverted_residual(Graph& graph, NodeId input, const Block& block, int number, double alpha) {
  const std::string prefix = number == 0 ? "expanded_conv/" : "expanded_conv_" + std::to_string(number) + "/";
  const Activation activation = block.hard_swish ? kHardSwish : kRelu;
  const int channels = static_cast<int>(graph.node(input).shape[2]);
  const int filters = make_divisible(block.filters * alpha);
  NodeId x = input;
  if (number > 0) {
    x = normalized(graph, x, pointwise(make_divisible(channels * block.expansion)), prefix + "expand");
    x = activate(graph, x, activation);
  }
  if (block.stride == 2) {
    x = graph.add(prefix + "depthwise/pad", correct_pad(graph.node(x).shape, block.kernel), x);
  }
  const DepthwiseConv2D depthwise{.kernel = square(block.kernel),
                                  .strides = square(block.stride),
                                  .padding = block.stride == 2 ? Padding::valid() : Padding::same(),
                                  .use_bias = false};
  x = normalized(graph, x, depthwise, prefix + "depthwise");
  x = activate(graph, x, activation);
  if (block.squeeze) {
    x = squeeze_excite(graph, x, prefix + "squeeze_excite/");
  }
  x = normalized(graph, x, pointwise(filters), prefix + "project");
  return block.stride == 1 && channels == filters
             ? graph.add(prefix + "Add", Add{}, std::vector<NodeId>{input, x})
             : x;
}

Graph mobilenet_v3(const char* name, std::span<const Block> blocks, int last_filters,
                   const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  NodeId x = graph.add("rescaling", Rescaling{.scale = {1.0F / 127.5F}, .offset = {-1.0F}}, graph.output());
  const Conv2D first{.filters = 16,
                     .kernel = square(3),
                     .strides = square(2),
                     .padding = Padding::same(),
                     .use_bias = false};
  x = activate(graph, normalized(graph, x, first, "Conv"), kHardSwish);
  int number = 0;
  for (const Block& block : blocks) {
    x = inverted_residual(graph, x, block, number++, options.alpha);
  }
  const int features = make_divisible(6.0 * static_cast<double>(graph.node(x).shape[2]));
  x = activate(graph, normalized(graph, x, pointwise(features), "Conv_1"), kHardSwish);
  if (options.include_top) {
    const int units = options.alpha > 1.0 ? make_divisible(last_filters * options.alpha) : last_filters;
    x = graph.add("global_average_pooling2d", GlobalAveragePooling2D{.keep_dims = true}, x);
    x = graph.add("Conv_2", Conv2D{.filters = units, .padding = Padding::same()}, x);
    x = activate(graph, x, kHardSwish);
    x = graph.add("dropout", Dropout{.rate = 0.2F}, x);
    x = graph.add("Logits", Conv2D{.filters = options.classes, .padding = Padding::same()}, x);
    x = graph.add("flatten", Flatten{}, x);
    graph.add("Predictions", ActivationLayer{kSoftmax}, x);
  }
  return graph;
}

}  // namespace

Graph mobilenet_v3_large(const ArchitectureOptions& options) {
  return mobilenet_v3("mobilenet_v3_large", kLarge, 1280, options);
}
Graph mobilenet_v3_small(const ArchitectureOptions& options) {
  return mobilenet_v3("mobilenet_v3_small", kSmall, 1024, options);
}

}  // namespace headstart::zoo
