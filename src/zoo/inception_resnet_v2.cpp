// Inception-ResNet-v2 (Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual connections
// on learning", 2016) as Keras builds and names it: layers in Keras's order of creation, batch normalization
// without gamma.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};

struct Unit {
  int filters = 0;
  Size2 kernel{};
  int stride = 1;
  bool same = true;
};

Conv2D convolution(const Unit& unit) {
  return {.filters = unit.filters,
          .kernel = unit.kernel,
          .strides = square(unit.stride),
          .padding = unit.same ? Padding::same() : Padding::valid(),
          .use_bias = false};
}

// Convolutions, each with its normalisation and relu, under automatic names.
NodeId units(Graph& graph, NodeId x, const std::vector<Unit>& chain) {
  const BatchNormalization normalization{.scale = false};
  for (const Unit& unit : chain) {
    const Conv2D conv = convolution(unit);
    x = graph.add(graph.automatic_name(conv), conv, x);
    x = graph.add(graph.automatic_name(normalization), normalization, x);
    x = graph.add(graph.automatic_name(kReluLayer), kReluLayer, x);
  }
  return x;
}

constexpr Unit halving(int filters) { return {filters, square(3), 2, false}; }

NodeId max_pool(Graph& graph, NodeId x) {
  const MaxPooling2D pool{.pool = square(3), .strides = square(2)};
  return graph.add(graph.automatic_name(pool), pool, x);
}

NodeId pooled(Graph& graph, NodeId x, int filters) {
  const AveragePooling2D pool{.pool = square(3), .padding = Padding::same()};
  x = graph.add(graph.automatic_name(pool), pool, x);
  return units(graph, x, {{filters, square(1)}});
}

// The branches are concatenated, projected to the input's channels, scaled and added to it.
NodeId residual(Graph& graph, NodeId x, const std::vector<std::vector<Unit>>& branches, float scale,
                const std::string& name) {
  std::vector<NodeId> outputs;
  outputs.reserve(branches.size());
  for (const std::vector<Unit>& branch : branches) {
    outputs.push_back(units(graph, x, branch));
  }
  NodeId up = graph.add(name + "_mixed", Concatenate{}, outputs);
  up = graph.add(name + "_conv",
                 Conv2D{.filters = static_cast<int>(graph.node(x).shape[2]), .padding = Padding::same()}, up);
  up = graph.add(name + "_scale", Rescaling{.scale = {scale}}, up);
  return graph.add(name, Add{}, std::vector<NodeId>{x, up});
}

NodeId stem(Graph& graph) {
  NodeId x = units(graph, graph.output(), {halving(32), {32, square(3), 1, false}, {64, square(3)}});
  x = max_pool(graph, x);
  x = units(graph, x, {{80, square(1), 1, false}, {192, square(3), 1, false}});
  x = max_pool(graph, x);
  const NodeId a = units(graph, x, {{96, square(1)}});
  const NodeId b = units(graph, x, {{48, square(1)}, {64, square(5)}});
  const NodeId c = units(graph, x, {{64, square(1)}, {96, square(3)}, {96, square(3)}});
  const NodeId d = pooled(graph, x, 64);
  return graph.add("mixed_5b", Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

NodeId reduce_35(Graph& graph, NodeId x) {
  const NodeId a = units(graph, x, {halving(384)});
  const NodeId b = units(graph, x, {{256, square(1)}, {256, square(3)}, halving(384)});
  const NodeId c = max_pool(graph, x);
  return graph.add("mixed_6a", Concatenate{}, std::vector<NodeId>{a, b, c});
}

NodeId reduce_17(Graph& graph, NodeId x) {
  const NodeId a = units(graph, x, {{256, square(1)}, halving(384)});
  const NodeId b = units(graph, x, {{256, square(1)}, halving(288)});
  const NodeId c = units(graph, x, {{256, square(1)}, {288, square(3)}, halving(320)});
  const NodeId d = max_pool(graph, x);
  return graph.add("mixed_7a", Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

}  // namespace

Graph inception_resnet_v2(const ArchitectureOptions& options) {
  const std::vector<std::vector<Unit>> block35{{{32, square(1)}},
                                               {{32, square(1)}, {32, square(3)}},
                                               {{32, square(1)}, {48, square(3)}, {64, square(3)}}};
  const std::vector<std::vector<Unit>> block17{{{192, square(1)}},
                                               {{128, square(1)}, {160, {1, 7}}, {192, {7, 1}}}};
  const std::vector<std::vector<Unit>> block8{{{192, square(1)}},
                                              {{192, square(1)}, {224, {1, 3}}, {256, {3, 1}}}};
  Graph graph = start("inception_resnet_v2", options);
  NodeId x = stem(graph);
  for (int i = 1; i <= 10; ++i) {
    const std::string name = "block35_" + std::to_string(i);
    x = graph.add(name + "_ac", kReluLayer, residual(graph, x, block35, 0.17F, name));
  }
  x = reduce_35(graph, x);
  for (int i = 1; i <= 20; ++i) {
    const std::string name = "block17_" + std::to_string(i);
    x = graph.add(name + "_ac", kReluLayer, residual(graph, x, block17, 0.1F, name));
  }
  x = reduce_17(graph, x);
  for (int i = 1; i <= 9; ++i) {
    const std::string name = "block8_" + std::to_string(i);
    x = graph.add(name + "_ac", kReluLayer, residual(graph, x, block8, 0.2F, name));
  }
  x = residual(graph, x, block8, 1.0F, "block8_10");
  x = graph.add("conv_7b", convolution({1536, square(1)}), x);
  x = graph.add("conv_7b_bn", BatchNormalization{.scale = false}, x);
  x = graph.add("conv_7b_ac", kReluLayer, x);
  add_keras_top(graph, x, options);
  return graph;
}

}  // namespace headstart::zoo
