// What torchvision's networks repeat.
#include "zoo/torch_layers.h"

#include <vector>

#include "headstart/error.h"

namespace headstart::zoo {
namespace {

Padding centred(const Size2& kernel) {
  return {.kind = Padding::Kind::explicit_,
          .top = kernel.height / 2,
          .bottom = kernel.height / 2,
          .left = kernel.width / 2,
          .right = kernel.width / 2};
}

}  // namespace

Conv2D torch_convolution(const TorchConvolution& convolution) {
  return {.filters = convolution.filters,
          .kernel = convolution.kernel,
          .strides = square(convolution.stride),
          .padding = centred(convolution.kernel),
          .groups = convolution.groups,
          .use_bias = false};
}

DepthwiseConv2D torch_depthwise(int kernel, int stride) {
  return {.kernel = square(kernel),
          .strides = square(stride),
          .padding = centred(square(kernel)),
          .use_bias = false};
}

NodeId norm_activation(Graph& graph, NodeId x, const BatchNormalization& normalization,
                       const Activation& activation, const std::string& name) {
  x = graph.add(name + ".1", normalization, x);
  return activation == kLinear ? x : graph.add(name + ".2", ActivationLayer{activation}, x);
}

NodeId add_residual(Graph& graph, NodeId input, NodeId x, const std::string& name) {
  return graph.node(input).shape == graph.node(x).shape
             ? graph.add(name, Add{}, std::vector<NodeId>{input, x})
             : x;
}

NodeId squeeze_excitation(Graph& graph, NodeId x, const SqueezeExcitation& layers, const std::string& name) {
  const int channels = static_cast<int>(graph.node(x).shape[2]);
  NodeId gate = graph.add(name + ".avgpool", GlobalAveragePooling2D{.keep_dims = true}, x);
  gate = graph.add(name + ".fc1", Conv2D{.filters = layers.channels}, gate);
  gate = graph.add(name + ".activation", ActivationLayer{layers.activation}, gate);
  gate = graph.add(name + ".fc2", Conv2D{.filters = channels}, gate);
  gate = graph.add(name + ".scale_activation", ActivationLayer{layers.gate}, gate);
  return graph.add(name, Multiply{}, std::vector<NodeId>{x, gate});
}

NodeId basic_conv(Graph& graph, NodeId x, const Conv2D& conv, const std::string& name) {
  x = graph.add(name + ".conv", conv, x);
  x = graph.add(name + ".bn", BatchNormalization{.epsilon = 1e-3F, .momentum = 0.9F}, x);
  return graph.add(name, ActivationLayer{kRelu}, x);
}

NodeId adaptive_average_pool(Graph& graph, NodeId x, int cells, const std::string& name) {
  const Shape& shape = graph.node(x).shape;
  if (shape[0] == cells && shape[1] == cells) {
    return x;
  }
  if (shape[0] % cells != 0 || shape[1] % cells != 0) {
    throw Error("[zoo] expected a feature map of a multiple of " + std::to_string(cells) + "x" +
                std::to_string(cells) + " under the top of " + graph.name() + "; received " +
                std::to_string(shape[0]) + "x" + std::to_string(shape[1]) +
                "; use the default input size or leave out the top");
  }
  const Size2 window{static_cast<int>(shape[0]) / cells, static_cast<int>(shape[1]) / cells};
  return graph.add(name, AveragePooling2D{.pool = window, .strides = window}, x);
}

}  // namespace headstart::zoo
