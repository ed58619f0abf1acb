#include "reference/activation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "headstart/error.h"

namespace headstart::reference {

namespace {

using Kind = Activation::Kind;

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double relu6(double x) { return std::clamp(x, 0.0, 6.0); }
double hard_sigmoid(double x) { return relu6(x + 3.0) / 6.0; }
double hard_sigmoid_slope(double x) { return x > -3.0 && x < 3.0 ? 1.0 / 6.0 : 0.0; }

// The argument of gelu_tanh's tanh (Hendrycks and Gimpel, 2016) and its derivative.
double gelu_argument(double x) { return std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x); }
double gelu_argument_slope(double x) {
  return std::sqrt(2.0 / std::numbers::pi) * (1.0 + 3.0 * 0.044715 * x * x);
}

double normal_cdf(double x) { return 0.5 * (1.0 + std::erf(x / std::numbers::sqrt2)); }
double normal_density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi); }

[[noreturn]] void refuse_softmax() {
  throw Error("[reference] expected an elementwise activation; received softmax; use the row functions");
}

double value(double x, const Activation& activation) {
  const auto alpha = static_cast<double>(activation.alpha);
  switch (activation.kind) {
    case Kind::linear:
      return x;
    case Kind::relu:
      return std::max(x, 0.0);
    case Kind::relu6:
      return relu6(x);
    case Kind::leaky_relu:
      return x > 0.0 ? x : alpha * x;
    case Kind::elu:
      return x > 0.0 ? x : alpha * (std::exp(x) - 1.0);
    case Kind::sigmoid:
      return sigmoid(x);
    case Kind::tanh:
      return std::tanh(x);
    case Kind::swish:
      return x * sigmoid(x);
    case Kind::hard_sigmoid:
      return hard_sigmoid(x);
    case Kind::hard_swish:
      return x * hard_sigmoid(x);
    case Kind::gelu:
      return x * normal_cdf(x);
    case Kind::gelu_tanh:
      return 0.5 * x * (1.0 + std::tanh(gelu_argument(x)));
    case Kind::softmax:
      break;
  }
  refuse_softmax();
}

double slope(double x, const Activation& activation) {
  const auto alpha = static_cast<double>(activation.alpha);
  switch (activation.kind) {
    case Kind::linear:
      return 1.0;
    case Kind::relu:
      return x > 0.0 ? 1.0 : 0.0;
    case Kind::relu6:
      return x > 0.0 && x < 6.0 ? 1.0 : 0.0;
    case Kind::leaky_relu:
      return x > 0.0 ? 1.0 : alpha;
    case Kind::elu:
      return x > 0.0 ? 1.0 : alpha * std::exp(x);
    case Kind::sigmoid:
      return sigmoid(x) * (1.0 - sigmoid(x));
    case Kind::tanh:
      return 1.0 - std::tanh(x) * std::tanh(x);
    case Kind::swish:
      return sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x)));
    case Kind::hard_sigmoid:
      return hard_sigmoid_slope(x);
    case Kind::hard_swish:
      return hard_sigmoid(x) + x * hard_sigmoid_slope(x);
    case Kind::gelu:
      return normal_cdf(x) + x * normal_density(x);
    case Kind::gelu_tanh: {
      const double t = std::tanh(gelu_argument(x));
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * gelu_argument_slope(x);
    }
    case Kind::softmax:
      break;
  }
  refuse_softmax();
}

Array softmax(const Array& input) {
  Array output(input.shape);
  const std::int64_t columns = input.shape.back();
  for (std::int64_t row = 0; row < input.size(); row += columns) {
    double largest = input[row];
    for (std::int64_t i = 1; i < columns; ++i) {
      largest = std::max(largest, input[row + i]);
    }
    double sum = 0.0;
    for (std::int64_t i = 0; i < columns; ++i) {
      output[row + i] = std::exp(input[row + i] - largest);
      sum += output[row + i];
    }
    for (std::int64_t i = 0; i < columns; ++i) {
      output[row + i] /= sum;
    }
  }
  return output;
}

Array softmax_backward(const Array& input, const Array& diff_output) {
  const Array output = softmax(input);
  Array diff_input(input.shape);
  const std::int64_t columns = input.shape.back();
  for (std::int64_t row = 0; row < input.size(); row += columns) {
    double mean_gradient = 0.0;
    for (std::int64_t i = 0; i < columns; ++i) {
      mean_gradient += output[row + i] * diff_output[row + i];
    }
    for (std::int64_t i = 0; i < columns; ++i) {
      diff_input[row + i] = output[row + i] * (diff_output[row + i] - mean_gradient);
    }
  }
  return diff_input;
}

}  // namespace

Array activate(const Array& input, const Activation& activation) {
  if (activation.kind == Kind::softmax) {
    return softmax(input);
  }
  Array output(input.shape);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    output[i] = value(input[i], activation);
  }
  return output;
}

Array activate_backward(const Array& input, const Array& diff_output, const Activation& activation) {
  if (activation.kind == Kind::softmax) {
    return softmax_backward(input, diff_output);
  }
  Array diff_input(input.shape);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    diff_input[i] = slope(input[i], activation) * diff_output[i];
  }
  return diff_input;
}

}  // namespace headstart::reference
