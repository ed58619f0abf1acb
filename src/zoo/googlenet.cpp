// GoogLeNet, Inception v1 (Szegedy et al., "Going deeper with convolutions", 2014), as torchvision builds and
// names it: batch normalization, 3x3 in place of 5x5, auxiliary classifiers left out.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

// Table 1 of the paper: filters of the 1x1, of the two 3x3 branches with their reductions, and of the
// pooling's projection.
struct Module {
  int one = 0;
  int reduce_a = 0, three_a = 0;
  int reduce_b = 0, three_b = 0;
  int pool = 0;
};

Conv2D conv1x1(int filters) { return torch_convolution({.filters = filters}); }
Conv2D conv3x3(int filters) { return torch_convolution({.filters = filters, .kernel = square(3)}); }

NodeId module(Graph& graph, NodeId x, const Module& filters, const std::string& name) {
  const NodeId a = basic_conv(graph, x, conv1x1(filters.one), name + ".branch1");
  NodeId b = basic_conv(graph, x, conv1x1(filters.reduce_a), name + ".branch2.0");
  b = basic_conv(graph, b, conv3x3(filters.three_a), name + ".branch2.1");
  NodeId c = basic_conv(graph, x, conv1x1(filters.reduce_b), name + ".branch3.0");
  c = basic_conv(graph, c, conv3x3(filters.three_b), name + ".branch3.1");
  NodeId d =
      graph.add(name + ".branch4.0", MaxPooling2D{.pool = square(3), .padding = Padding::symmetric(1)}, x);
  d = basic_conv(graph, d, conv1x1(filters.pool), name + ".branch4.1");
  return graph.add(name, Concatenate{}, std::vector<NodeId>{a, b, c, d});
}

NodeId halve(Graph& graph, NodeId x, int pool, const std::string& name) {
  const Padding padding = ceil_mode_padding(graph.node(x).shape, pool, 2);
  return graph.add(name, MaxPooling2D{.pool = square(pool), .strides = square(2), .padding = padding}, x);
}

}  // namespace

Graph googlenet(const ArchitectureOptions& options) {
  Graph graph = start("googlenet", options, "input");
  const Conv2D first = torch_convolution({.filters = 64, .kernel = square(7), .stride = 2});
  NodeId x = basic_conv(graph, graph.output(), first, "conv1");
  x = halve(graph, x, 3, "maxpool1");
  x = basic_conv(graph, x, conv1x1(64), "conv2");
  x = basic_conv(graph, x, conv3x3(192), "conv3");
  x = halve(graph, x, 3, "maxpool2");
  x = module(graph, x, {64, 96, 128, 16, 32, 32}, "inception3a");
  x = module(graph, x, {128, 128, 192, 32, 96, 64}, "inception3b");
  x = halve(graph, x, 3, "maxpool3");
  x = module(graph, x, {192, 96, 208, 16, 48, 64}, "inception4a");
  x = module(graph, x, {160, 112, 224, 24, 64, 64}, "inception4b");
  x = module(graph, x, {128, 128, 256, 24, 64, 64}, "inception4c");
  x = module(graph, x, {112, 144, 288, 32, 64, 64}, "inception4d");
  x = module(graph, x, {256, 160, 320, 32, 128, 128}, "inception4e");
  x = halve(graph, x, 2, "maxpool4");
  x = module(graph, x, {256, 160, 320, 32, 128, 128}, "inception5a");
  x = module(graph, x, {384, 192, 384, 48, 128, 128}, "inception5b");
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    x = graph.add("dropout", Dropout{.rate = 0.2F}, x);
    graph.add("fc", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace headstart::zoo
