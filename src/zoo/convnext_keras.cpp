// ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022) as Keras builds and names it: the graph scales bytes
// itself; the stem and what halves the size are models of their own.
#include <array>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

constexpr LayerNormalization kNormalization{.epsilon = 1e-6F};
constexpr Scale kLayerScale{.initial = 1e-6F};
constexpr Activation kGelu{Activation::Kind::gelu};

struct Stage {
  int filters = 0, blocks = 0;
};
using Stages = std::array<Stage, 4>;

constexpr Stages kTiny{{{96, 3}, {192, 3}, {384, 9}, {768, 3}}};
constexpr Stages kSmall{{{96, 3}, {192, 3}, {384, 27}, {768, 3}}};
constexpr Stages kBase{{{128, 3}, {256, 3}, {512, 27}, {1024, 3}}};
constexpr Stages kLarge{{{192, 3}, {384, 3}, {768, 27}, {1536, 3}}};
constexpr Stages kExtraLarge{{{256, 3}, {512, 3}, {1024, 27}, {2048, 3}}};

// 4x4 patches without overlap.
NodeId stem(Graph& graph, NodeId x, int filters) {
  const std::string name = graph.name() + "_stem";
  Graph inner(name);
  NodeId y = inner.add("input", Input{graph.node(x).shape}, std::vector<NodeId>{});
  y = inner.add(name + "_conv", Conv2D{.filters = filters, .kernel = square(4), .strides = square(4)}, y);
  inner.add(name + "_layernorm", kNormalization, y);
  return graph.nest(inner, x);
}

NodeId halve(Graph& graph, NodeId x, int filters, int number) {
  const auto name = [&](const std::string& part) {
    return graph.name() + "_downsampling_" + part + "_" + std::to_string(number);
  };
  Graph inner(name("block"));
  NodeId y = inner.add("input", Input{graph.node(x).shape}, std::vector<NodeId>{});
  y = inner.add(name("layernorm"), kNormalization, y);
  inner.add(name("conv"), Conv2D{.filters = filters, .kernel = square(2), .strides = square(2)}, y);
  return graph.nest(inner, x);
}

NodeId block(Graph& graph, NodeId input, int filters, const std::string& name) {
  const Conv2D depthwise{
      .filters = filters, .kernel = square(7), .padding = Padding::same(), .groups = filters};
  NodeId x = graph.add(name + "_depthwise_conv", depthwise, input);
  x = graph.add(name + "_layernorm", kNormalization, x);
  x = graph.add(name + "_pointwise_conv_1", Dense{.units = 4 * filters}, x);
  x = graph.add(name + "_gelu", ActivationLayer{kGelu}, x);
  x = graph.add(name + "_pointwise_conv_2", Dense{.units = filters}, x);
  x = graph.add(name + "_layer_scale", kLayerScale, x);
  x = graph.add(name + "_identity", ActivationLayer{}, x);  // stochastic depth at Keras's rate of 0
  return graph.add(graph.automatic_name(Add{}), Add{}, std::vector<NodeId>{input, x});
}

Graph convnext(const std::string& name, const Stages& stages, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  NodeId x = graph.output();
  if (options.channels == 3) {
    x = graph.add(name + "_prestem_normalization", imagenet_standardization(255.0F), x);
  }
  for (int i = 0; const Stage& stage : stages) {
    x = i == 0 ? stem(graph, x, stage.filters) : halve(graph, x, stage.filters, i - 1);
    for (int j = 0; j < stage.blocks; ++j) {
      const std::string block_name = name + "_stage_" + std::to_string(i) + "_block_" + std::to_string(j);
      x = block(graph, x, stage.filters, block_name);
    }
    ++i;
  }
  if (options.include_top) {
    x = graph.add(name + "_head_gap", GlobalAveragePooling2D{}, x);
    x = graph.add(name + "_head_layernorm", kNormalization, x);
    graph.add(name + "_head_dense", Dense{.units = options.classes, .activation = kSoftmax}, x);
  } else {
    graph.add("layer_normalization", kNormalization, x);  // Keras's, over the map in place of its means
  }
  return graph;
}

}  // namespace

Graph convnext_tiny(const ArchitectureOptions& options) { return convnext("convnext_tiny", kTiny, options); }
Graph convnext_small(const ArchitectureOptions& options) {
  return convnext("convnext_small", kSmall, options);
}
Graph convnext_base(const ArchitectureOptions& options) { return convnext("convnext_base", kBase, options); }
Graph convnext_large(const ArchitectureOptions& options) {
  return convnext("convnext_large", kLarge, options);
}
Graph convnext_xlarge(const ArchitectureOptions& options) {
  return convnext("convnext_xlarge", kExtraLarge, options);
}

}  // namespace headstart::zoo
