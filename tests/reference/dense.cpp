#include "reference/dense.h"

#include "reference/convolution.h"

namespace headstart::reference {

Array dense(const Array& input, const Array& kernel, const Array* bias) {
  const std::int64_t inputs = kernel.shape[0];
  const std::int64_t units = kernel.shape[1];
  Shape shape = input.shape;
  shape.back() = units;
  Array output(shape);
  for (std::int64_t row = 0; row < input.size() / inputs; ++row) {
    for (std::int64_t o = 0; o < units; ++o) {
      double sum = bias != nullptr ? (*bias)[o] : 0.0;
      for (std::int64_t i = 0; i < inputs; ++i) {
        sum += input[row * inputs + i] * kernel[i * units + o];
      }
      output[row * units + o] = sum;
    }
  }
  return output;
}

DenseGradients dense_backward(const Array& input, const Array& kernel, const Array& diff_output) {
  const std::int64_t inputs = kernel.shape[0];
  const std::int64_t units = kernel.shape[1];
  DenseGradients gradients{
      .input = Array(input.shape), .kernel = Array(kernel.shape), .bias = sum_to_last_axis(diff_output)};
  for (std::int64_t row = 0; row < input.size() / inputs; ++row) {
    for (std::int64_t i = 0; i < inputs; ++i) {
      for (std::int64_t o = 0; o < units; ++o) {
        gradients.input[row * inputs + i] += diff_output[row * units + o] * kernel[i * units + o];
        gradients.kernel[i * units + o] += input[row * inputs + i] * diff_output[row * units + o];
      }
    }
  }
  return gradients;
}

}  // namespace headstart::reference
