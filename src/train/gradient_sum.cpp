#include "train/gradient_sum.h"

#include "headstart/tensor.h"

namespace headstart {

void GradientSum::add(const Parameters& gradients, std::size_t samples) {
  if (batches_ == 0) {
    sum_ = Parameters{};
    for (const auto& [name, gradient] : gradients) {
      sum_.insert(name, Tensor(gradient.shape()));
    }
    samples_ = 0;
  }
  const auto weight = static_cast<float>(samples);
  for (const auto& [name, gradient] : gradients) {
    const auto values = gradient.values();
    const auto sum = sum_.at(name).values();
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum[i] += weight * values[i];
    }
  }
  samples_ += samples;
  ++batches_;
}

Parameters& GradientSum::take_mean() {
  for (auto& [name, sum] : sum_) {
    for (float& value : sum.values()) {
      value /= static_cast<float>(samples_);
    }
  }
  batches_ = 0;
  return sum_;
}

}  // namespace headstart
