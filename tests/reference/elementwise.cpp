#include "reference/elementwise.h"

namespace headstart::reference {

namespace {

// The element of b that meets element i of a.
std::int64_t broadcast_index(const Array& a, const Array& b, std::int64_t i) {
  if (a.shape == b.shape) {
    return i;
  }
  const std::int64_t values_a_sample = b.size() / b.shape[0];
  const std::int64_t elements_a_sample = a.size() / a.shape[0];
  return i / elements_a_sample * values_a_sample + i % values_a_sample;
}

// Index in the padded image of element i of the image.
std::int64_t padded_index(const Array& input, const ZeroPadding2D& p, std::int64_t i) {
  const Shape& in = input.shape;
  const std::int64_t c = i % in[3];
  const std::int64_t w = i / in[3] % in[2];
  const std::int64_t h = i / in[3] / in[2] % in[1];
  const std::int64_t n = i / in[3] / in[2] / in[1];
  const std::int64_t height = in[1] + p.top + p.bottom;
  const std::int64_t width = in[2] + p.left + p.right;
  const std::int64_t channels = in[3] + p.channels_before + p.channels_after;
  return ((n * height + h + p.top) * width + w + p.left) * channels + c + p.channels_before;
}

}  // namespace

Array multiply(const Array& a, const Array& b) {
  Array output(a.shape);
  for (std::int64_t i = 0; i < a.size(); ++i) {
    output[i] = a[i] * b[broadcast_index(a, b, i)];
  }
  return output;
}

MultiplyGradients multiply_backward(const Array& a, const Array& b, const Array& diff_output) {
  MultiplyGradients gradients{.a = Array(a.shape), .b = Array(b.shape)};
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const std::int64_t j = broadcast_index(a, b, i);
    gradients.a[i] = b[j] * diff_output[i];
    gradients.b[j] += a[i] * diff_output[i];
  }
  return gradients;
}

Array concatenate(const std::vector<Array>& inputs) {
  Shape shape = inputs.front().shape;
  shape.back() = 0;
  for (const Array& input : inputs) {
    shape.back() += input.shape.back();
  }
  Array output(shape);
  std::int64_t offset = 0;
  for (const Array& input : inputs) {
    const std::int64_t channels = input.shape.back();
    for (std::int64_t i = 0; i < input.size(); ++i) {
      output[i / channels * shape.back() + offset + i % channels] = input[i];
    }
    offset += channels;
  }
  return output;
}

std::vector<Array> concatenate_backward(const std::vector<Array>& inputs, const Array& diff_output) {
  std::vector<Array> gradients;
  std::int64_t offset = 0;
  for (const Array& input : inputs) {
    const std::int64_t channels = input.shape.back();
    Array& gradient = gradients.emplace_back(input.shape);
    for (std::int64_t i = 0; i < input.size(); ++i) {
      gradient[i] = diff_output[i / channels * diff_output.shape.back() + offset + i % channels];
    }
    offset += channels;
  }
  return gradients;
}

Array zero_padding(const Array& input, const ZeroPadding2D& p) {
  const Shape& in = input.shape;
  Array output({in[0], in[1] + p.top + p.bottom, in[2] + p.left + p.right,
                in[3] + p.channels_before + p.channels_after});
  for (std::int64_t i = 0; i < input.size(); ++i) {
    output[padded_index(input, p, i)] = input[i];
  }
  return output;
}

Array zero_padding_backward(const Array& input, const ZeroPadding2D& p, const Array& diff_output) {
  Array diff_input(input.shape);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    diff_input[i] = diff_output[padded_index(input, p, i)];
  }
  return diff_input;
}

}  // namespace headstart::reference
