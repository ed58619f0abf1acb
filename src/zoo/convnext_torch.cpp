// ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022) as torchvision builds and names it. Stochastic
// depth, a regulariser of training from scratch, is left out.
#include <array>
#include <string>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const LayerNormalization kNormalization{.epsilon = 1e-6F};

struct Variant {
  const char* name = "";
  std::array<int, 4> blocks{};  // of the four stages
  int channels = 96;            // of the first stage; doubled by each
};

NodeId block(Graph& graph, NodeId input, const std::string& name) {
  const int channels = static_cast<int>(graph.node(input).shape[2]);
  DepthwiseConv2D depthwise = torch_depthwise(7, 1);
  depthwise.use_bias = true;
  NodeId x = graph.add(name + ".block.0", depthwise, input);
  x = graph.add(name + ".block.2", kNormalization, x);
  x = graph.add(name + ".block.3", Dense{.units = 4 * channels}, x);
  x = graph.add(name + ".block.4", ActivationLayer{kGelu}, x);
  x = graph.add(name + ".block.5", Dense{.units = channels}, x);
  x = graph.add(name + ".layer_scale", Scale{.initial = 1e-6F}, x);
  return add_residual(graph, input, x, name);
}

// Windows side by side.
Conv2D patches(int filters, int size) {
  return {.filters = filters, .kernel = square(size), .strides = square(size)};
}

Graph convnext(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options, "input");
  Sequence features(graph, graph.output(), "features");
  Sequence stem(graph, features.output(), features.next());
  stem.add(patches(variant.channels, 4));
  stem.add(kNormalization);
  features.advance(stem.output());
  for (std::size_t stage = 0; stage < variant.blocks.size(); ++stage) {
    if (stage > 0) {
      Sequence downsampling(graph, features.output(), features.next());
      downsampling.add(kNormalization);
      downsampling.add(patches(variant.channels << stage, 2));
      features.advance(downsampling.output());
    }
    Sequence blocks(graph, features.output(), features.next());
    for (int i = 0; i < variant.blocks[stage]; ++i) {
      blocks.advance(block(graph, blocks.output(), blocks.next()));
    }
    features.advance(blocks.output());
  }
  if (options.include_top) {
    NodeId x = graph.add("avgpool", GlobalAveragePooling2D{}, features.output());
    x = graph.add("classifier.0", kNormalization, x);
    graph.add("classifier.2", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph torch_convnext_tiny(const ArchitectureOptions& options) {
  return convnext({.name = "convnext_tiny", .blocks = {3, 3, 9, 3}}, options);
}
Graph torch_convnext_small(const ArchitectureOptions& options) {
  return convnext({.name = "convnext_small", .blocks = {3, 3, 27, 3}}, options);
}
Graph torch_convnext_base(const ArchitectureOptions& options) {
  return convnext({.name = "convnext_base", .blocks = {3, 3, 27, 3}, .channels = 128}, options);
}
Graph torch_convnext_large(const ArchitectureOptions& options) {
  return convnext({.name = "convnext_large", .blocks = {3, 3, 27, 3}, .channels = 192}, options);
}

}  // namespace headstart::zoo
