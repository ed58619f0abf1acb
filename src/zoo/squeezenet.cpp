// SqueezeNet (Iandola et al., 2016): version 1.1 with the Keras port's names, versions 1.0 and 1.1 with
// torchvision's.
#include <array>
#include <span>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};

// A fire module: `squeeze` 1x1 filters, then `expand` 1x1 and `expand` 3x3 filters side by side. 0, 0: a
// pooling.
struct Fire {
  int squeeze = 0, expand = 0;
};
constexpr Fire kPool{};
constexpr std::array kVersion1_0{kPool,         Fire{16, 64},  Fire{16, 64},  Fire{32, 128},
                                 kPool,         Fire{32, 128}, Fire{48, 192}, Fire{48, 192},
                                 Fire{64, 256}, kPool,         Fire{64, 256}};
constexpr std::array kVersion1_1{kPool,         Fire{16, 64},  Fire{16, 64}, kPool,
                                 Fire{32, 128}, Fire{32, 128}, kPool,        Fire{48, 192},
                                 Fire{48, 192}, Fire{64, 256}, Fire{64, 256}};

Conv2D expand3x3(const Fire& fire) {
  return {.filters = fire.expand, .kernel = square(3), .padding = Padding::same()};
}

NodeId keras_fire(Graph& graph, NodeId x, const Fire& fire, const std::string& prefix) {
  x = graph.add(prefix + "squeeze1x1", Conv2D{.filters = fire.squeeze}, x);
  const NodeId squeezed = graph.add(prefix + "relu_squeeze1x1", kReluLayer, x);
  NodeId left = graph.add(prefix + "expand1x1", Conv2D{.filters = fire.expand}, squeezed);
  left = graph.add(prefix + "relu_expand1x1", kReluLayer, left);
  NodeId right = graph.add(prefix + "expand3x3", expand3x3(fire), squeezed);
  right = graph.add(prefix + "relu_expand3x3", kReluLayer, right);
  return graph.add(prefix + "concat", Concatenate{}, std::vector<NodeId>{left, right});
}

// The module's own name is given to its output.
NodeId torch_fire(Graph& graph, NodeId x, const Fire& fire, const std::string& name) {
  x = graph.add(name + ".squeeze", Conv2D{.filters = fire.squeeze}, x);
  const NodeId squeezed = graph.add(name + ".squeeze_activation", kReluLayer, x);
  NodeId left = graph.add(name + ".expand1x1", Conv2D{.filters = fire.expand}, squeezed);
  left = graph.add(name + ".expand1x1_activation", kReluLayer, left);
  NodeId right = graph.add(name + ".expand3x3", expand3x3(fire), squeezed);
  right = graph.add(name + ".expand3x3_activation", kReluLayer, right);
  return graph.add(name, Concatenate{}, std::vector<NodeId>{left, right});
}

Graph torch_squeezenet(const char* name, const Conv2D& first, std::span<const Fire> features,
                       const ArchitectureOptions& options) {
  Graph graph = start(name, options, "input");
  NodeId x = graph.add("features.0", first, graph.output());
  x = graph.add("features.1", kReluLayer, x);
  int index = 2;
  for (const Fire& fire : features) {
    const std::string layer = "features." + std::to_string(index++);
    if (fire.squeeze == 0) {
      const Padding padding = ceil_mode_padding(graph.node(x).shape, 3, 2);
      x = graph.add(layer, MaxPooling2D{.pool = square(3), .strides = square(2), .padding = padding}, x);
    } else {
      x = torch_fire(graph, x, fire, layer);
    }
  }
  if (options.include_top) {
    x = graph.add("classifier.0", Dropout{.rate = 0.5F}, x);
    x = graph.add("classifier.1", Conv2D{.filters = options.classes}, x);
    x = graph.add("classifier.2", kReluLayer, x);
    graph.add("classifier.3", GlobalAveragePooling2D{}, x);
  }
  return graph;
}

}  // namespace

Graph squeezenet(const ArchitectureOptions& options) {
  Graph graph = start("squeezenet", options);
  NodeId x = graph.output();
  x = graph.add("conv1", Conv2D{.filters = 64, .kernel = square(3), .strides = square(2)}, x);
  x = graph.add("relu_conv1", kReluLayer, x);
  int number = 1;
  for (const Fire& fire : kVersion1_1) {
    if (fire.squeeze == 0) {
      x = graph.add("pool" + std::to_string(number), MaxPooling2D{.pool = square(3), .strides = square(2)},
                    x);
    } else {
      x = keras_fire(graph, x, fire, "fire" + std::to_string(++number) + "/");
    }
  }
  if (options.include_top) {
    x = graph.add("drop9", Dropout{.rate = 0.5F}, x);
    x = graph.add("conv10", Conv2D{.filters = options.classes}, x);
    x = graph.add("relu_conv10", kReluLayer, x);
    x = graph.add("global_average_pooling2d", GlobalAveragePooling2D{}, x);
    graph.add("loss", ActivationLayer{kSoftmax}, x);
  }
  return graph;
}

Graph squeezenet1_0(const ArchitectureOptions& options) {
  const Conv2D first{.filters = 96, .kernel = square(7), .strides = square(2)};
  return torch_squeezenet("squeezenet1_0", first, kVersion1_0, options);
}

Graph squeezenet1_1(const ArchitectureOptions& options) {
  const Conv2D first{.filters = 64, .kernel = square(3), .strides = square(2)};
  return torch_squeezenet("squeezenet1_1", first, kVersion1_1, options);
}

}  // namespace headstart::zoo
