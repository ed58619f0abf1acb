// Xception (Chollet, "Xception: deep learning with depthwise separable convolutions", 2016) as Keras builds
// and names it.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};

NodeId convolution(Graph& graph, NodeId x, int filters, int stride, const std::string& name) {
  x = graph.add(
      name, Conv2D{.filters = filters, .kernel = square(3), .strides = square(stride), .use_bias = false}, x);
  x = graph.add(name + "_bn", BatchNormalization{}, x);
  return graph.add(name + "_act", kReluLayer, x);
}

NodeId separable(Graph& graph, NodeId x, int filters, const std::string& name) {
  const SeparableConv2D conv{
      .filters = filters, .kernel = square(3), .padding = Padding::same(), .use_bias = false};
  x = graph.add(name, conv, x);
  return graph.add(name + "_bn", BatchNormalization{}, x);
}

NodeId sum(Graph& graph, NodeId x, NodeId residual) {
  return graph.add(graph.automatic_name(Add{}), Add{}, std::vector<NodeId>{x, residual});
}

// Two separable convolutions and a halving pooling, around a projected residual.
NodeId halving_block(Graph& graph, NodeId input, int first, int second, const std::string& name) {
  const Conv2D project{
      .filters = second, .strides = square(2), .padding = Padding::same(), .use_bias = false};
  NodeId residual = graph.add(graph.automatic_name(project), project, input);
  residual = graph.add(graph.automatic_name(BatchNormalization{}), BatchNormalization{}, residual);
  // The entry flow's first block follows a relu already.
  NodeId x = name == "block2" ? input : graph.add(name + "_sepconv1_act", kReluLayer, input);
  x = separable(graph, x, first, name + "_sepconv1");
  x = graph.add(name + "_sepconv2_act", kReluLayer, x);
  x = separable(graph, x, second, name + "_sepconv2");
  const MaxPooling2D pool{.pool = square(3), .strides = square(2), .padding = Padding::same()};
  x = graph.add(name + "_pool", pool, x);
  return sum(graph, x, residual);
}

NodeId middle_block(Graph& graph, NodeId input, const std::string& name) {
  NodeId x = input;
  for (int i = 1; i <= 3; ++i) {
    const std::string layer = name + "_sepconv" + std::to_string(i);
    x = graph.add(layer + "_act", kReluLayer, x);
    x = separable(graph, x, 728, layer);
  }
  return sum(graph, x, input);
}

}  // namespace

Graph xception(const ArchitectureOptions& options) {
  Graph graph = start("xception", options);
  NodeId x = convolution(graph, graph.output(), 32, 2, "block1_conv1");
  x = convolution(graph, x, 64, 1, "block1_conv2");
  x = halving_block(graph, x, 128, 128, "block2");
  x = halving_block(graph, x, 256, 256, "block3");
  x = halving_block(graph, x, 728, 728, "block4");
  for (int block = 5; block <= 12; ++block) {
    x = middle_block(graph, x, "block" + std::to_string(block));
  }
  x = halving_block(graph, x, 728, 1024, "block13");
  x = separable(graph, x, 1536, "block14_sepconv1");
  x = graph.add("block14_sepconv1_act", kReluLayer, x);
  x = separable(graph, x, 2048, "block14_sepconv2");
  x = graph.add("block14_sepconv2_act", kReluLayer, x);
  add_keras_top(graph, x, options);
  return graph;
}

}  // namespace headstart::zoo
