#include "engine/folding.h"

#include <cmath>
#include <variant>

namespace headstart {

ScaleShift inference_form(const Node& node, const Parameters& parameters) {
  const auto& op = std::get<BatchNormalization>(node.op);
  const auto& mean = parameters.at(node.name + "/moving_mean");
  const auto& variance = parameters.at(node.name + "/moving_variance");
  const auto channels = static_cast<std::size_t>(mean.size());
  ScaleShift form{.scale = std::vector<float>(channels), .shift = std::vector<float>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    const auto i = static_cast<std::int64_t>(c);
    const double gamma = op.scale ? static_cast<double>(parameters.at(node.name + "/gamma")[i]) : 1.0;
    const double beta = op.center ? static_cast<double>(parameters.at(node.name + "/beta")[i]) : 0.0;
    const double scale =
        gamma / std::sqrt(static_cast<double>(variance[i]) + static_cast<double>(op.epsilon));
    form.scale[c] = static_cast<float>(scale);
    form.shift[c] = static_cast<float>(beta - static_cast<double>(mean[i]) * scale);
  }
  return form;
}

FoldedWeights fold(const Tensor& kernel, const Tensor* bias, const std::optional<ScaleShift>& batch_norm,
                   std::int64_t filters) {
  FoldedWeights folded;
  folded.kernel.assign(kernel.values().begin(), kernel.values().end());
  if (bias != nullptr) {
    folded.bias.assign(bias->values().begin(), bias->values().end());
  }
  if (batch_norm) {
    const auto count = static_cast<std::size_t>(filters);
    folded.bias.resize(count, 0.0F);
    for (std::size_t row = 0; row < folded.kernel.size(); row += count) {
      for (std::size_t c = 0; c < count; ++c) {
        folded.kernel[row + c] *= batch_norm->scale[c];
      }
    }
    for (std::size_t c = 0; c < count; ++c) {
      folded.bias[c] = folded.bias[c] * batch_norm->scale[c] + batch_norm->shift[c];
    }
  }
  return folded;
}

}  // namespace headstart
