// Between the tensor layouts of other frameworks and ours (Keras's).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "headstart/graph.h"
#include "headstart/tensor.h"

namespace headstart {

enum class Transform {
  none,
  rotate,                // HWIO kernels of Theano: rotated by 180 degrees
  oihw,                  // (out, in, kh, kw) -> (kh, kw, in, out)
  oihw_rotate,           // the same of Theano
  depthwise,             // (channels * multiplier, 1, kh, kw) -> (kh, kw, channels, multiplier)
  dense,                 // (out, in) -> (in, out)
  dense_channels_first,  // the same; its inputs were flattened as C, H, W
  rows_channels_first,   // (in, out) whose inputs were flattened as C, H, W
  channels,              // (channels, 1, 1) or (channels) -> (channels): torchvision's layer scale
  tokens,                // (1, tokens, channels), (1, 1, channels) without the ones: ViT's embeddings
};

// How PyTorch keeps this parameter of such a layer. `flatten_order`: its inputs come from a Flatten where the
// order matters.
Transform torch_transform(const Op& op, const std::string& parameter, bool flatten_order);

// How our own ONNX files keep a parameter of this layer (weights/onnx_names.h).
Transform exported_transform(const Graph& graph, NodeId id, const std::string& parameter);

// "", "transposed", "transposed, rotated", "flatten order", ...
std::string describe(Transform transform);

// The shape that `transform` makes of one of `shape`; nothing when it cannot be applied. `multiplier`: of a
// depthwise kernel.
std::optional<Shape> transformed_shape(Transform transform, const Shape& shape, std::int64_t multiplier);

// Hears which part of a source was read for the last time, so that its memory can be given back.
using Consumed = std::function<void(std::span<const float>)>;

// `flattened`: the (H, W, C) that a dense layer's inputs were flattened from.
Tensor apply(Transform transform, Tensor tensor, const Shape& expected, const Shape& flattened,
             const Consumed& consumed);

// The other way: what `apply` makes this tensor of. For the transforms of PyTorch's layouts.
Tensor invert(Transform transform, const Tensor& tensor, const Shape& flattened);

// (H, W, C) of the Flatten that feeds this dense layer (through dropout or activations), where the order
// matters: more than one pixel and more than one channel. Empty otherwise.
Shape flattened_shape(const Graph& graph, NodeId dense);

}  // namespace headstart
