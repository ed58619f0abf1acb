#include "reference/batch_norm.h"

#include <algorithm>
#include <cmath>

namespace headstart::reference {

namespace {

double channel_value(const Array* array, std::int64_t channel, double absent) {
  return array != nullptr ? (*array)[channel] : absent;
}

Array normalised(const Array& input, const BatchStatistics& statistics, double epsilon) {
  return batch_norm(input, statistics, nullptr, nullptr, epsilon);
}

}  // namespace

BatchStatistics batch_statistics(const Array& input) {
  const std::int64_t channels = input.shape.back();
  const auto n = static_cast<double>(input.size() / channels);
  BatchStatistics statistics{.mean = Array({channels}), .variance = Array({channels})};
  for (std::int64_t i = 0; i < input.size(); ++i) {
    statistics.mean[i % channels] += input[i] / n;
  }
  for (std::int64_t i = 0; i < input.size(); ++i) {
    const double difference = input[i] - statistics.mean[i % channels];
    statistics.variance[i % channels] += difference * difference / n;
  }
  return statistics;
}

BatchStatistics updated_moving(const BatchStatistics& moving, const BatchStatistics& batch,
                               std::int64_t elements_a_channel, double momentum) {
  const double unbias = static_cast<double>(elements_a_channel) /
                        static_cast<double>(std::max<std::int64_t>(elements_a_channel - 1, 1));
  BatchStatistics updated = moving;
  for (std::int64_t c = 0; c < moving.mean.size(); ++c) {
    updated.mean[c] = momentum * moving.mean[c] + (1.0 - momentum) * batch.mean[c];
    updated.variance[c] = momentum * moving.variance[c] + (1.0 - momentum) * batch.variance[c] * unbias;
  }
  return updated;
}

Array batch_norm(const Array& input, const BatchStatistics& statistics, const Array* gamma, const Array* beta,
                 double epsilon) {
  const std::int64_t channels = input.shape.back();
  Array output(input.shape);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    const std::int64_t c = i % channels;
    const double unit = (input[i] - statistics.mean[c]) / std::sqrt(statistics.variance[c] + epsilon);
    output[i] = unit * channel_value(gamma, c, 1.0) + channel_value(beta, c, 0.0);
  }
  return output;
}

RenormCorrections renorm_corrections(const BatchStatistics& batch, const BatchStatistics& moving,
                                     const BatchNormalization& op) {
  const auto epsilon = static_cast<double>(op.epsilon);
  const auto largest = static_cast<double>(op.renorm_scale), furthest = static_cast<double>(op.renorm_shift);
  RenormCorrections corrections{.r = Array(batch.mean.shape), .d = Array(batch.mean.shape)};
  for (std::int64_t c = 0; c < batch.mean.size(); ++c) {
    const double deviation = std::sqrt(moving.variance[c] + epsilon);
    corrections.r[c] = std::clamp(std::sqrt(batch.variance[c] + epsilon) / deviation, 1.0 / largest, largest);
    corrections.d[c] = std::clamp((batch.mean[c] - moving.mean[c]) / deviation, -furthest, furthest);
  }
  return corrections;
}

Array batch_renorm(const Array& input, const BatchStatistics& batch, const RenormCorrections& corrections,
                   const Array* gamma, const Array* beta, double epsilon) {
  const std::int64_t channels = input.shape.back();
  Array output = normalised(input, batch, epsilon);
  for (std::int64_t i = 0; i < output.size(); ++i) {
    const std::int64_t c = i % channels;
    output[i] = (output[i] * corrections.r[c] + corrections.d[c]) * channel_value(gamma, c, 1.0) +
                channel_value(beta, c, 0.0);
  }
  return output;
}

BatchNormGradients frozen_batch_norm_backward(const Array& input, const BatchStatistics& statistics,
                                              const Array* gamma, const Array& diff_output, double epsilon) {
  const std::int64_t channels = input.shape.back();
  const Array unit = normalised(input, statistics, epsilon);
  BatchNormGradients gradients{
      .input = Array(input.shape), .gamma = Array({channels}), .beta = Array({channels})};
  for (std::int64_t i = 0; i < input.size(); ++i) {
    const std::int64_t c = i % channels;
    gradients.gamma[c] += unit[i] * diff_output[i];
    gradients.beta[c] += diff_output[i];
    gradients.input[i] =
        diff_output[i] * channel_value(gamma, c, 1.0) / std::sqrt(statistics.variance[c] + epsilon);
  }
  return gradients;
}

BatchNormGradients training_batch_norm_backward(const Array& input, const BatchStatistics& statistics,
                                                const Array* gamma, const Array& diff_output,
                                                double epsilon) {
  BatchNormGradients gradients = frozen_batch_norm_backward(input, statistics, gamma, diff_output, epsilon);
  const std::int64_t channels = input.shape.back();
  const auto n = static_cast<double>(input.size() / channels);
  const Array unit = normalised(input, statistics, epsilon);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    const std::int64_t c = i % channels;
    const double scale = channel_value(gamma, c, 1.0) / std::sqrt(statistics.variance[c] + epsilon);
    gradients.input[i] = scale * (diff_output[i] - gradients.beta[c] / n - unit[i] * gradients.gamma[c] / n);
  }
  return gradients;
}

BatchNormGradients batch_renorm_backward(const Array& input, const BatchStatistics& statistics,
                                         const RenormCorrections& corrections, const Array* gamma,
                                         const Array& diff_output, double epsilon) {
  Array scale = corrections.r;
  for (std::int64_t c = 0; c < scale.size(); ++c) {
    scale[c] *= channel_value(gamma, c, 1.0);
  }
  auto gradients = training_batch_norm_backward(input, statistics, &scale, diff_output, epsilon);
  for (std::int64_t c = 0; c < scale.size(); ++c) {
    gradients.gamma[c] = gradients.gamma[c] * corrections.r[c] + gradients.beta[c] * corrections.d[c];
  }
  return gradients;
}

}  // namespace headstart::reference
