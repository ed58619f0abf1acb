// DenseNet (Huang et al., 2016) as torchvision builds and names it.
#include <array>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};

struct Variant {
  const char* name = "";
  std::array<int, 4> layers{};  // of the four dense blocks
  int growth = 32;
  int first_filters = 64;
};

NodeId dense_layer(Graph& graph, NodeId input, int growth, const std::string& name) {
  NodeId x = graph.add(name + ".norm1", kTorchNormalization, input);
  x = graph.add(name + ".relu1", kReluLayer, x);
  x = graph.add(name + ".conv1", torch_convolution({.filters = 4 * growth}), x);
  x = graph.add(name + ".norm2", kTorchNormalization, x);
  x = graph.add(name + ".relu2", kReluLayer, x);
  x = graph.add(name + ".conv2", torch_convolution({.filters = growth, .kernel = square(3)}), x);
  return graph.add(name + ".concat", Concatenate{}, std::vector<NodeId>{input, x});
}

// Half the channels, half the size.
NodeId transition(Graph& graph, NodeId x, const std::string& name) {
  x = graph.add(name + ".norm", kTorchNormalization, x);
  x = graph.add(name + ".relu", kReluLayer, x);
  x = graph.add(name + ".conv", torch_convolution({.filters = static_cast<int>(graph.node(x).shape[2] / 2)}),
                x);
  return graph.add(name + ".pool", AveragePooling2D{.pool = square(2), .strides = square(2)}, x);
}

Graph densenet(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options, "input");
  const TorchConvolution first{.filters = variant.first_filters, .kernel = square(7), .stride = 2};
  const MaxPooling2D pool{.pool = square(3), .strides = square(2), .padding = Padding::symmetric(1)};
  NodeId x = graph.add("features.conv0", torch_convolution(first), graph.output());
  x = graph.add("features.norm0", kTorchNormalization, x);
  x = graph.add("features.relu0", kReluLayer, x);
  x = graph.add("features.pool0", pool, x);
  for (std::size_t block = 0; block < variant.layers.size(); ++block) {
    const std::string number = std::to_string(block + 1);
    for (int layer = 1; layer <= variant.layers[block]; ++layer) {
      x = dense_layer(graph, x, variant.growth,
                      "features.denseblock" + number + ".denselayer" + std::to_string(layer));
    }
    if (block + 1 < variant.layers.size()) {
      x = transition(graph, x, "features.transition" + number);
    }
  }
  x = graph.add("features.norm5", kTorchNormalization, x);
  x = graph.add("relu", kReluLayer, x);
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    graph.add("classifier", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph torch_densenet121(const ArchitectureOptions& options) {
  return densenet({.name = "densenet121", .layers = {6, 12, 24, 16}}, options);
}
Graph torch_densenet161(const ArchitectureOptions& options) {
  return densenet({.name = "densenet161", .layers = {6, 12, 36, 24}, .growth = 48, .first_filters = 96},
                  options);
}
Graph torch_densenet169(const ArchitectureOptions& options) {
  return densenet({.name = "densenet169", .layers = {6, 12, 32, 32}}, options);
}
Graph torch_densenet201(const ArchitectureOptions& options) {
  return densenet({.name = "densenet201", .layers = {6, 12, 48, 32}}, options);
}

}  // namespace headstart::zoo
