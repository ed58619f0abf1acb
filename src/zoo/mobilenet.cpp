// MobileNet (Howard et al., 2017) and MobileNetV2 (Sandler et al., 2018), as Keras builds and names them.
#include <string>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kRelu6Layer{kRelu6};

// --- MobileNet: table 1 of the paper, one row a depthwise separable block ---

struct SeparableBlock {
  int filters, stride;
};
constexpr SeparableBlock kBlocksV1[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                                        {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};

NodeId separable_block(Graph& graph, NodeId x, const SeparableBlock& block, int number, double alpha) {
  const std::string id = std::to_string(number);
  const bool halves = block.stride == 2;
  if (halves) {
    x = graph.add("conv_pad_" + id, ZeroPadding2D{.bottom = 1, .right = 1}, x);
  }
  x = graph.add("conv_dw_" + id,
                DepthwiseConv2D{.kernel = square(3),
                                .strides = square(block.stride),
                                .padding = halves ? Padding::valid() : Padding::same(),
                                .use_bias = false},
                x);
  x = graph.add("conv_dw_" + id + "_bn", BatchNormalization{}, x);
  x = graph.add("conv_dw_" + id + "_relu", kRelu6Layer, x);
  x = graph.add(
      "conv_pw_" + id,
      Conv2D{
          .filters = static_cast<int>(block.filters * alpha), .padding = Padding::same(), .use_bias = false},
      x);
  x = graph.add("conv_pw_" + id + "_bn", BatchNormalization{}, x);
  return graph.add("conv_pw_" + id + "_relu", kRelu6Layer, x);
}

// --- MobileNetV2: table 2 of the paper, one row a stage of inverted residuals ---

struct Stage {
  int expansion, filters, repeats, stride;
};
constexpr Stage kStagesV2[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
const BatchNormalization kNormalizationV2{.epsilon = 1e-3F, .momentum = 0.999F};

NodeId inverted_residual(Graph& graph, NodeId x, const Stage& stage, int stride, int number, double alpha) {
  const std::string prefix = number == 0 ? "expanded_conv_" : "block_" + std::to_string(number) + "_";
  const NodeId input = x;
  const int channels = static_cast<int>(graph.node(x).shape[2]);
  const int filters = make_divisible(static_cast<int>(stage.filters * alpha));
  if (stage.expansion != 1) {
    const Conv2D expand{.filters = stage.expansion * channels, .padding = Padding::same(), .use_bias = false};
    x = graph.add(prefix + "expand", expand, x);
    x = graph.add(prefix + "expand_BN", kNormalizationV2, x);
    x = graph.add(prefix + "expand_relu", kRelu6Layer, x);
  }
  if (stride == 2) {
    x = graph.add(prefix + "pad", correct_pad(graph.node(x).shape, 3), x);
  }
  x = graph.add(prefix + "depthwise",
                DepthwiseConv2D{.kernel = square(3),
                                .strides = square(stride),
                                .padding = stride == 2 ? Padding::valid() : Padding::same(),
                                .use_bias = false},
                x);
  x = graph.add(prefix + "depthwise_BN", kNormalizationV2, x);
  x = graph.add(prefix + "depthwise_relu", kRelu6Layer, x);
  x = graph.add(prefix + "project", Conv2D{.filters = filters, .padding = Padding::same(), .use_bias = false},
                x);
  x = graph.add(prefix + "project_BN", kNormalizationV2, x);
  if (stride == 1 && channels == filters) {
    x = graph.add(prefix + "add", Add{}, std::vector<NodeId>{input, x});
  }
  return x;
}

}  // namespace

Graph mobilenet(const ArchitectureOptions& options) {
  Graph graph = start("mobilenet", options);
  NodeId x = graph.output();
  x = graph.add("conv1",
                Conv2D{.filters = static_cast<int>(32 * options.alpha),
                       .kernel = square(3),
                       .strides = square(2),
                       .padding = Padding::same(),
                       .use_bias = false},
                x);
  x = graph.add("conv1_bn", BatchNormalization{}, x);
  x = graph.add("conv1_relu", kRelu6Layer, x);
  int number = 0;
  for (const SeparableBlock& block : kBlocksV1) {
    x = separable_block(graph, x, block, ++number, options.alpha);
  }
  if (options.include_top) {
    x = graph.add("global_average_pooling2d", GlobalAveragePooling2D{.keep_dims = true}, x);
    x = graph.add("dropout", Dropout{.rate = 1e-3F}, x);
    x = graph.add("conv_preds", Conv2D{.filters = options.classes, .padding = Padding::same()}, x);
    x = graph.add("reshape_2", Reshape{{options.classes}}, x);
    graph.add("predictions", ActivationLayer{kSoftmax}, x);
  }
  return graph;
}

Graph mobilenet_v2(const ArchitectureOptions& options) {
  Graph graph = start("mobilenet_v2", options);
  NodeId x = graph.output();
  x = graph.add("Conv1",
                Conv2D{.filters = make_divisible(32 * options.alpha),
                       .kernel = square(3),
                       .strides = square(2),
                       .padding = Padding::same(),
                       .use_bias = false},
                x);
  x = graph.add("bn_Conv1", kNormalizationV2, x);
  x = graph.add("Conv1_relu", kRelu6Layer, x);
  int number = 0;
  for (const Stage& stage : kStagesV2) {
    for (int i = 0; i < stage.repeats; ++i) {
      x = inverted_residual(graph, x, stage, i == 0 ? stage.stride : 1, number++, options.alpha);
    }
  }
  const int filters = options.alpha > 1.0 ? make_divisible(1280 * options.alpha) : 1280;
  x = graph.add("Conv_1", Conv2D{.filters = filters, .use_bias = false}, x);
  x = graph.add("Conv_1_bn", kNormalizationV2, x);
  x = graph.add("out_relu", kRelu6Layer, x);
  if (options.include_top) {
    x = graph.add("global_average_pooling2d", GlobalAveragePooling2D{}, x);
    graph.add("predictions", Dense{.units = options.classes, .activation = kSoftmax}, x);
  }
  return graph;
}

}  // namespace headstart::zoo
