// Reference joins and rearrangements: multiply with broadcast, concatenate, zero padding, and their
// gradients.
#pragma once

#include "headstart/op.h"
#include "reference/array.h"

namespace headstart::reference {

// a (N, ..., C) times b of the same shape, or with one value a channel (N, 1, 1, C) or (N, C), or one a
// sample (N, 1).
Array multiply(const Array& a, const Array& b);
struct MultiplyGradients {
  Array a, b;
};
MultiplyGradients multiply_backward(const Array& a, const Array& b, const Array& diff_output);

// Along the last axis.
Array concatenate(const std::vector<Array>& inputs);
std::vector<Array> concatenate_backward(const std::vector<Array>& inputs, const Array& diff_output);

Array zero_padding(const Array& input, const ZeroPadding2D& padding);
Array zero_padding_backward(const Array& input, const ZeroPadding2D& padding, const Array& diff_output);

}  // namespace headstart::reference
