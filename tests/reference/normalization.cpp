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

namespace {

// (N, H, W, C) -> (N, groups, H * W * C / groups), and back.
std::int64_t grouped_index(const Shape& shape, int groups, std::int64_t i) {
  const std::int64_t pixels = shape[1] * shape[2];
  const std::int64_t width = shape[3] / groups;
  const std::int64_t c = i % shape[3];
  const std::int64_t pixel = i / shape[3] % pixels;
  const std::int64_t n = i / shape[3] / pixels;
  return ((n * groups + c / width) * pixels + pixel) * width + c % width;
}

Array grouped(const Array& image, int groups) {
  Array rows({image.shape[0], groups, image.size() / image.shape[0] / groups});
  for (std::int64_t i = 0; i < image.size(); ++i) {
    rows[grouped_index(image.shape, groups, i)] = image[i];
  }
  return rows;
}

Array ungrouped(const Array& rows, int groups, const Shape& shape) {
  Array image(shape);
  for (std::int64_t i = 0; i < image.size(); ++i) {
    image[i] = rows[grouped_index(shape, groups, i)];
  }
  return image;
}

Array times_channel(const Array& input, const Array* factor) {
  return factor != nullptr ? scale(input, *factor) : input;
}

// k + alpha / size * (sum of squares around element i)
double local_base(const Array& input, const LocalResponseNormalization& op, std::int64_t i) {
  const std::int64_t channels = input.shape.back();
  const std::int64_t c = i % channels;
  double sum = 0.0;
  for (std::int64_t other = std::max<std::int64_t>(0, c - op.size / 2);
       other <= std::min<std::int64_t>(channels - 1, c + op.size / 2); ++other) {
    sum += std::pow(input[i - c + other], 2.0);
  }
  return static_cast<double>(op.k) + static_cast<double>(op.alpha) / op.size * sum;
}

}  // namespace

Array group_norm(const Array& input, int groups, const Array* gamma, const Array* beta, double epsilon) {
  Array output =
      ungrouped(layer_norm(grouped(input, groups), nullptr, nullptr, epsilon), groups, input.shape);
  output = times_channel(output, gamma);
  for (std::int64_t i = 0; beta != nullptr && i < output.size(); ++i) {
    output[i] += (*beta)[i % beta->size()];
  }
  return output;
}

LayerNormGradients group_norm_backward(const Array& input, int groups, const Array* gamma,
                                       const Array& diff_output, double epsilon) {
  const std::int64_t channels = input.shape.back();
  const Array rows = grouped(input, groups);
  const Array unit = ungrouped(layer_norm(rows, nullptr, nullptr, epsilon), groups, input.shape);
  LayerNormGradients gradients{.input = {}, .gamma = Array({channels}), .beta = Array({channels})};
  for (std::int64_t i = 0; i < input.size(); ++i) {
    gradients.gamma[i % channels] += diff_output[i] * unit[i];
    gradients.beta[i % channels] += diff_output[i];
  }
  const Array diff_unit = grouped(times_channel(diff_output, gamma), groups);
  gradients.input =
      ungrouped(layer_norm_backward(rows, nullptr, diff_unit, epsilon).input, groups, input.shape);
  return gradients;
}

Array local_response_norm(const Array& input, const LocalResponseNormalization& op) {
  Array output(input.shape);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    output[i] = input[i] * std::pow(local_base(input, op, i), -static_cast<double>(op.beta));
  }
  return output;
}

Array local_response_norm_backward(const Array& input, const LocalResponseNormalization& op,
                                   const Array& diff_output) {
  const std::int64_t channels = input.shape.back();
  const auto beta = static_cast<double>(op.beta);
  Array diff_input(input.shape);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    const double base = local_base(input, op, i);
    diff_input[i] += diff_output[i] * std::pow(base, -beta);
    const double diff_square = -diff_output[i] * input[i] * beta * std::pow(base, -beta - 1.0) *
                               static_cast<double>(op.alpha) / op.size;
    const std::int64_t c = i % channels;
    for (std::int64_t other = std::max<std::int64_t>(0, c - op.size / 2);
         other <= std::min<std::int64_t>(channels - 1, c + op.size / 2); ++other) {
      diff_input[i - c + other] += diff_square * 2.0 * input[i - c + other];
    }
  }
  return diff_input;
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
