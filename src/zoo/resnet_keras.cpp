// ResNet (He et al., 2015) and ResNetV2 (He et al., "Identity mappings in deep residual networks", 2016) as
// Keras builds and names them: convolutions with bias, the stride of a bottleneck on its first (V1) or its
// 3x3 (V2) convolution.
#include <array>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};
const BatchNormalization kNormalization{.epsilon = 1.001e-5F};

// Blocks of the stages conv2 to conv5 (table 1 of the paper).
using Blocks = std::array<int, 4>;
constexpr Blocks kBlocks50{3, 4, 6, 3};
constexpr Blocks kBlocks101{3, 4, 23, 3};
constexpr Blocks kBlocks152{3, 8, 36, 3};

Conv2D conv1x1(int filters, int stride = 1) { return {.filters = filters, .strides = square(stride)}; }

NodeId bottleneck(Graph& graph, NodeId input, int filters, int stride, bool project,
                  const std::string& name) {
  NodeId x = graph.add(name + "_1_conv", conv1x1(filters, stride), input);
  x = graph.add(name + "_1_bn", kNormalization, x);
  x = graph.add(name + "_1_relu", kReluLayer, x);
  x = graph.add(name + "_2_conv", Conv2D{.filters = filters, .kernel = square(3), .padding = Padding::same()},
                x);
  x = graph.add(name + "_2_bn", kNormalization, x);
  x = graph.add(name + "_2_relu", kReluLayer, x);
  NodeId shortcut = input;
  if (project) {
    shortcut = graph.add(name + "_0_conv", conv1x1(4 * filters, stride), input);
    shortcut = graph.add(name + "_0_bn", kNormalization, shortcut);
  }
  x = graph.add(name + "_3_conv", conv1x1(4 * filters), x);
  x = graph.add(name + "_3_bn", kNormalization, x);
  x = graph.add(name + "_add", Add{}, std::vector<NodeId>{shortcut, x});
  return graph.add(name + "_out", kReluLayer, x);
}

// Normalisation and activation before the convolutions.
NodeId bottleneck_v2(Graph& graph, NodeId input, int filters, int stride, bool project,
                     const std::string& name) {
  NodeId x = graph.add(name + "_preact_bn", kNormalization, input);
  const NodeId preactivated = graph.add(name + "_preact_relu", kReluLayer, x);
  x = graph.add(name + "_1_conv", Conv2D{.filters = filters, .use_bias = false}, preactivated);
  x = graph.add(name + "_1_bn", kNormalization, x);
  x = graph.add(name + "_1_relu", kReluLayer, x);
  x = graph.add(name + "_2_pad", ZeroPadding2D{.top = 1, .bottom = 1, .left = 1, .right = 1}, x);
  x = graph.add(name + "_2_conv",
                Conv2D{.filters = filters, .kernel = square(3), .strides = square(stride), .use_bias = false},
                x);
  x = graph.add(name + "_2_bn", kNormalization, x);
  x = graph.add(name + "_2_relu", kReluLayer, x);
  NodeId shortcut = input;
  if (project) {
    shortcut = graph.add(name + "_0_conv", conv1x1(4 * filters, stride), preactivated);
  } else if (stride > 1) {
    const MaxPooling2D subsample{.pool = square(1), .strides = square(stride)};
    shortcut = graph.add(graph.automatic_name(subsample), subsample, input);
  }
  x = graph.add(name + "_3_conv", conv1x1(4 * filters), x);
  return graph.add(name + "_out", Add{}, std::vector<NodeId>{shortcut, x});
}

NodeId stem_convolution(Graph& graph) {
  const NodeId x =
      graph.add("conv1_pad", ZeroPadding2D{.top = 3, .bottom = 3, .left = 3, .right = 3}, graph.output());
  return graph.add("conv1_conv", Conv2D{.filters = 64, .kernel = square(7), .strides = square(2)}, x);
}

NodeId stem_pool(Graph& graph, NodeId x) {
  x = graph.add("pool1_pad", ZeroPadding2D{.top = 1, .bottom = 1, .left = 1, .right = 1}, x);
  return graph.add("pool1_pool", MaxPooling2D{.pool = square(3), .strides = square(2)}, x);
}

std::string block_name(std::size_t stage, int block) {
  return "conv" + std::to_string(stage + 2) + "_block" + std::to_string(block);
}

Graph resnet(const char* name, const Blocks& blocks, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  NodeId x = stem_convolution(graph);
  x = graph.add("conv1_bn", kNormalization, x);
  x = graph.add("conv1_relu", kReluLayer, x);
  x = stem_pool(graph, x);
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int block = 1; block <= blocks[stage]; ++block) {
      const int stride = block == 1 && stage > 0 ? 2 : 1;
      x = bottleneck(graph, x, 64 << stage, stride, block == 1, block_name(stage, block));
    }
  }
  add_keras_top(graph, x, options);
  return graph;
}

// Each stage but the last halves the image in its last block.
Graph resnet_v2(const char* name, const Blocks& blocks, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  NodeId x = stem_pool(graph, stem_convolution(graph));
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    for (int block = 1; block <= blocks[stage]; ++block) {
      const int stride = block == blocks[stage] && stage + 1 < blocks.size() ? 2 : 1;
      x = bottleneck_v2(graph, x, 64 << stage, stride, block == 1, block_name(stage, block));
    }
  }
  x = graph.add("post_bn", kNormalization, x);
  x = graph.add("post_relu", kReluLayer, x);
  add_keras_top(graph, x, options);
  return graph;
}

}  // namespace

Graph resnet50(const ArchitectureOptions& options) { return resnet("resnet50", kBlocks50, options); }
Graph resnet101(const ArchitectureOptions& options) { return resnet("resnet101", kBlocks101, options); }
Graph resnet152(const ArchitectureOptions& options) { return resnet("resnet152", kBlocks152, options); }
Graph resnet50_v2(const ArchitectureOptions& options) { return resnet_v2("resnet50_v2", kBlocks50, options); }
Graph resnet101_v2(const ArchitectureOptions& options) {
  return resnet_v2("resnet101_v2", kBlocks101, options);
}
Graph resnet152_v2(const ArchitectureOptions& options) {
  return resnet_v2("resnet152_v2", kBlocks152, options);
}

}  // namespace headstart::zoo
