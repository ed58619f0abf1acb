#include "explain/explore_linear.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "core/parallel.h"

namespace headstart {
namespace {

LinearLayer::Plane plane_of(const Shape& shape) {
  if (shape.size() == 3) {
    return {.height = shape[0], .width = shape[1], .channels = shape[2]};
  }
  return {.height = shape.size() == 2 ? shape[0] : 1, .width = 1, .channels = shape.back()};
}

// kernel_scale / |kernel| of every filter, the last axis.
std::vector<float> filter_scale(const Tensor& kernel, const Tensor& magnitude) {
  const auto filters = static_cast<std::size_t>(magnitude.size());
  std::vector<double> squares(filters, 0.0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(kernel.size()); ++i) {
    squares[i % filters] += std::pow(static_cast<double>(kernel.values()[i]), 2);
  }
  std::vector<float> scale(filters);
  for (std::size_t f = 0; f < filters; ++f) {
    scale[f] = static_cast<float>(magnitude.values()[f] / std::sqrt(squares[f]));
  }
  return scale;
}

// The position that `target` meets at a place of the window, or -1. Forwards along one axis the input lies at
// target * stride + tap * dilation - padding.
std::int64_t gather(std::int64_t target, int tap, int stride, int dilation, int padding,
                    std::int64_t extent) {
  const std::int64_t source = target * stride + std::int64_t{tap} * dilation - padding;
  return source >= 0 && source < extent ? source : -1;
}

std::int64_t scatter(std::int64_t target, int tap, int stride, int dilation, int padding,
                     std::int64_t extent) {
  const std::int64_t source = target + padding - std::int64_t{tap} * dilation;
  return source >= 0 && source % stride == 0 && source / stride < extent ? source / stride : -1;
}

// One direction of a layer: what every place of the result collects, and from where.
struct Sums {
  const LinearLayer& layer;
  LinearLayer::Plane source, target;
  bool gathers = true;         // the source lies where a forward convolution looks
  std::vector<float> weights;  // (window, channels of the source, targets); 0 for those left out
  std::size_t targets = 0;

  std::int64_t row_of(std::int64_t y, int tap) const {
    const int k = tap / layer.kernel.width;
    return (gathers ? gather : scatter)(y, k, layer.strides.height, layer.dilation.height, layer.top,
                                        source.height);
  }
  std::int64_t column_of(std::int64_t x, int tap) const {
    const int k = tap % layer.kernel.width;
    return (gathers ? gather : scatter)(x, k, layer.strides.width, layer.dilation.width, layer.left,
                                        source.width);
  }

  void collect(std::int64_t y, std::int64_t x, const float* values, std::vector<double>& sums) const {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int tap = 0; tap < layer.window(); ++tap) {
      const std::int64_t row = row_of(y, tap), column = column_of(x, tap);
      if (row < 0 || column < 0) {
        continue;
      }
      const float* from = values + (row * source.width + column) * source.channels;
      const float* weight = weights.data() + static_cast<std::size_t>(tap * source.channels) * targets;
      for (std::int64_t c = 0; c < source.channels; ++c, weight += targets) {
        const auto value = static_cast<double>(from[c]);
        for (std::size_t t = 0; t < targets && value != 0.0; ++t) {
          sums[t] += value * static_cast<double>(weight[t]);
        }
      }
    }
  }

  std::vector<float> all(const float* values) const {
    const auto positions = static_cast<std::size_t>(target.height * target.width);
    std::vector<float> result(targets * positions);
    parallel_for(static_cast<std::size_t>(target.height), 0, [&](std::size_t row) {
      std::vector<double> sums(targets);
      for (std::int64_t x = 0; x < target.width; ++x) {
        collect(static_cast<std::int64_t>(row), x, values, sums);
        const std::size_t position =
            row * static_cast<std::size_t>(target.width) + static_cast<std::size_t>(x);
        for (std::size_t t = 0; t < targets; ++t) {
          result[t * positions + position] = static_cast<float>(sums[t]);
        }
      }
    });
    return result;
  }
};

// weights[tap][channel][target] by `weight(tap, channel, target)`, 0 for the channels left out.
template <typename Weight>
std::vector<float> weights_for(const LinearLayer& layer, std::int64_t channels, const LinearPart& part,
                               Weight weight) {
  std::vector<bool> counts(static_cast<std::size_t>(channels), true);
  for (const int c : part.left_out) {
    counts[static_cast<std::size_t>(c)] = false;
  }
  std::vector<float> weights;
  weights.reserve(static_cast<std::size_t>(layer.window() * channels) * part.targets.size());
  for (int tap = 0; tap < layer.window(); ++tap) {
    for (int c = 0; c < channels; ++c) {
      for (const int target : part.targets) {
        weights.push_back(counts[static_cast<std::size_t>(c)] ? weight(tap, c, target) : 0.0F);
      }
    }
  }
  return weights;
}

LinearLayer windowed(const auto& conv, const Shape& input, const Shape& output, const Tensor& kernel) {
  return {.input = plane_of(input),
          .output = plane_of(output),
          .kernel = conv.kernel,
          .strides = conv.strides,
          .dilation = conv.dilation,
          .weights = kernel.data(),
          .scale = {}};
}

}  // namespace

