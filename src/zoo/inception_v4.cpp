// Inception v4 (Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual connections on
// learning", 2016) as timm builds and names it.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

struct Unit {
  int filters = 0;
  Size2 kernel{};
};

constexpr Size2 kRow{1, 7};
constexpr Size2 kColumn{7, 1};
const MaxPooling2D kHalve{.pool = square(3), .strides = square(2)};

NodeId unit(Graph& graph, NodeId x, const Unit& unit, const std::string& name) {
  return basic_conv(graph, x, torch_convolution({.filters = unit.filters, .kernel = unit.kernel}), name);
}

// 3x3 without padding.
NodeId valid(Graph& graph, NodeId x, int filters, int stride, const std::string& name) {
  const Conv2D conv{.filters = filters, .kernel = square(3), .strides = square(stride), .use_bias = false};
  return basic_conv(graph, x, conv, name);
}

// "name.0", "name.1", ...
NodeId units(Graph& graph, NodeId x, const std::vector<Unit>& chain, const std::string& name) {
  for (int i = 0; const Unit& each : chain) {
    x = unit(graph, x, each, name + "." + std::to_string(i++));
  }
  return x;
}

NodeId pooled(Graph& graph, NodeId x, int filters, const std::string& name) {
  x = graph.add(name + ".0", AveragePooling2D{.pool = square(3), .padding = Padding::symmetric(1)}, x);
  return unit(graph, x, {filters, square(1)}, name + ".1");
}

NodeId joined(Graph& graph, const std::vector<NodeId>& branches, const std::string& name) {
  return graph.add(name, Concatenate{}, branches);
}

// Figure 3 of the paper: three forks, of which the second keeps the size.
NodeId stem(Graph& graph, NodeId x) {
  x = valid(graph, x, 32, 2, "features.0");
  x = valid(graph, x, 32, 1, "features.1");
  x = unit(graph, x, {64, square(3)}, "features.2");
  NodeId a = graph.add("features.3.maxpool", kHalve, x);
  NodeId b = valid(graph, x, 96, 2, "features.3.conv");
  x = joined(graph, {a, b}, "features.3");
  a = unit(graph, x, {64, square(1)}, "features.4.branch0.0");
  a = valid(graph, a, 96, 1, "features.4.branch0.1");
  b = units(graph, x, {{64, square(1)}, {64, kRow}, {64, kColumn}}, "features.4.branch1");
  b = valid(graph, b, 96, 1, "features.4.branch1.3");
  x = joined(graph, {a, b}, "features.4");
  a = valid(graph, x, 192, 2, "features.5.conv");
  b = graph.add("features.5.maxpool", kHalve, x);
  return joined(graph, {a, b}, "features.5");
}

// Figure 4.
NodeId block_a(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = unit(graph, x, {96, square(1)}, name + ".branch0");
  const NodeId b = units(graph, x, {{64, square(1)}, {96, square(3)}}, name + ".branch1");
  const NodeId c = units(graph, x, {{64, square(1)}, {96, square(3)}, {96, square(3)}}, name + ".branch2");
  const NodeId d = pooled(graph, x, 96, name + ".branch3");
  return joined(graph, {a, b, c, d}, name);
}

// Figure 7 with k, l, m, n = 192, 224, 256, 384.
NodeId reduction_a(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = valid(graph, x, 384, 2, name + ".branch0");
  NodeId b = units(graph, x, {{192, square(1)}, {224, square(3)}}, name + ".branch1");
  b = valid(graph, b, 256, 2, name + ".branch1.2");
  const NodeId c = graph.add(name + ".branch2", kHalve, x);
  return joined(graph, {a, b, c}, name);
}

// Figure 5.
NodeId block_b(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = unit(graph, x, {384, square(1)}, name + ".branch0");
  const NodeId b = units(graph, x, {{192, square(1)}, {224, kRow}, {256, kColumn}}, name + ".branch1");
  const NodeId c =
      units(graph, x, {{192, square(1)}, {192, kColumn}, {224, kRow}, {224, kColumn}, {256, kRow}},
            name + ".branch2");
  const NodeId d = pooled(graph, x, 128, name + ".branch3");
  return joined(graph, {a, b, c, d}, name);
}

// Figure 8.
NodeId reduction_b(Graph& graph, NodeId x, const std::string& name) {
  NodeId a = unit(graph, x, {192, square(1)}, name + ".branch0.0");
  a = valid(graph, a, 192, 2, name + ".branch0.1");
  NodeId b = units(graph, x, {{256, square(1)}, {256, kRow}, {320, kColumn}}, name + ".branch1");
  b = valid(graph, b, 320, 2, name + ".branch1.3");
  const NodeId c = graph.add(name + ".branch2", kHalve, x);
  return joined(graph, {a, b, c}, name);
}

// 1x3 and 3x1 side by side: "namea" and "nameb".
std::vector<NodeId> fork(Graph& graph, NodeId x, const std::string& name) {
  const NodeId row = unit(graph, x, {256, {1, 3}}, name + "a");
  const NodeId column = unit(graph, x, {256, {3, 1}}, name + "b");
  return {row, column};
}

// Figure 6.
NodeId block_c(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = unit(graph, x, {256, square(1)}, name + ".branch0");
  const NodeId b = unit(graph, x, {384, square(1)}, name + ".branch1_0");
  const std::vector<NodeId> b_fork = fork(graph, b, name + ".branch1_1");
  NodeId c = unit(graph, x, {384, square(1)}, name + ".branch2_0");
  c = unit(graph, c, {448, {3, 1}}, name + ".branch2_1");
  c = unit(graph, c, {512, {1, 3}}, name + ".branch2_2");
  const std::vector<NodeId> c_fork = fork(graph, c, name + ".branch2_3");
  const NodeId d = pooled(graph, x, 256, name + ".branch3");
  return joined(graph, {a, b_fork[0], b_fork[1], c_fork[0], c_fork[1], d}, name);
}

}  // namespace

Graph inception_v4(const ArchitectureOptions& options) {
  Graph graph = start("inception_v4", options, "input");
  NodeId x = stem(graph, graph.output());
  int number = 6;
  const auto next = [&number] { return "features." + std::to_string(number++); };
  for (int i = 0; i < 4; ++i) {
    x = block_a(graph, x, next());
  }
  x = reduction_a(graph, x, next());
  for (int i = 0; i < 7; ++i) {
    x = block_b(graph, x, next());
  }
  x = reduction_b(graph, x, next());
  for (int i = 0; i < 3; ++i) {
    x = block_c(graph, x, next());
  }
  if (options.include_top) {
    x = graph.add("global_pool", GlobalAveragePooling2D{}, x);
    graph.add("last_linear", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace headstart::zoo
