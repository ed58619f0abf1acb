// Convolutions and dense layers: kernels in ONNX's order of axes, padding as numbers.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "export/lowering.h"
#include "weights/weight_layout.h"

namespace headstart {
namespace {

constexpr std::int64_t kImageChannels = 1;  // the axis, channels first

std::vector<std::int64_t> pair(const Size2& size) { return {size.height, size.width}; }

std::vector<OnnxAttribute> window(const Size2& kernel, const Size2& strides, const Size2& dilation) {
  return {{"kernel_shape", pair(kernel)}, {"strides", pair(strides)}, {"dilations", pair(dilation)}};
}

struct Sliding {
  Size2 kernel{}, strides{}, dilation{};
  Padding padding{};
  std::int64_t groups = 1;
};

std::string convolution(Layer& layer, const std::string& x, const Sliding& op, const std::string& kernel,
                        const std::string& bias) {
  const auto& shape = layer.shape();
  const auto rows =
      resolve_padding(op.padding, true, shape[0], op.kernel.height, op.strides.height, op.dilation.height);
  const auto columns =
      resolve_padding(op.padding, false, shape[1], op.kernel.width, op.strides.width, op.dilation.width);
  auto attributes = window(op.kernel, op.strides, op.dilation);
  attributes.push_back(
      {"pads", std::vector<std::int64_t>{rows.before, columns.before, rows.after, columns.after}});
  attributes.push_back({"group", op.groups});
  std::vector<std::string> inputs{x, kernel};
  if (!bias.empty()) {
    inputs.push_back(bias);
  }
  return layer.out.add("Conv", std::move(inputs), std::move(attributes));
}

std::string bias_of(Layer& layer, std::int64_t filters) {
  return layer.has("bias") ? layer.parameter("bias", {filters}) : "";
}

// A parameter as PyTorch and ONNX keep it.
std::string turned(Layer& layer, const char* suffix, Transform transform, Shape shape) {
  return layer.parameter(suffix, std::move(shape), [transform, tensor = &layer.tensor(suffix)] {
    return invert(transform, *tensor, {});
  });
}

// kernel_scale * kernel / |kernel|, filter by filter, which are the last axis.
Tensor effective_kernel(const Tensor& kernel, const Tensor& scale) {
  std::vector<double> norms(static_cast<std::size_t>(scale.size()));
  for (std::int64_t i = 0; i < kernel.size(); ++i) {
    const auto value = static_cast<double>(kernel[i]);
    norms[static_cast<std::size_t>(i % scale.size())] += value * value;
  }
  Tensor result(kernel.shape());
  for (std::int64_t i = 0; i < kernel.size(); ++i) {
    const auto filter = i % scale.size();
    const auto norm = std::sqrt(norms[static_cast<std::size_t>(filter)]);
    result[i] =
        static_cast<float>(static_cast<double>(scale[filter]) * static_cast<double>(kernel[i]) / norm);
  }
  return result;
}

// A normalised weight is written as what the layer computes with; its two factors are not kept apart.
std::function<Tensor()> kernel_values(Layer& layer, bool weight_normalization, Transform transform) {
  const auto* kernel = &layer.tensor("kernel");
  const auto* scale = weight_normalization ? &layer.tensor("kernel_scale") : nullptr;
  return [kernel, scale, transform] {
    return scale == nullptr ? invert(transform, *kernel, {})
                            : invert(transform, effective_kernel(*kernel, *scale), {});
  };
}

OnnxValue activated(Layer& layer, const std::string& value, const Activation& activation) {
  return {activate(layer.out, value, activation, kImageChannels), AxisOrder::channels_first};
}

}  // namespace

OnnxValue lower(const Conv2D& op, Layer& layer) {
  const Shape shape{op.filters, layer.shape()[2] / op.groups, op.kernel.height, op.kernel.width};
  const auto x = layer.channels_first();
  const auto kernel =
      layer.parameter("kernel", shape, kernel_values(layer, op.weight_normalization, Transform::oihw));
  const Sliding sliding{op.kernel, op.strides, op.dilation, op.padding, op.groups};
  return activated(layer, convolution(layer, x, sliding, kernel, bias_of(layer, op.filters)), op.activation);
}

OnnxValue lower(const DepthwiseConv2D& op, Layer& layer) {
  const auto channels = layer.shape()[2];
  const auto filters = channels * op.depth_multiplier;
  const auto x = layer.channels_first();
  const auto kernel =
      turned(layer, "kernel", Transform::depthwise, {filters, 1, op.kernel.height, op.kernel.width});
  const Sliding sliding{op.kernel, op.strides, op.dilation, op.padding, channels};
  return activated(layer, convolution(layer, x, sliding, kernel, bias_of(layer, filters)), op.activation);
}

OnnxValue lower(const SeparableConv2D& op, Layer& layer) {
  const auto channels = layer.shape()[2];
  const auto between = channels * op.depth_multiplier;
  const auto x = layer.channels_first();
  const auto depthwise = turned(layer, "depthwise_kernel", Transform::depthwise,
                                {between, 1, op.kernel.height, op.kernel.width});
  const Sliding sliding{op.kernel, op.strides, op.dilation, op.padding, channels};
  const auto spatial = convolution(layer, x, sliding, depthwise, "");
  const auto pointwise = turned(layer, "pointwise_kernel", Transform::oihw, {op.filters, between, 1, 1});
  const auto value = convolution(layer, spatial, {}, pointwise, bias_of(layer, op.filters));
  return activated(layer, value, op.activation);
}

OnnxValue lower(const Conv2DTranspose& op, Layer& layer) {
  const auto& shape = layer.shape();
  auto attributes = window(op.kernel, op.strides, op.dilation);
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> after;
  std::vector<std::int64_t> added;
  for (const bool vertical : {true, false}) {
    const auto axis = resolve_transposed(op, vertical, shape[vertical ? 0 : 1]);
    const std::int64_t stride = vertical ? op.strides.height : op.strides.width;
    const std::int64_t kernel = vertical ? op.kernel.height : op.kernel.width;
    const std::int64_t dilation = vertical ? op.dilation.height : op.dilation.width;
    const auto whole = (shape[vertical ? 0 : 1] - 1) * stride + (kernel - 1) * dilation + 1;
    const auto rest = whole - axis.cut - axis.output;  // negative: rows or columns are added
    before.push_back(axis.cut);
    after.push_back(std::max<std::int64_t>(rest, 0));
    added.push_back(std::max<std::int64_t>(-rest, 0));
  }
  before.insert(before.end(), after.begin(), after.end());
  attributes.push_back({"pads", std::move(before)});
  attributes.push_back({"output_padding", std::move(added)});
  std::vector<std::string> inputs{
      layer.channels_first(),
      turned(layer, "kernel", Transform::oihw, {shape[2], op.filters, op.kernel.height, op.kernel.width})};
  if (const auto bias = bias_of(layer, op.filters); !bias.empty()) {
    inputs.push_back(bias);
  }
  return activated(layer, layer.out.add("ConvTranspose", std::move(inputs), std::move(attributes)),
                   op.activation);
}

OnnxValue lower(const Dense& op, Layer& layer) {
  const auto features = layer.shape().back();
  const auto axes = static_cast<std::int64_t>(layer.shape().size());
  if (axes == 1) {  // as PyTorch writes it: OpenCV 4.6 is wrong about a kernel that is not transposed
    std::vector<std::string> inputs{
        layer.channels_last(),
        layer.parameter("kernel", {op.units, features},
                        kernel_values(layer, op.weight_normalization, Transform::dense))};
    if (const auto bias = bias_of(layer, op.units); !bias.empty()) {
      inputs.push_back(bias);
    }
    const auto value = layer.out.add("Gemm", std::move(inputs), {{"transB", std::int64_t{1}}});
    return {activate(layer.out, value, op.activation, axes)};
  }
  const auto x = layer.channels_last();
  auto value = layer.out.add(
      "MatMul", {x, layer.parameter("kernel", {features, op.units},
                                    kernel_values(layer, op.weight_normalization, Transform::none))});
  if (const auto bias = bias_of(layer, op.units); !bias.empty()) {
    value = layer.out.add("Add", {value, bias});
  }
  return {activate(layer.out, value, op.activation, axes)};
}

}  // namespace headstart
