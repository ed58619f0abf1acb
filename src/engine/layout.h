// Shapes and ops of the graph as oneDNN descriptors.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/emitter.h"
#include "engine/onednn.h"
#include "headstart/op.h"

namespace headstart {

// (H, W, C) -> N x C x H x W in channels-last memory; (C) -> N x C; (T, C) -> N x T x C.
onednn::Desc activation_desc(const Shape& shape, std::int64_t batch, DataType type);
onednn::Desc vector_desc(std::int64_t count);  // f32
onednn::Desc bytes_desc(std::size_t count);

// Other readings of a channels-last value, for primitives that care for the last axis only: rows of
// `columns`, the same as the pixels of one image, and the 4-dimensional form of an image.
onednn::Desc matrix_desc(const onednn::Desc& desc, std::int64_t columns);
onednn::Desc pixels_desc(const onednn::Desc& desc, std::int64_t columns);
onednn::Desc spatial_desc(const Shape& shape, std::int64_t batch, DataType type);

// The channels from `begin` on, or the image from (top, left) on, of a value with the dimensions of `part`.
onednn::Desc channels_of(const onednn::Desc& whole, std::int64_t begin, const onednn::Desc& part);
onednn::Desc image_of(const onednn::Desc& whole, int top, int left, const onednn::Desc& part);

// Rows of groups x channels a group, as they stand before and after a ChannelShuffle.
struct ShuffleDescs {
  onednn::Desc plain{}, shuffled{};
};
ShuffleDescs shuffle_descs(const onednn::Desc& desc, std::int64_t channels, int groups);

// An image's pixels x groups x channels a group, and the same with every group in one piece.
struct GroupDescs {
  onednn::Desc plain{}, grouped{};
};
GroupDescs group_descs(const Shape& shape, std::int64_t batch, int groups, DataType type);

// A convolution or dense layer in oneDNN's terms. `user_weights` is the Keras layout of the parameter,
// `weights` the same dimensions with the layout left to the primitive.
struct LayerShape {
  onednn::Desc user_weights{};
  onednn::Desc weights{};
  onednn::Window window{};
  std::int64_t filters = 0;
};

struct ConvolutionGeometry {
  Size2 kernel{}, strides{}, dilation{};
  Padding padding{};
  std::int64_t channels = 0;  // of the input
  std::int64_t filters = 0;
  std::int64_t groups = 1;
};

// `input` is the shape that the kernel slides over before `zeros` (an absorbed ZeroPadding2D) is added.
LayerShape convolution_shape(const ConvolutionGeometry& geometry, const Shape& input,
                             const ZeroPadding2D& zeros, DataType type);
LayerShape transposed_shape(const Conv2DTranspose& op, const Shape& input, DataType type);
LayerShape dense_shape(std::int64_t inputs, std::int64_t units, DataType type);

// Pooling window; the trailing padding is what makes the output's size come out.
onednn::Window pooling_window(const Size2& pool, const Size2& strides, const Padding& padding,
                              const Shape& input, const Shape& output);
// Window over the whole image.
onednn::Window global_window(const Shape& input);

onednn::Lrn lrn_of(const LocalResponseNormalization& op);
dnnl::algorithm interpolation_of(const UpSampling2D& op);

// An activation as elementwise operations one after the other; empty for linear. Not for softmax.
std::vector<onednn::Eltwise> eltwise_of(const Activation& activation);
// The same activation with the algorithm whose backward pass reads the result, where oneDNN has one.
std::optional<onednn::Eltwise> eltwise_by_result(const Activation& activation);

}  // namespace headstart
