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

ParameterSpec vector_spec(std::string name, std::int64_t size, float value) {
  return {.name = std::move(name),
          .shape = {size},
          .trainable = true,
          .initializer = value == 0.0F ? Initializer::zeros : Initializer::constant,
          .value = value};
}

// Statistics, which no gradient moves.
ParameterSpec statistic_spec(std::string name, std::int64_t size, float value) {
  ParameterSpec spec = vector_spec(std::move(name), size, value);
  spec.trainable = false;
  return spec;
}

// The magnitude of every filter; at first that of the kernel as it was drawn.
void append_kernel_scale(Specs& specs, bool weight_normalization, std::int64_t filters) {
  if (weight_normalization) {
    specs.push_back({.name = "kernel_scale", .shape = {filters}, .initializer = Initializer::kernel_norm});
  }
}

void append_bias(Specs& specs, bool use_bias, std::int64_t size) {
  if (use_bias) {
    specs.push_back(vector_spec("bias", size, 0.0F));
  }
}

Specs convolution_specs(const Conv2D& conv, std::int64_t channels) {
  Specs specs{
      kernel_spec("kernel", {conv.kernel.height, conv.kernel.width, channels / conv.groups, conv.filters})};
  append_kernel_scale(specs, conv.weight_normalization, conv.filters);
  append_bias(specs, conv.use_bias, conv.filters);
  return specs;
}

Specs transposed_specs(const Conv2DTranspose& conv, std::int64_t channels) {
  Specs specs{kernel_spec("kernel", {conv.kernel.height, conv.kernel.width, conv.filters, channels})};
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
  append_kernel_scale(specs, dense.weight_normalization, dense.units);
  append_bias(specs, dense.use_bias, dense.units);
  return specs;
}

// The scale and shift of a normalisation.
Specs affine_specs(bool scale, bool center, std::int64_t channels) {
  Specs specs;
  if (scale) {
    specs.push_back(vector_spec("gamma", channels, 1.0F));
  }
  if (center) {
    specs.push_back(vector_spec("beta", channels, 0.0F));
  }
  return specs;
}

Specs batch_norm_specs(const BatchNormalization& normalization, std::int64_t channels) {
  Specs specs = affine_specs(normalization.scale, normalization.center, channels);
  specs.push_back(statistic_spec("moving_mean", channels, 0.0F));
  specs.push_back(statistic_spec("moving_variance", channels, 1.0F));
  return specs;
}

// As in the vision transformer's code.
ParameterSpec position_spec(const Shape& shape) {
  return {.name = "position_embedding", .shape = shape, .initializer = Initializer::normal, .value = 0.02F};
}

// A row for every distance of two pixels of a window, a column for every head; as in the Swin transformer's
// code.
ParameterSpec bias_table_spec(const WindowAttention& op) {
  const std::int64_t distances = 2 * std::int64_t{op.window} - 1;
  return {.name = "relative_position_bias_table",
          .shape = {distances * distances, op.heads},
          .initializer = Initializer::normal,
          .value = 0.02F};
}

}  // namespace

std::vector<ParameterSpec> parameter_specs(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const std::int64_t channels = node.inputs.empty() ? 0 : graph.node(node.inputs.front()).shape.back();
  return std::visit(
      Overloaded{
          [&](const Conv2D& conv) { return convolution_specs(conv, channels); },
          [&](const Conv2DTranspose& conv) { return transposed_specs(conv, channels); },
          [&](const DepthwiseConv2D& conv) { return depthwise_specs(conv, channels); },
          [&](const SeparableConv2D& conv) { return separable_specs(conv, channels); },
          [&](const Dense& dense) { return dense_specs(dense, channels); },
          [&](const BatchNormalization& normalization) { return batch_norm_specs(normalization, channels); },
          [&](const OneOf<LayerNormalization, GroupNormalization> auto& normalization) {
            return affine_specs(normalization.scale, normalization.center, channels);
          },
          [&](const Scale& scale) { return Specs{vector_spec("gamma", channels, scale.initial)}; },
          [&](const Normalization&) {
            return Specs{statistic_spec("mean", channels, 0.0F), statistic_spec("variance", channels, 1.0F)};
          },
          [&](const ClassToken&) { return Specs{vector_spec("class_token", channels, 0.0F)}; },
          [&](const PositionEmbedding&) { return Specs{position_spec(node.shape)}; },
          [](const WindowAttention& op) { return Specs{bias_table_spec(op)}; },
          [](const OneOf<Input, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D,
                         ZeroPadding2D, ActivationLayer, SelfAttention, Cropping2D, ChannelShuffle,
                         ChannelSlice, LocalResponseNormalization, UpSampling2D, Add, Multiply, Concatenate,
                         Flatten, Reshape, Dropout, Rescaling> auto&) { return Specs{}; }},
      node.op);
}

}  // namespace headstart
