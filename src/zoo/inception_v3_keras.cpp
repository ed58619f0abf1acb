// Inception v3 (Szegedy et al., "Rethinking the inception architecture for computer vision", 2015) as Keras
// builds and names it: layers in Keras's order of creation under automatic names, batch normalization without
// gamma.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

struct Unit {
  int filters = 0;
  Size2 kernel{};
  int stride = 1;
  bool same = true;
};

// Convolution, normalisation, relu.
NodeId unit(Graph& graph, NodeId x, const Unit& unit) {
  const Conv2D conv{.filters = unit.filters,
                    .kernel = unit.kernel,
                    .strides = square(unit.stride),
                    .padding = unit.same ? Padding::same() : Padding::valid(),
                    .use_bias = false};
  x = graph.add(graph.automatic_name(conv), conv, x);
  const BatchNormalization normalization{.scale = false};
  x = graph.add(graph.automatic_name(normalization), normalization, x);
  const ActivationLayer relu{kRelu};
  return graph.add(graph.automatic_name(relu), relu, x);
}

NodeId units(Graph& graph, NodeId x, const std::vector<Unit>& chain) {
  for (const Unit& each : chain) {
    x = unit(graph, x, each);
  }
  return x;
}

NodeId max_pool(Graph& graph, NodeId x) {
  const MaxPooling2D pool{.pool = square(3), .strides = square(2)};
  return graph.add(graph.automatic_name(pool), pool, x);
}

// The pooling branch: average over 3x3, then 1x1.
NodeId pooled(Graph& graph, NodeId x, int filters) {
  const AveragePooling2D pool{.pool = square(3), .padding = Padding::same()};
  x = graph.add(graph.automatic_name(pool), pool, x);
  return unit(graph, x, {filters, square(1)});
}

constexpr Unit halving(int filters) { return {filters, square(3), 2, false}; }

// Figure 5 of the paper.
NodeId block_35(Graph& graph, NodeId x, int pool_filters, const std::string& name) {
  const NodeId a = unit(graph, x, {64, square(1)});
  const NodeId b = units(graph, x, {{48, square(1)}, {64, square(5)}});
  const NodeId c = units(graph, x, {{64, square(1)}, {96, square(3)}, {96, square(3)}});
  const NodeId d = pooled(graph, x, pool_filters);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

NodeId reduce_35(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = unit(graph, x, halving(384));
  const NodeId b = units(graph, x, {{64, square(1)}, {96, square(3)}, halving(96)});
  const NodeId c = max_pool(graph, x);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c});
}

// Figure 6 with n = 7.
NodeId block_17(Graph& graph, NodeId x, int n, const std::string& name) {
  const Size2 row{1, 7};
  const Size2 column{7, 1};
  const NodeId a = unit(graph, x, {192, square(1)});
  const NodeId b = units(graph, x, {{n, square(1)}, {n, row}, {192, column}});
  const NodeId c = units(graph, x, {{n, square(1)}, {n, column}, {n, row}, {n, column}, {192, row}});
  const NodeId d = pooled(graph, x, 192);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

NodeId reduce_17(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = units(graph, x, {{192, square(1)}, halving(320)});
  const NodeId b = units(graph, x, {{192, square(1)}, {192, {1, 7}}, {192, {7, 1}}, halving(192)});
  const NodeId c = max_pool(graph, x);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c});
}

// 1x3 and 3x1 side by side.
NodeId fork(Graph& graph, NodeId x, const std::string& name) {
  const NodeId row = unit(graph, x, {384, {1, 3}});
  const NodeId column = unit(graph, x, {384, {3, 1}});
  return graph.add(name, Concatenate{}, std::vector<NodeId>{row, column});
}

// Figure 7.
NodeId block_8(Graph& graph, NodeId x, const std::string& name, const std::string& first_fork) {
  const NodeId a = unit(graph, x, {320, square(1)});
  const NodeId b = fork(graph, unit(graph, x, {384, square(1)}), first_fork);
  const NodeId c =
      fork(graph, units(graph, x, {{448, square(1)}, {384, square(3)}}), graph.automatic_name(Concatenate{}));
  const NodeId d = pooled(graph, x, 192);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

}  // namespace

Graph inception_v3(const ArchitectureOptions& options) {
  Graph graph = start("inception_v3", options);
  NodeId x = units(graph, graph.output(), {halving(32), {32, square(3), 1, false}, {64, square(3)}});
  x = max_pool(graph, x);
  x = units(graph, x, {{80, square(1), 1, false}, {192, square(3), 1, false}});
  x = max_pool(graph, x);
  x = block_35(graph, x, 32, "mixed0");
  x = block_35(graph, x, 64, "mixed1");
  x = block_35(graph, x, 64, "mixed2");
  x = reduce_35(graph, x, "mixed3");
  x = block_17(graph, x, 128, "mixed4");
  x = block_17(graph, x, 160, "mixed5");
  x = block_17(graph, x, 160, "mixed6");
  x = block_17(graph, x, 192, "mixed7");
  x = reduce_17(graph, x, "mixed8");
  x = block_8(graph, x, "mixed9", "mixed9_0");
  x = block_8(graph, x, "mixed10", "mixed9_1");
  add_keras_top(graph, x, options);
  return graph;
}

}  // namespace headstart::zoo
