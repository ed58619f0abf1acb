// ResNet (He et al., 2015), ResNeXt (Xie et al., 2016) and Wide ResNet (Zagoruyko and Komodakis, 2016) as
// torchvision builds and names them: no biases, the stride of a bottleneck on its 3x3 convolution ("v1.5").
#include <array>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};

struct Variant {
  const char* name = "";
  std::array<int, 4> blocks{};  // of layer1 to layer4
  bool bottleneck = true;
  int groups = 1;
  int width_per_group = 64;
};

struct Block {
  int filters = 64;
  int stride = 1;
};

NodeId conv_bn(Graph& graph, NodeId x, const TorchConvolution& conv, const std::string& block,
               const std::string& number) {
  x = graph.add(block + ".conv" + number, torch_convolution(conv), x);
  return graph.add(block + ".bn" + number, kTorchNormalization, x);
}

// The input itself, or projected to the block's shape.
NodeId shortcut(Graph& graph, NodeId input, int channels, int stride, const std::string& name) {
  if (stride == 1 && graph.node(input).shape[2] == channels) {
    return input;
  }
  const NodeId x =
      graph.add(name + ".downsample.0",
                torch_convolution({.filters = channels, .kernel = square(1), .stride = stride}), input);
  return graph.add(name + ".downsample.1", kTorchNormalization, x);
}

NodeId join(Graph& graph, NodeId x, NodeId shortcut, const std::string& name) {
  x = graph.add(name + ".add", Add{}, std::vector<NodeId>{x, shortcut});
  return graph.add(name, kReluLayer, x);
}

NodeId basic_block(Graph& graph, NodeId input, const Block& block, const std::string& name) {
  const int filters = block.filters;
  NodeId x =
      conv_bn(graph, input, {.filters = filters, .kernel = square(3), .stride = block.stride}, name, "1");
  x = graph.add(name + ".relu", kReluLayer, x);
  x = conv_bn(graph, x, {.filters = filters, .kernel = square(3)}, name, "2");
  return join(graph, x, shortcut(graph, input, filters, block.stride, name), name);
}

NodeId bottleneck(Graph& graph, NodeId input, const Block& block, const Variant& variant,
                  const std::string& name) {
  const int width = block.filters * variant.width_per_group / 64 * variant.groups;
  const TorchConvolution middle{
      .filters = width, .kernel = square(3), .stride = block.stride, .groups = variant.groups};
  NodeId x = conv_bn(graph, input, {.filters = width}, name, "1");
  x = graph.add(name + ".relu1", kReluLayer, x);
  x = conv_bn(graph, x, middle, name, "2");
  x = graph.add(name + ".relu2", kReluLayer, x);
  x = conv_bn(graph, x, {.filters = 4 * block.filters}, name, "3");
  return join(graph, x, shortcut(graph, input, 4 * block.filters, block.stride, name), name);
}

Graph resnet(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options, "input");
  NodeId x = graph.add("conv1", torch_convolution({.filters = 64, .kernel = square(7), .stride = 2}),
                       graph.output());
  x = graph.add("bn1", kTorchNormalization, x);
  x = graph.add("relu", kReluLayer, x);
  x = graph.add("maxpool",
                MaxPooling2D{.pool = square(3), .strides = square(2), .padding = Padding::symmetric(1)}, x);
  for (std::size_t stage = 0; stage < variant.blocks.size(); ++stage) {
    for (int i = 0; i < variant.blocks[stage]; ++i) {
      const Block block{.filters = 64 << stage, .stride = stage > 0 && i == 0 ? 2 : 1};
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      x = variant.bottleneck ? bottleneck(graph, x, block, variant, name)
                             : basic_block(graph, x, block, name);
    }
  }
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    graph.add("fc", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph torch_resnet18(const ArchitectureOptions& options) {
  return resnet({.name = "resnet18", .blocks = {2, 2, 2, 2}, .bottleneck = false}, options);
}
Graph torch_resnet34(const ArchitectureOptions& options) {
  return resnet({.name = "resnet34", .blocks = {3, 4, 6, 3}, .bottleneck = false}, options);
}
Graph torch_resnet50(const ArchitectureOptions& options) {
  return resnet({.name = "resnet50", .blocks = {3, 4, 6, 3}}, options);
}
Graph torch_resnet101(const ArchitectureOptions& options) {
  return resnet({.name = "resnet101", .blocks = {3, 4, 23, 3}}, options);
}
Graph torch_resnet152(const ArchitectureOptions& options) {
  return resnet({.name = "resnet152", .blocks = {3, 8, 36, 3}}, options);
}
Graph resnext50_32x4d(const ArchitectureOptions& options) {
  return resnet({.name = "resnext50_32x4d", .blocks = {3, 4, 6, 3}, .groups = 32, .width_per_group = 4},
                options);
}
Graph resnext101_32x8d(const ArchitectureOptions& options) {
  return resnet({.name = "resnext101_32x8d", .blocks = {3, 4, 23, 3}, .groups = 32, .width_per_group = 8},
                options);
}
Graph resnext101_64x4d(const ArchitectureOptions& options) {
  return resnet({.name = "resnext101_64x4d", .blocks = {3, 4, 23, 3}, .groups = 64, .width_per_group = 4},
                options);
}
Graph wide_resnet50_2(const ArchitectureOptions& options) {
  return resnet({.name = "wide_resnet50_2", .blocks = {3, 4, 6, 3}, .width_per_group = 128}, options);
}
Graph wide_resnet101_2(const ArchitectureOptions& options) {
  return resnet({.name = "wide_resnet101_2", .blocks = {3, 4, 23, 3}, .width_per_group = 128}, options);
}

}  // namespace headstart::zoo
