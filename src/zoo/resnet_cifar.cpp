// Residual networks for CIFAR-10 (He et al., 2015, section 4.2) with parameter-free shortcuts (option A),
// under the names of the PyTorch weights that go around (akamaster's).
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};
const BatchNormalization kNormalization{.epsilon = 1e-5F, .momentum = 0.9F};

Conv2D conv3x3(int filters, int stride) {
  return {.filters = filters,
          .kernel = square(3),
          .strides = square(stride),
          .padding = Padding::symmetric(1),
          .use_bias = false};
}

// Every second pixel, and zeros for the channels that are new.
NodeId shortcut_a(Graph& graph, NodeId x, int filters, const std::string& name) {
  const int missing = filters - static_cast<int>(graph.node(x).shape[2]);
  x = graph.add(name + ".subsample", MaxPooling2D{.pool = square(1), .strides = square(2)}, x);
  return graph.add(name,
                   ZeroPadding2D{.channels_before = missing / 2, .channels_after = missing - missing / 2}, x);
}

// The block's own name is given to its output.
NodeId basic_block(Graph& graph, NodeId input, int filters, int stride, const std::string& name) {
  NodeId x = graph.add(name + ".conv1", conv3x3(filters, stride), input);
  x = graph.add(name + ".bn1", kNormalization, x);
  x = graph.add(name + ".relu", kReluLayer, x);
  x = graph.add(name + ".conv2", conv3x3(filters, 1), x);
  x = graph.add(name + ".bn2", kNormalization, x);
  const NodeId shortcut = stride == 1 ? input : shortcut_a(graph, input, filters, name + ".shortcut");
  x = graph.add(name + ".add", Add{}, std::vector<NodeId>{x, shortcut});
  return graph.add(name, kReluLayer, x);
}

// 6 n + 2 layers: three stages of `n` blocks with 16, 32 and 64 filters.
Graph resnet_cifar(const char* name, int n, const ArchitectureOptions& options) {
  Graph graph = start(name, options, "input");
  NodeId x = graph.add("conv1", conv3x3(16, 1), graph.output());
  x = graph.add("bn1", kNormalization, x);
  x = graph.add("relu", kReluLayer, x);
  for (int stage = 1; stage <= 3; ++stage) {
    for (int i = 0; i < n; ++i) {
      const int stride = stage > 1 && i == 0 ? 2 : 1;
      x = basic_block(graph, x, 8 << stage, stride,
                      "layer" + std::to_string(stage) + "." + std::to_string(i));
    }
  }
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    graph.add("linear", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph resnet20_cifar(const ArchitectureOptions& options) {
  return resnet_cifar("resnet20_cifar", 3, options);
}
Graph resnet32_cifar(const ArchitectureOptions& options) {
  return resnet_cifar("resnet32_cifar", 5, options);
}
Graph resnet44_cifar(const ArchitectureOptions& options) {
  return resnet_cifar("resnet44_cifar", 7, options);
}
Graph resnet56_cifar(const ArchitectureOptions& options) {
  return resnet_cifar("resnet56_cifar", 9, options);
}

}  // namespace headstart::zoo
