#include "reference/normalization.h"

#include <algorithm>
#include <cmath>

namespace headstart::reference {

namespace {

struct Moments {
  double mean = 0.0, deviation = 1.0;
};

Moments row_moments(const Array& input, std::int64_t row, double epsilon) {
  const std::int64_t channels = input.shape.back();
  const auto n = static_cast<double>(channels);
  double mean = 0.0;
  double variance = 0.0;
  for (std::int64_t c = 0; c < channels; ++c) {
    mean += input[row * channels + c] / n;
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    variance += std::pow(input[row * channels + c] - mean, 2.0) / n;
  }
  return {mean, std::sqrt(variance + epsilon)};
}

double keras_deviation(const Array& variance, std::int64_t channel) {
  return std::max(std::sqrt(variance[channel]), 1e-7);
}

}  // namespace

Array layer_norm(const Array& input, const Array* gamma, const Array* beta, double epsilon) {
  const std::int64_t channels = input.shape.back();
  Array output(input.shape);
  for (std::int64_t row = 0; row < input.size() / channels; ++row) {
    const Moments moments = row_moments(input, row, epsilon);
    for (std::int64_t c = 0; c < channels; ++c) {
      const double unit = (input[row * channels + c] - moments.mean) / moments.deviation;
      output[row * channels + c] =
          unit * (gamma != nullptr ? (*gamma)[c] : 1.0) + (beta != nullptr ? (*beta)[c] : 0.0);
    }
  }
  return output;
}

LayerNormGradients layer_norm_backward(const Array& input, const Array* gamma, const Array& diff_output,
                                       double epsilon) {
  const std::int64_t channels = input.shape.back();
  const auto n = static_cast<double>(channels);
  LayerNormGradients gradients{
      .input = Array(input.shape), .gamma = Array({channels}), .beta = Array({channels})};
  for (std::int64_t row = 0; row < input.size() / channels; ++row) {
    const Moments moments = row_moments(input, row, epsilon);
    const auto unit = [&](std::int64_t c) {
      return (input[row * channels + c] - moments.mean) / moments.deviation;
    };
    const auto diff_unit = [&](std::int64_t c) {
      return diff_output[row * channels + c] * (gamma != nullptr ? (*gamma)[c] : 1.0);
    };
    double sum = 0.0;
    double product = 0.0;
    for (std::int64_t c = 0; c < channels; ++c) {
      sum += diff_unit(c);
      product += diff_unit(c) * unit(c);
      gradients.gamma[c] += diff_output[row * channels + c] * unit(c);
      gradients.beta[c] += diff_output[row * channels + c];
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      gradients.input[row * channels + c] =
          (diff_unit(c) - sum / n - unit(c) * product / n) / moments.deviation;
    }
  }
  return gradients;
}

Array scale(const Array& input, const Array& factor) {
  Array output = input;
  for (std::int64_t i = 0; i < input.size(); ++i) {
    output[i] *= factor[i % factor.size()];
  }
  return output;
}

ScaleGradients scale_backward(const Array& input, const Array& factor, const Array& diff_output) {
  ScaleGradients gradients{.input = scale(diff_output, factor), .factor = Array(factor.shape)};
  for (std::int64_t i = 0; i < input.size(); ++i) {
    gradients.factor[i % factor.size()] += input[i] * diff_output[i];
  }
  return gradients;
}

Array standardize(const Array& input, const Array& mean, const Array& variance) {
  Array output(input.shape);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    const std::int64_t c = i % mean.size();
    output[i] = (input[i] - mean[c]) / keras_deviation(variance, c);
  }
  return output;
}

Array standardize_backward(const Array& variance, const Array& diff_output) {
  Array diff_input(diff_output.shape);
  for (std::int64_t i = 0; i < diff_output.size(); ++i) {
    diff_input[i] = diff_output[i] / keras_deviation(variance, i % variance.size());
  }
  return diff_input;
}

}  // namespace headstart::reference