float LinearLayer::weight(int tap, int in, int out) const {
  if (transposed) {
    return weights[(tap * output.channels + out) * input.channels + in];
  }
  const std::int64_t inside = input.channels / groups;
  const std::int64_t group = out / (output.channels / groups);
  if (in / inside != group) {
    return 0.0F;
  }
  const float value = weights[(tap * inside + in % inside) * output.channels + out];
  return scale.empty() ? value : value * scale[static_cast<std::size_t>(out)];
}

std::optional<LinearLayer> linear_layer(const Graph& graph, NodeId id, const Parameters& parameters) {
  const Node& node = graph.node(id);
  if (node.inputs.empty()) {
    return std::nullopt;
  }
  const Shape& input = graph.node(node.inputs[0]).shape;
  const auto parameter = [&](const char* name) -> const Tensor& {
    return parameters.at(node.name + "/" + name);
  };
  if (const auto* conv = std::get_if<Conv2D>(&node.op)) {
    LinearLayer layer = windowed(*conv, input, node.shape, parameter("kernel"));
    layer.groups = conv->groups;
    layer.top = resolve_padding(conv->padding, true, input[0], conv->kernel.height, conv->strides.height,
                                conv->dilation.height)
                    .before;
    layer.left = resolve_padding(conv->padding, false, input[1], conv->kernel.width, conv->strides.width,
                                 conv->dilation.width)
                     .before;
    if (conv->weight_normalization) {
      layer.scale = filter_scale(parameter("kernel"), parameter("kernel_scale"));
    }
    return layer;
  }
  if (const auto* conv = std::get_if<Conv2DTranspose>(&node.op)) {
    LinearLayer layer = windowed(*conv, input, node.shape, parameter("kernel"));
    layer.transposed = true;
    layer.top = resolve_transposed(*conv, true, input[0]).cut;
    layer.left = resolve_transposed(*conv, false, input[1]).cut;
    return layer;
  }
  if (const auto* dense = std::get_if<Dense>(&node.op)) {
    LinearLayer layer{.input = plane_of(input),
                      .output = plane_of(node.shape),
                      .weights = parameter("kernel").data(),
                      .scale = {}};
    if (dense->weight_normalization) {
      layer.scale = filter_scale(parameter("kernel"), parameter("kernel_scale"));
    }
    return layer;
  }
  return std::nullopt;
}

std::vector<float> kernel_part(const LinearLayer& layer, std::span<const int> inputs,
                               std::span<const int> outputs) {
  std::vector<float> kernel;
  kernel.reserve(static_cast<std::size_t>(layer.window()) * inputs.size() * outputs.size());
  for (int tap = 0; tap < layer.window(); ++tap) {
    for (const int in : inputs) {
      for (const int out : outputs) {
        kernel.push_back(layer.weight(tap, in, out));
      }
    }
  }
  return kernel;
}

std::vector<float> forward_sums(const LinearLayer& layer, const float* values, const LinearPart& part) {
  const auto weight = [&](int tap, int in, int out) { return layer.weight(tap, in, out); };
  const Sums sums{.layer = layer,
                  .source = layer.input,
                  .target = layer.output,
                  .gathers = !layer.transposed,
                  .weights = weights_for(layer, layer.input.channels, part, weight),
                  .targets = part.targets.size()};
  return sums.all(values);
}

std::vector<float> backward_sums(const LinearLayer& layer, const float* gradients, const LinearPart& part) {
  const auto weight = [&](int tap, int out, int in) { return layer.weight(tap, in, out); };
  const Sums sums{.layer = layer,
                  .source = layer.output,
                  .target = layer.input,
                  .gathers = layer.transposed,
                  .weights = weights_for(layer, layer.output.channels, part, weight),
                  .targets = part.targets.size()};
  return sums.all(gradients);
}

}  // namespace headstart
