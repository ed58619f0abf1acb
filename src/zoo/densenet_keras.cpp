// DenseNet (Huang et al., "Densely connected convolutional networks", 2016) as Keras builds and names it.
#include <array>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};
const BatchNormalization kNormalization{.epsilon = 1.001e-5F};
constexpr int kGrowth = 32;

NodeId dense_layer(Graph& graph, NodeId input, const std::string& name) {
  NodeId x = graph.add(name + "_0_bn", kNormalization, input);
  x = graph.add(name + "_0_relu", kReluLayer, x);
  x = graph.add(name + "_1_conv", Conv2D{.filters = 4 * kGrowth, .use_bias = false}, x);
  x = graph.add(name + "_1_bn", kNormalization, x);
  x = graph.add(name + "_1_relu", kReluLayer, x);
  const Conv2D grow{.filters = kGrowth, .kernel = square(3), .padding = Padding::same(), .use_bias = false};
  x = graph.add(name + "_2_conv", grow, x);
  return graph.add(name + "_concat", Concatenate{}, std::vector<NodeId>{input, x});
}

// Half the channels, half the size.
NodeId transition(Graph& graph, NodeId x, const std::string& name) {
  x = graph.add(name + "_bn", kNormalization, x);
  x = graph.add(name + "_relu", kReluLayer, x);
  const int filters = static_cast<int>(graph.node(x).shape[2] / 2);
  x = graph.add(name + "_conv", Conv2D{.filters = filters, .use_bias = false}, x);
  return graph.add(name + "_pool", AveragePooling2D{.pool = square(2), .strides = square(2)}, x);
}

NodeId stem(Graph& graph) {
  const ZeroPadding2D wide{.top = 3, .bottom = 3, .left = 3, .right = 3};
  const ZeroPadding2D narrow{.top = 1, .bottom = 1, .left = 1, .right = 1};
  NodeId x = graph.add(graph.automatic_name(wide), wide, graph.output());
  const Conv2D conv{.filters = 64, .kernel = square(7), .strides = square(2), .use_bias = false};
  x = graph.add("conv1/conv", conv, x);
  x = graph.add("conv1/bn", kNormalization, x);
  x = graph.add("conv1/relu", kReluLayer, x);
  x = graph.add(graph.automatic_name(narrow), narrow, x);
  return graph.add("pool1", MaxPooling2D{.pool = square(3), .strides = square(2)}, x);
}

// Layers of the four dense blocks (table 1 of the paper).
Graph densenet(const char* name, const std::array<int, 4>& layers, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  NodeId x = stem(graph);
  for (std::size_t block = 0; block < layers.size(); ++block) {
    const std::string number = std::to_string(block + 2);
    for (int layer = 1; layer <= layers[block]; ++layer) {
      x = dense_layer(graph, x, "conv" + number + "_block" + std::to_string(layer));
    }
    if (block + 1 < layers.size()) {
      x = transition(graph, x, "pool" + number);
    }
  }
  x = graph.add("bn", kNormalization, x);
  x = graph.add("relu", kReluLayer, x);
  add_keras_top(graph, x, options);
  return graph;
}

}  // namespace

Graph densenet121(const ArchitectureOptions& options) {
  return densenet("densenet121", {6, 12, 24, 16}, options);
}
Graph densenet169(const ArchitectureOptions& options) {
  return densenet("densenet169", {6, 12, 32, 32}, options);
}
Graph densenet201(const ArchitectureOptions& options) {
  return densenet("densenet201", {6, 12, 48, 32}, options);
}

}  // namespace headstart::zoo
