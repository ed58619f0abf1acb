// The closed set of layer operations. Each is a plain struct; passes are functions that visit the variant.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "headstart/tensor.h"

namespace headstart {

struct Size2 {
  int height = 1;
  int width = 1;
  bool operator==(const Size2&) const = default;
};

// `same` is TensorFlow's: output = ceil(input / stride), the odd element of padding goes to the bottom and
// right. `explicit_` pads by the four numbers (PyTorch's symmetric padding among them).
struct Padding {
  enum class Kind { valid, same, explicit_ };
  Kind kind = Kind::valid;
  int top = 0, bottom = 0, left = 0, right = 0;

  static Padding valid() { return {}; }
  static Padding same() { return {.kind = Kind::same}; }
  static Padding symmetric(int p) {
    return {.kind = Kind::explicit_, .top = p, .bottom = p, .left = p, .right = p};
  }
  bool operator==(const Padding&) const = default;
};

// Elementwise (softmax: over the last axis) activation. `alpha`: slope of leaky_relu, scale of elu.
struct Activation {
  enum class Kind {
    linear,
    relu,
    relu6,
    leaky_relu,
    elu,
    sigmoid,
    tanh,
    softmax,
    swish,
    hard_sigmoid,  // relu6(x + 3) / 6 (MobileNetV3, PyTorch, Keras 3)
    hard_swish,    // x * hard_sigmoid(x)
    gelu,          // exact, with erf
    gelu_tanh,
  };
  Kind kind = Kind::linear;
  float alpha = 0.0F;
  bool operator==(const Activation&) const = default;
};

struct Input {
  Shape shape;  // (H, W, C) or (features)
};

struct Conv2D {
  int filters = 0;
  Size2 kernel{};
  Size2 strides{};
  Size2 dilation{};
  Padding padding{};
  int groups = 1;
  bool use_bias = true;
  Activation activation{};
  // The kernel of a filter is kernel_scale * kernel / |kernel|: direction and magnitude are trained apart
  // (Salimans and Kingma, 2016; PyTorch's weight_norm with dim 0).
  bool weight_normalization = false;
};

// The transpose (gradient) of a convolution: the input's pixels are spread `strides` apart and every one adds
// its kernel. `valid` and `same` as Keras: same makes the output input * strides. `explicit_`: what is cut
// from each side of the whole, (input - 1) * stride + window; a negative bottom or right adds rows or columns
// (PyTorch's output_padding), at most stride - 1 of them: oneDNN has no more. The kernel is (height, width,
// filters, channels).
struct Conv2DTranspose {
  int filters = 0;
  Size2 kernel{};
  Size2 strides{};
  Size2 dilation{};
  Padding padding{};
  bool use_bias = true;
  Activation activation{};
};

struct DepthwiseConv2D {
  Size2 kernel{};
  Size2 strides{};
  Size2 dilation{};
  Padding padding{};
  int depth_multiplier = 1;
  bool use_bias = true;
  Activation activation{};
};

// Depthwise then pointwise; the bias and the activation belong to the pointwise part (Keras).
struct SeparableConv2D {
  int filters = 0;
  Size2 kernel{};
  Size2 strides{};
  Size2 dilation{};
  Padding padding{};
  int depth_multiplier = 1;
  bool use_bias = true;
  Activation activation{};
};

// On the last axis.
struct Dense {
  int units = 0;
  bool use_bias = true;
  Activation activation{};
  bool weight_normalization = false;  // as Conv2D's
};

// Padding never wins a maximum.
struct MaxPooling2D {
  Size2 pool{};
  Size2 strides{};
  Padding padding{};
};

struct AveragePooling2D {
  Size2 pool{};
  Size2 strides{};
  Padding padding{};
  bool count_padding = false;  // PyTorch's count_include_pad; Keras never counts
};

struct GlobalAveragePooling2D {
  bool keep_dims = false;  // (1, 1, C) in place of (C)
};

struct GlobalMaxPooling2D {
  bool keep_dims = false;
};

// Zeros around the image, and before and after the channels (the CIFAR ResNets' shortcut A).
struct ZeroPadding2D {
  int top = 0, bottom = 0, left = 0, right = 0;
  int channels_before = 0, channels_after = 0;
};

struct ActivationLayer {
  Activation activation{};
};

// Over the last axis. momentum is Keras's: the share of the moving statistics that is kept at a step.
struct BatchNormalization {
  float epsilon = 1e-3F;
  float momentum = 0.99F;
  bool scale = true;
  bool center = true;
  // Batch renormalisation (Ioffe, 2017): in training the result is corrected towards what the moving
  // statistics give, by r = deviation of the batch / moving deviation within [1 / renorm_scale, renorm_scale]
  // and d = difference of the means / moving deviation within [-renorm_shift, renorm_shift], which count as
  // constants in the gradient.
  bool renorm = false;
  float renorm_scale = 3.0F;
  float renorm_shift = 5.0F;
};

// Every row of the last axis to mean 0 and variance 1, then times gamma plus beta.
struct LayerNormalization {
  float epsilon = 1e-3F;
  bool scale = true;
  bool center = true;
};

// x * gamma with one trainable gamma a channel (last axis): ConvNeXt's layer scale.
struct Scale {
  float initial = 1.0F;
};

// (x - mean) / max(sqrt(variance), 1e-7) a channel, with constants that nothing trains: Keras's preprocessing
// layer.
struct Normalization {};

// The parameterless core of multi-head self-attention: (T, 3C) holding queries, keys and values side by side,
// as PyTorch's in_proj and timm's qkv leave them, gives (T, C): softmax(q k^T / sqrt(C / heads)) v for the
// C / heads channels of every head.
struct SelfAttention {
  int heads = 1;
};

// Self-attention within windows of an image (Liu et al., "Swin Transformer", 2021): (H, W, 3C) as for
// SelfAttention gives (H, W, C). The image, rolled up and left by `shift`, is cut into squares of `window`
// pixels. The scores q k^T / sqrt(C / heads) of two pixels get the trained entry for their distance and the
// head added, and -100 where only the rolling made them neighbours.
struct WindowAttention {
  int heads = 1;
  int window = 7;     // divides H and W
  Size2 shift{0, 0};  // less than `window`
};

struct ClassToken {};         // (T, C) -> (T + 1, C): a trained token in front
struct PositionEmbedding {};  // (T, C) plus a trained (T, C)

struct Cropping2D {
  int top = 0, bottom = 0, left = 0, right = 0;
};

// Channel i * (C / groups) + j becomes channel j * groups + i: ShuffleNet.
struct ChannelShuffle {
  int groups = 1;
};

// `count` channels from `begin` on.
struct ChannelSlice {
  int begin = 0, count = 1;
};

// Every sample's groups of channels to mean 0 and variance 1 over the image, then times gamma plus beta a
// channel. As many groups as channels: instance normalisation.
struct GroupNormalization {
  int groups = 32;
  float epsilon = 1e-3F;
  bool scale = true;
  bool center = true;
};

// x / (k + alpha / size * sum of the squares of the `size` channels around)^beta: PyTorch's alpha, which is
// `size` times AlexNet's.
struct LocalResponseNormalization {
  int size = 5;  // odd
  float alpha = 1e-4F;
  float beta = 0.75F;
  float k = 1.0F;
};

// Whole factors; bilinear with half-pixel centres (Keras; PyTorch's align_corners=False).
struct UpSampling2D {
  enum class Interpolation { nearest, bilinear };
  Size2 size{2, 2};
  Interpolation interpolation = Interpolation::nearest;
};

struct Add {};  // any number of inputs of one shape
// Two inputs; the second may be (1, 1, C) or (C) against (H, W, C): squeeze and excitation.
struct Multiply {};
struct Concatenate {};  // last axis

struct Flatten {};  // (H, W, C) order, as Keras

struct Reshape {
  Shape shape;
};

// In training, a share `rate` is set to zero and the rest scaled by 1 / (1 - rate).
struct Dropout {
  enum class Granularity {
    element,
    channel,  // whole channels of a sample: Keras's SpatialDropout2D
    sample,   // whole samples: stochastic depth; Keras's Dropout with noise_shape (None, 1, 1, 1)
  };
  float rate = 0.5F;
  Granularity granularity = Granularity::element;
};

// x * scale + offset with constants, one for all channels or one for each (last axis).
struct Rescaling {
  std::vector<float> scale{1.0F};
  std::vector<float> offset{0.0F};
};

using Op = std::variant<Input, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D, Dense, MaxPooling2D,
                        AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, ZeroPadding2D,
                        ActivationLayer, BatchNormalization, LayerNormalization, Scale, Normalization,
                        SelfAttention, WindowAttention, ClassToken, PositionEmbedding, Cropping2D,
                        ChannelShuffle, ChannelSlice, GroupNormalization, LocalResponseNormalization,
                        UpSampling2D, Add, Multiply, Concatenate, Flatten, Reshape, Dropout, Rescaling>;

}  // namespace headstart
