// Short words for what every family repeats: the start of a graph, activations, square sizes, paddings.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "headstart/graph.h"
#include "headstart/zoo.h"

namespace headstart::zoo {

inline constexpr Activation kRelu{Activation::Kind::relu};
inline constexpr Activation kRelu6{Activation::Kind::relu6};
inline constexpr Activation kTanh{Activation::Kind::tanh};
inline constexpr Activation kSigmoid{Activation::Kind::sigmoid};
inline constexpr Activation kSoftmax{Activation::Kind::softmax};

// ImageNet's RGB statistics, of pixels from 0 to 1.
inline constexpr std::array<float, 3> kImageNetMean{0.485F, 0.456F, 0.406F};
inline constexpr std::array<float, 3> kImageNetDeviation{0.229F, 0.224F, 0.225F};

constexpr Size2 square(int n) { return {n, n}; }

// A graph called `name` that holds its Input.
Graph start(const std::string& name, const ArchitectureOptions& options,
            const std::string& input_name = "input_1");

// Keras's usual top: global average pooling "avg_pool" and a softmax Dense "predictions"; nothing without
// `include_top`.
void add_keras_top(Graph& graph, NodeId x, const ArchitectureOptions& options);

// (x - mean) / deviation by ImageNet's statistics, for pixels from 0 to `white`.
Rescaling imagenet_standardization(float white);

// Keras's correct_pad: the elements that `same` pads for this odd kernel and stride 2.
ZeroPadding2D correct_pad(const Shape& input, int kernel);

// The explicit padding that gives a pooling PyTorch's `ceil_mode=True`: `padding` on every side and, where
// the last window hangs over, enough at the bottom and the right.
Padding ceil_mode_padding(const Shape& input, int pool, int stride, int padding = 0);

// `value` rounded to a multiple of `divisor`, never down by more than a tenth (the MobileNets' rule).
int make_divisible(double value, int divisor = 8);

}  // namespace headstart::zoo
