#include "engine/folding.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <variant>

#include "engine/kernels.h"

namespace headstart {

namespace {

// The parameter "node/name", or `absent` for every channel.
std::vector<double> channel_values(const Node& node, const char* name, bool present, double absent,
                                   const Parameters& parameters) {
  if (!present) {
    return std::vector<double>(static_cast<std::size_t>(node.shape.back()), absent);
  }
  const auto values = parameters.at(node.name + "/" + name).values();
  return {values.begin(), values.end()};
}

// (x - mean) / deviation * gamma + beta
ScaleShift normalizing(const std::vector<double>& mean, const std::vector<double>& deviation,
                       const std::vector<double>& gamma, const std::vector<double>& beta) {
  ScaleShift form{.scale = std::vector<float>(mean.size()), .shift = std::vector<float>(mean.size())};
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const double scale = gamma[c] / deviation[c];
    form.scale[c] = static_cast<float>(scale);
    form.shift[c] = static_cast<float>(beta[c] - mean[c] * scale);
  }
  return form;
}

ScaleShift form_of(const BatchNormalization& op, const Node& node, const Parameters& parameters) {
  auto deviation = channel_values(node, "moving_variance", true, 1.0, parameters);
  for (double& value : deviation) {
    value = std::sqrt(value + static_cast<double>(op.epsilon));
  }
  return normalizing(channel_values(node, "moving_mean", true, 0.0, parameters), deviation,
                     channel_values(node, "gamma", op.scale, 1.0, parameters),
                     channel_values(node, "beta", op.center, 0.0, parameters));
}

ScaleShift form_of(const Normalization&, const Node& node, const Parameters& parameters) {
  auto deviation = channel_values(node, "variance", true, 1.0, parameters);
  for (double& value : deviation) {
    value = std::max(std::sqrt(value), 1e-7);
  }
  return normalizing(channel_values(node, "mean", true, 0.0, parameters), deviation,
                     channel_values(node, "", false, 1.0, parameters),
                     channel_values(node, "", false, 0.0, parameters));
}

ScaleShift form_of(const Scale&, const Node& node, const Parameters& parameters) {
  const auto gamma = parameters.at(node.name + "/gamma").values();
  return {.scale = {gamma.begin(), gamma.end()}, .shift = std::vector<float>(gamma.size())};
}

ScaleShift form_of(const Rescaling& op, const Node& node, const Parameters&) {
  const auto channels = static_cast<std::size_t>(node.shape.back());
  const auto spread = [channels](const std::vector<float>& values) {
    return values.size() == channels ? values : std::vector<float>(channels, values.front());
  };
  return {.scale = spread(op.scale), .shift = spread(op.offset)};
}

ScaleShift form_of(const auto&, const Node&, const Parameters&) {
  throw std::logic_error("an op that does more than scale and shift");
}

}  // namespace

bool only_scales_and_shifts(const Op& op) {
  return std::holds_alternative<BatchNormalization>(op) || std::holds_alternative<Scale>(op) ||
         std::holds_alternative<Normalization>(op) || std::holds_alternative<Rescaling>(op);
}

ScaleShift inference_form(const Node& node, const Parameters& parameters) {
  return std::visit([&](const auto& op) { return form_of(op, node, parameters); }, node.op);
}

Tensor normalized_kernel(const Tensor& kernel, const Tensor& scale) {
  Tensor result(kernel.shape());
  normalize_filters(kernel.data(), scale.data(), kernel.size() / scale.size(), scale.size(), result.data());
  return result;
}

FoldedWeights fold(const Tensor& kernel, const Tensor* bias, const std::optional<ScaleShift>& affine,
                   std::int64_t filters) {
  FoldedWeights folded;
  folded.kernel.assign(kernel.values().begin(), kernel.values().end());
  if (bias != nullptr) {
    folded.bias.assign(bias->values().begin(), bias->values().end());
  }
  if (affine) {
    const auto count = static_cast<std::size_t>(filters);
    folded.bias.resize(count, 0.0F);
    for (std::size_t row = 0; row < folded.kernel.size(); row += count) {
      for (std::size_t c = 0; c < count; ++c) {
        folded.kernel[row + c] *= affine->scale[c];
      }
    }
    for (std::size_t c = 0; c < count; ++c) {
      folded.bias[c] = folded.bias[c] * affine->scale[c] + affine->shift[c];
    }
  }
  return folded;
}

}  // namespace headstart
