// Inception v2, BN-Inception (Ioffe and Szegedy, "Batch normalization", 2015), as the Caffe model and
// Cadene's port of it to PyTorch (bninception) build and name it.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

// Figure 5 of the paper: filters of the 1x1 (0: the module halves the size), of the 3x3 and of the double
// 3x3 with their reductions, and of the pooling's projection (0: none).
struct Module {
  const char* name = "";
  int one = 0;
  int reduce_a = 0, three_a = 0;
  int reduce_b = 0, three_b = 0;
  int pool = 0;
  bool max_pool = false;
};

constexpr Module kModules[] = {
    {"3a", 64, 64, 64, 64, 96, 32},       {"3b", 64, 64, 96, 64, 96, 64},
    {"3c", 0, 128, 160, 64, 96, 0, true}, {"4a", 224, 64, 96, 96, 128, 128},
    {"4b", 192, 96, 128, 96, 128, 128},   {"4c", 160, 128, 160, 128, 160, 128},
    {"4d", 96, 128, 192, 160, 192, 128},  {"4e", 0, 128, 192, 192, 256, 0, true},
    {"5a", 352, 192, 320, 160, 224, 128}, {"5b", 352, 192, 320, 192, 224, 128, true}};

struct Unit {
  int filters = 0, kernel = 1, stride = 1;
};

// "<prefix><name>", "..._bn", "<prefix>relu_<name>". The convolution keeps its bias.
NodeId unit(Graph& graph, NodeId x, const Unit& unit, const std::string& prefix, const std::string& name) {
  Conv2D conv =
      torch_convolution({.filters = unit.filters, .kernel = square(unit.kernel), .stride = unit.stride});
  conv.use_bias = true;
  x = graph.add(prefix + name, conv, x);
  x = graph.add(prefix + name + "_bn", kTorchNormalization, x);
  return graph.add(prefix + "relu_" + name, ActivationLayer{kRelu}, x);
}

NodeId ceil_max_pool(Graph& graph, NodeId x, const std::string& name) {
  const Padding padding = ceil_mode_padding(graph.node(x).shape, 3, 2);
  return graph.add(name, MaxPooling2D{.pool = square(3), .strides = square(2), .padding = padding}, x);
}

// Caffe pools a halving module in ceil mode. At even sizes, where alone the branches meet, that is `same`,
// which meets them at odd sizes too.
NodeId pool(Graph& graph, NodeId x, const Module& module, int stride, const std::string& name) {
  if (stride == 2) {
    return graph.add(name, MaxPooling2D{.pool = square(3), .strides = square(2), .padding = Padding::same()},
                     x);
  }
  const Padding around = Padding::symmetric(1);
  return module.max_pool
             ? graph.add(name, MaxPooling2D{.pool = square(3), .padding = around}, x)
             : graph.add(name, AveragePooling2D{.pool = square(3), .padding = around, .count_padding = true},
                         x);
}

NodeId inception(Graph& graph, NodeId x, const Module& module) {
  const std::string prefix = std::string("inception_") + module.name + "_";
  const int stride = module.one == 0 ? 2 : 1;
  std::vector<NodeId> branches;
  if (module.one > 0) {
    branches.push_back(unit(graph, x, {module.one}, prefix, "1x1"));
  }
  NodeId a = unit(graph, x, {module.reduce_a}, prefix, "3x3_reduce");
  a = unit(graph, a, {module.three_a, 3, stride}, prefix, "3x3");
  branches.push_back(a);
  NodeId b = unit(graph, x, {module.reduce_b}, prefix, "double_3x3_reduce");
  b = unit(graph, b, {module.three_b, 3}, prefix, "double_3x3_1");
  b = unit(graph, b, {module.three_b, 3, stride}, prefix, "double_3x3_2");
  branches.push_back(b);
  const NodeId pooled = pool(graph, x, module, stride, prefix + "pool");
  branches.push_back(module.pool == 0 ? pooled : unit(graph, pooled, {module.pool}, prefix, "pool_proj"));
  return graph.add(prefix + "output", Concatenate{}, branches);
}

}  // namespace

Graph inception_v2(const ArchitectureOptions& options) {
  Graph graph = start("inception_v2", options, "input");
  NodeId x = unit(graph, graph.output(), {64, 7, 2}, "conv1_", "7x7_s2");
  x = ceil_max_pool(graph, x, "pool1_3x3_s2");
  x = unit(graph, x, {64}, "conv2_", "3x3_reduce");
  x = unit(graph, x, {192, 3}, "conv2_", "3x3");
  x = ceil_max_pool(graph, x, "pool2_3x3_s2");
  for (const Module& module : kModules) {
    x = inception(graph, x, module);
  }
  if (options.include_top) {
    x = graph.add("global_pool", GlobalAveragePooling2D{}, x);
    graph.add("last_linear", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace headstart::zoo
