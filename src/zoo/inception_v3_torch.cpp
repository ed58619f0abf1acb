// Inception v3 (Szegedy et al., 2015) as torchvision builds and names it: batch normalization with gamma,
// average pooling that counts its padding, the auxiliary classifier left out.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

struct Unit {
  const char* name = "";
  int filters = 0;
  Size2 kernel{};
};

NodeId unit(Graph& graph, NodeId x, const Unit& unit, const std::string& module) {
  return basic_conv(graph, x, torch_convolution({.filters = unit.filters, .kernel = unit.kernel}),
                    module + unit.name);
}

// Without padding; halves the size at stride 2.
NodeId valid(Graph& graph, NodeId x, int filters, int stride, const std::string& name) {
  const Conv2D conv{.filters = filters, .kernel = square(3), .strides = square(stride), .use_bias = false};
  return basic_conv(graph, x, conv, name);
}

NodeId units(Graph& graph, NodeId x, const std::vector<Unit>& chain, const std::string& module) {
  for (const Unit& each : chain) {
    x = unit(graph, x, each, module);
  }
  return x;
}

NodeId pooled(Graph& graph, NodeId x, int filters, const std::string& module) {
  const AveragePooling2D pool{.pool = square(3), .padding = Padding::symmetric(1), .count_padding = true};
  x = graph.add(module + ".pool", pool, x);
  return unit(graph, x, {".branch_pool", filters, square(1)}, module);
}

const MaxPooling2D kHalve{.pool = square(3), .strides = square(2)};

NodeId block_a(Graph& graph, NodeId x, int pool_filters, const std::string& name) {
  const NodeId a = unit(graph, x, {".branch1x1", 64, square(1)}, name);
  const NodeId b = units(graph, x, {{".branch5x5_1", 48, square(1)}, {".branch5x5_2", 64, square(5)}}, name);
  const NodeId c = units(graph, x,
                         {{".branch3x3dbl_1", 64, square(1)},
                          {".branch3x3dbl_2", 96, square(3)},
                          {".branch3x3dbl_3", 96, square(3)}},
                         name);
  const NodeId d = pooled(graph, x, pool_filters, name);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

NodeId block_b(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = valid(graph, x, 384, 2, name + ".branch3x3");
  NodeId b = units(graph, x, {{".branch3x3dbl_1", 64, square(1)}, {".branch3x3dbl_2", 96, square(3)}}, name);
  b = valid(graph, b, 96, 2, name + ".branch3x3dbl_3");
  const NodeId c = graph.add(name + ".pool", kHalve, x);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c});
}

NodeId block_c(Graph& graph, NodeId x, int n, const std::string& name) {
  const Size2 row{1, 7};
  const Size2 column{7, 1};
  const NodeId a = unit(graph, x, {".branch1x1", 192, square(1)}, name);
  const NodeId b =
      units(graph, x,
            {{".branch7x7_1", n, square(1)}, {".branch7x7_2", n, row}, {".branch7x7_3", 192, column}}, name);
  const NodeId c = units(graph, x,
                         {{".branch7x7dbl_1", n, square(1)},
                          {".branch7x7dbl_2", n, column},
                          {".branch7x7dbl_3", n, row},
                          {".branch7x7dbl_4", n, column},
                          {".branch7x7dbl_5", 192, row}},
                         name);
  const NodeId d = pooled(graph, x, 192, name);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

NodeId block_d(Graph& graph, NodeId x, const std::string& name) {
  NodeId a = unit(graph, x, {".branch3x3_1", 192, square(1)}, name);
  a = valid(graph, a, 320, 2, name + ".branch3x3_2");
  NodeId b = units(
      graph, x,
      {{".branch7x7x3_1", 192, square(1)}, {".branch7x7x3_2", 192, {1, 7}}, {".branch7x7x3_3", 192, {7, 1}}},
      name);
  b = valid(graph, b, 192, 2, name + ".branch7x7x3_4");
  const NodeId c = graph.add(name + ".pool", kHalve, x);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c});
}

// 1x3 and 3x1 side by side.
NodeId fork(Graph& graph, NodeId x, const std::string& name) {
  const NodeId row = unit(graph, x, {"a", 384, {1, 3}}, name);
  const NodeId column = unit(graph, x, {"b", 384, {3, 1}}, name);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{row, column});
}

NodeId block_e(Graph& graph, NodeId x, const std::string& name) {
  const NodeId a = unit(graph, x, {".branch1x1", 320, square(1)}, name);
  const NodeId b = fork(graph, unit(graph, x, {".branch3x3_1", 384, square(1)}, name), name + ".branch3x3_2");
  NodeId c =
      units(graph, x, {{".branch3x3dbl_1", 448, square(1)}, {".branch3x3dbl_2", 384, square(3)}}, name);
  c = fork(graph, c, name + ".branch3x3dbl_3");
  const NodeId d = pooled(graph, x, 192, name);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

}  // namespace

Graph torch_inception_v3(const ArchitectureOptions& options) {
  Graph graph = start("inception_v3", options, "input");
  NodeId x = valid(graph, graph.output(), 32, 2, "Conv2d_1a_3x3");
  x = valid(graph, x, 32, 1, "Conv2d_2a_3x3");
  x = unit(graph, x, {"Conv2d_2b_3x3", 64, square(3)}, "");
  x = graph.add("maxpool1", kHalve, x);
  x = unit(graph, x, {"Conv2d_3b_1x1", 80, square(1)}, "");
  x = valid(graph, x, 192, 1, "Conv2d_4a_3x3");
  x = graph.add("maxpool2", kHalve, x);
  x = block_a(graph, x, 32, "Mixed_5b");
  x = block_a(graph, x, 64, "Mixed_5c");
  x = block_a(graph, x, 64, "Mixed_5d");
  x = block_b(graph, x, "Mixed_6a");
  x = block_c(graph, x, 128, "Mixed_6b");
  x = block_c(graph, x, 160, "Mixed_6c");
  x = block_c(graph, x, 160, "Mixed_6d");
  x = block_c(graph, x, 192, "Mixed_6e");
  x = block_d(graph, x, "Mixed_7a");
  x = block_e(graph, x, "Mixed_7b");
  x = block_e(graph, x, "Mixed_7c");
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    x = graph.add("dropout", Dropout{.rate = 0.5F}, x);
    graph.add("fc", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace headstart::zoo
