// Which parameters each op has, with Keras's names, layouts and initialisers.
#include <cstdint>
#include <variant>

#include "graph/overloaded.h"
#include "headstart/graph.h"

namespace headstart {
namespace {

using Initializer = ParameterSpec::Initializer;
using Specs = std::vector<ParameterSpec>;

// Keras's fans of a kernel whose last two extents are inputs and outputs. For a depthwise kernel (kh, kw,
// channels, multiplier) this makes fan_in = kh * kw * channels, as Keras does.
ParameterSpec kernel_spec(std::string name, Shape shape) {
  std::int64_t receptive_field = 1;
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) {
    receptive_field *= shape[i];
  }
  const std::int64_t fan_in = shape[shape.size() - 2] * receptive_field;
  const std::int64_t fan_out = shape.back() * receptive_field;
  return {.name = std::move(name),
          .shape = std::move(shape),
          .trainable = true,
          .initializer = Initializer::glorot_uniform,
          .fan_in = fan_in,
          .fan_out = fan_out};
}

ParameterSpec vector_spec(std::string name, std::int64_t size, Initializer initializer) {
  return {.name = std::move(name), .shape = {size}, .trainable = true, .initializer = initializer};
}

void append_bias(Specs& specs, bool use_bias, std::int64_t size) {
  if (use_bias) {
    specs.push_back(vector_spec("bias", size, Initializer::zeros));
  }
}

Specs convolution_specs(const Conv2D& conv, std::int64_t channels) {
  Specs specs{
      kernel_spec("kernel", {conv.kernel.height, conv.kernel.width, channels / conv.groups, conv.filters})};
  append_bias(specs, conv.use_bias, conv.filters);
  return specs;
}

Specs depthwise_specs(const DepthwiseConv2D& conv, std::int64_t channels) {
  Specs specs{
      kernel_spec("kernel", {conv.kernel.height, conv.kernel.width, channels, conv.depth_multiplier})};
  append_bias(specs, conv.use_bias, channels * conv.depth_multiplier);
  return specs;
}

Specs separable_specs(const SeparableConv2D& conv, std::int64_t channels) {
  Specs specs{kernel_spec("depthwise_kernel",
                          {conv.kernel.height, conv.kernel.width, channels, conv.depth_multiplier}),
              kernel_spec("pointwise_kernel", {1, 1, channels * conv.depth_multiplier, conv.filters})};
  append_bias(specs, conv.use_bias, conv.filters);
  return specs;
}

Specs dense_specs(const Dense& dense, std::int64_t features) {
  Specs specs{kernel_spec("kernel", {features, dense.units})};
  append_bias(specs, dense.use_bias, dense.units);
  return specs;
}

Specs normalization_specs(const BatchNormalization& normalization, std::int64_t channels) {
  Specs specs;
  if (normalization.scale) {
    specs.push_back(vector_spec("gamma", channels, Initializer::ones));
  }
  if (normalization.center) {
    specs.push_back(vector_spec("beta", channels, Initializer::zeros));
  }
  specs.push_back(vector_spec("moving_mean", channels, Initializer::zeros));
  specs.back().trainable = false;
  specs.push_back(vector_spec("moving_variance", channels, Initializer::ones));
  specs.back().trainable = false;
  return specs;
}

}  // namespace

std::vector<ParameterSpec> parameter_specs(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const std::int64_t channels = node.inputs.empty() ? 0 : graph.node(node.inputs.front()).shape.back();
  return std::visit(
      Overloaded{
          [&](const Conv2D& conv) { return convolution_specs(conv, channels); },
          [&](const DepthwiseConv2D& conv) { return depthwise_specs(conv, channels); },
          [&](const SeparableConv2D& conv) { return separable_specs(conv, channels); },
          [&](const Dense& dense) { return dense_specs(dense, channels); },
          [&](const BatchNormalization& normalization) {
            return normalization_specs(normalization, channels);
          },
          [](const OneOf<Input, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D,
                         ZeroPadding2D, ActivationLayer, Add, Multiply, Concatenate, Flatten, Reshape,
                         Dropout, Rescaling> auto&) { return Specs{}; }},
      node.op);
}

}  // namespace headstart
