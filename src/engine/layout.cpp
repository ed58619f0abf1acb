#include "engine/layout.h"

#include <algorithm>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/graph.h"

namespace headstart {

using Tag = dnnl::memory::format_tag;
using onednn::Desc;
using onednn::Dims;
using onednn::Eltwise;
using onednn::Window;

Desc activation_desc(const Shape& shape, std::int64_t batch, DataType type) {
  switch (shape.size()) {
    case 1:
      return {Dims{batch, shape[0]}, type, Tag::nc};
    case 2:
      return {Dims{batch, shape[0], shape[1]}, type, Tag::abc};
    case 3:
      return {Dims{batch, shape[2], shape[0], shape[1]}, type, Tag::nhwc};
    default:
      throw Error(fmt::format("[engine] values have 1 to 3 dimensions; received {}", to_string(shape)));
  }
}

Desc vector_desc(std::int64_t count) { return {Dims{count}, DataType::f32, Tag::a}; }

Desc bytes_desc(std::size_t count) {
  return {{static_cast<std::int64_t>(count)}, DataType::u8, dnnl::memory::format_tag::a};
}

Desc matrix_desc(const Desc& desc, std::int64_t columns) {
  std::int64_t count = 1;
  for (const auto extent : onednn::dims_of(desc)) {
    count *= extent;
  }
  return {{count / columns, columns}, onednn::type_of(desc), Tag::nc};
}

Desc pixels_desc(const Desc& desc, std::int64_t columns) {
  const auto rows = onednn::dims_of(matrix_desc(desc, columns))[0];
  return {{1, columns, 1, rows}, onednn::type_of(desc), Tag::nhwc};
}

Desc spatial_desc(const Shape& shape, std::int64_t batch, DataType type) {
  const auto channels = shape.back();
  return activation_desc({element_count(shape) / channels, 1, channels}, batch, type);
}

Desc channels_of(const Desc& whole, std::int64_t begin, const Desc& part) {
  const auto dims = onednn::dims_of(part);
  Dims offsets(dims.size(), 0);
  offsets[dims.size() == 4 ? 1 : dims.size() - 1] = begin;
  return whole.submemory_desc(dims, offsets);
}

Desc image_of(const Desc& whole, int top, int left, const Desc& part) {
  return whole.submemory_desc(onednn::dims_of(part), {0, 0, top, left});
}

ShuffleDescs shuffle_descs(const Desc& desc, std::int64_t channels, int groups) {
  const auto rows = onednn::dims_of(matrix_desc(desc, channels))[0];
  const auto width = channels / groups;
  const Dims dims{rows, groups, width};
  const auto type = onednn::type_of(desc);
  return {.plain = {dims, type, Dims{channels, width, 1}},
          .shuffled = {dims, type, Dims{channels, 1, groups}}};
}

GroupDescs group_descs(const Shape& shape, std::int64_t batch, int groups, DataType type) {
  const auto channels = shape.back();
  const auto pixels = element_count(shape) / channels;
  const auto width = channels / groups;
  const Dims dims{batch, groups, pixels, width};
  return {.plain = {dims, type, Dims{pixels * channels, width, channels, 1}},
          .grouped = {dims, type, Tag::abcd}};
}

LayerShape convolution_shape(const ConvolutionGeometry& g, const Shape& input, const ZeroPadding2D& zeros,
                             DataType type) {
  const auto height = input[0] + zeros.top + zeros.bottom;
  const auto width = input[1] + zeros.left + zeros.right;
  const auto vertical =
      resolve_padding(g.padding, true, height, g.kernel.height, g.strides.height, g.dilation.height);
  const auto horizontal =
      resolve_padding(g.padding, false, width, g.kernel.width, g.strides.width, g.dilation.width);
  LayerShape shape;
  shape.filters = g.filters;
  shape.window = {.kernel = {g.kernel.height, g.kernel.width},
                  .strides = {g.strides.height, g.strides.width},
                  .dilates = {g.dilation.height - 1, g.dilation.width - 1},
                  .padding_begin = {vertical.before + zeros.top, horizontal.before + zeros.left},
                  .padding_end = {vertical.after + zeros.bottom, horizontal.after + zeros.right}};
  const std::int64_t kh = g.kernel.height;
  const std::int64_t kw = g.kernel.width;
  if (g.groups == 1) {
    const Dims dims{g.filters, g.channels, kh, kw};
    shape.user_weights = {dims, DataType::f32, Tag::hwio};
    shape.weights = {dims, type, Tag::any};
  } else {
    const Dims dims{g.groups, g.filters / g.groups, g.channels / g.groups, kh, kw};
    shape.user_weights = {dims, DataType::f32, Tag::hwigo};
    shape.weights = {dims, type, Tag::any};
  }
  return shape;
}

// oneDNN's window has no negative padding: what lies beyond the whole stays zero because the extents say so.
LayerShape transposed_shape(const Conv2DTranspose& op, const Shape& input, DataType type) {
  const auto vertical = resolve_transposed(op, true, input[0]);
  const auto horizontal = resolve_transposed(op, false, input[1]);
  const auto end = [](std::int64_t in, int stride, int kernel, int dilation, const TransposedAxis& axis) {
    const auto whole = (in - 1) * stride + std::int64_t{kernel - 1} * dilation + 1;
    return std::max<std::int64_t>(0, whole - axis.cut - axis.output);
  };
  const std::int64_t channels = input[2];
  const std::int64_t kh = op.kernel.height;
  const std::int64_t kw = op.kernel.width;
  const Dims dims{op.filters, channels, kh, kw};
  const Dims strides{channels, 1, kw * op.filters * channels, op.filters * channels};
  return {.user_weights = {dims, DataType::f32, strides},
          .weights = {dims, type, Tag::any},
          .window = {.kernel = {kh, kw},
                     .strides = {op.strides.height, op.strides.width},
                     .dilates = {op.dilation.height - 1, op.dilation.width - 1},
                     .padding_begin = {vertical.cut, horizontal.cut},
                     .padding_end = {end(input[0], op.strides.height, op.kernel.height, op.dilation.height,
                                         vertical),
                                     end(input[1], op.strides.width, op.kernel.width, op.dilation.width,
                                         horizontal)}},
          .filters = op.filters};
}

LayerShape dense_shape(std::int64_t inputs, std::int64_t units, DataType type) {
  const Dims dims{units, inputs};
  return {
      .user_weights = {dims, DataType::f32, Tag::ba}, .weights = {dims, type, Tag::any}, .filters = units};
}

Window pooling_window(const Size2& pool, const Size2& strides, const Padding& padding, const Shape& input,
                      const Shape& output) {
  const auto vertical = resolve_padding(padding, true, input[0], pool.height, strides.height, 1);
  const auto horizontal = resolve_padding(padding, false, input[1], pool.width, strides.width, 1);
  const auto end = [](std::int64_t out, int stride, int kernel, std::int64_t in, int before) {
    return std::max<std::int64_t>(0, (out - 1) * stride + kernel - in - before);
  };
  return {.kernel = {pool.height, pool.width},
          .strides = {strides.height, strides.width},
          .padding_begin = {vertical.before, horizontal.before},
          .padding_end = {end(output[0], strides.height, pool.height, input[0], vertical.before),
                          end(output[1], strides.width, pool.width, input[1], horizontal.before)}};
}

Window global_window(const Shape& input) {
  return {.kernel = {input[0], input[1]}, .strides = {input[0], input[1]}};
}

onednn::Lrn lrn_of(const LocalResponseNormalization& op) {
  return {.size = op.size, .alpha = op.alpha, .beta = op.beta, .k = op.k};
}

dnnl::algorithm interpolation_of(const UpSampling2D& op) {
  return op.interpolation == UpSampling2D::Interpolation::bilinear ? dnnl::algorithm::resampling_linear
                                                                   : dnnl::algorithm::resampling_nearest;
}

std::vector<Eltwise> eltwise_of(const Activation& activation) {
  using A = dnnl::algorithm;
  using K = Activation::Kind;
  switch (activation.kind) {
    case K::linear:
      return {};
    case K::relu:
      return {{A::eltwise_relu}};
    case K::relu6:
      return {{A::eltwise_clip_v2, 0.0F, 6.0F}};
    case K::leaky_relu:
      return {{A::eltwise_relu, activation.alpha}};
    case K::elu:
      return {{A::eltwise_elu, activation.alpha}};
    case K::sigmoid:
      return {{A::eltwise_logistic}};
    case K::tanh:
      return {{A::eltwise_tanh}};
    case K::swish:
      return {{A::eltwise_swish, 1.0F}};
    case K::hard_sigmoid:
      return {{A::eltwise_linear, 1.0F / 6.0F, 0.5F}, {A::eltwise_clip_v2, 0.0F, 1.0F}};
    case K::hard_swish:
      return {{A::eltwise_hardswish, 1.0F / 6.0F, 0.5F}};
    case K::gelu:
      return {{A::eltwise_gelu_erf}};
    case K::gelu_tanh:
      return {{A::eltwise_gelu_tanh}};
    case K::softmax:
      break;
  }
  throw Error("[engine] softmax is not elementwise");
}

std::optional<Eltwise> eltwise_by_result(const Activation& activation) {
  using A = dnnl::algorithm;
  using K = Activation::Kind;
  switch (activation.kind) {
    case K::relu:
      return Eltwise{A::eltwise_relu_use_dst_for_bwd};
    case K::relu6:
      return Eltwise{A::eltwise_clip_v2_use_dst_for_bwd, 0.0F, 6.0F};
    case K::sigmoid:
      return Eltwise{A::eltwise_logistic_use_dst_for_bwd};
    case K::tanh:
      return Eltwise{A::eltwise_tanh_use_dst_for_bwd};
    case K::linear:
    case K::leaky_relu:
    case K::elu:
    case K::swish:
    case K::hard_sigmoid:
    case K::hard_swish:
    case K::gelu:
    case K::gelu_tanh:
    case K::softmax:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace headstart
