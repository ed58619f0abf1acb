// Maps of evidence from a layer's values and gradients.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <opencv2/core.hpp>

#include "headstart/error.h"
#include "headstart/explain.h"

namespace headstart {
namespace {

constexpr std::array<std::pair<const char*, ExplainMethod>, 6> kMethods{
    {{"gradcam", ExplainMethod::gradcam},
     {"gradcam++", ExplainMethod::gradcam_plus_plus},
     {"hirescam", ExplainMethod::hirescam},
     {"eigencam", ExplainMethod::eigencam},
     {"occlusion", ExplainMethod::occlusion},
     {"rollout", ExplainMethod::rollout}}};

// Values of one picture as rows of pixels by columns of channels.
struct Rows {
  std::int64_t pixels = 0, channels = 0;
  const float* values = nullptr;

  double at(std::int64_t pixel, std::int64_t channel) const {
    return static_cast<double>(values[pixel * channels + channel]);
  }
};

Rows rows_of(const Tensor& tensor) {
  const auto& shape = tensor.shape();
  return {.pixels = shape.at(0) * shape.at(1), .channels = shape.at(2), .values = tensor.data()};
}

std::vector<double> channel_means(const Rows& gradients) {
  std::vector<double> means(static_cast<std::size_t>(gradients.channels), 0.0);
  for (std::int64_t p = 0; p < gradients.pixels; ++p) {
    for (std::int64_t c = 0; c < gradients.channels; ++c) {
      means[static_cast<std::size_t>(c)] += gradients.at(p, c) / static_cast<double>(gradients.pixels);
    }
  }
  return means;
}

// Equations 10 and 19 of the paper, for the exponential of the logit, whose own factors cancel in alpha and
// are a scale of the whole map elsewhere.
std::vector<double> plus_plus_weights(const Rows& activations, const Rows& gradients) {
  std::vector<double> weights(static_cast<std::size_t>(gradients.channels), 0.0);
  for (std::int64_t c = 0; c < gradients.channels; ++c) {
    double sum = 0.0;
    for (std::int64_t p = 0; p < activations.pixels; ++p) {
      sum += activations.at(p, c);
    }
    for (std::int64_t p = 0; p < gradients.pixels; ++p) {
      const double g = gradients.at(p, c);
      const double below = 2.0 * g * g + sum * g * g * g;
      const double alpha = g == 0.0 ? 0.0 : g * g / (below == 0.0 ? 1.0 : below);
      weights[static_cast<std::size_t>(c)] += alpha * std::max(g, 0.0);
    }
  }
  return weights;
}

// One value a pixel: the sum over the channels of activation times factor(pixel, channel).
template <typename Factor>
Tensor summed(const Tensor& activations, const Factor& factor) {
  const Rows rows = rows_of(activations);
  Tensor map({activations.shape()[0], activations.shape()[1]});
  for (std::int64_t p = 0; p < rows.pixels; ++p) {
    double sum = 0.0;
    for (std::int64_t c = 0; c < rows.channels; ++c) {
      sum += factor(p, c) * rows.at(p, c);
    }
    map[p] = static_cast<float>(sum);
  }
  return map;
}

Tensor weighted(const Tensor& activations, const std::vector<double>& weights) {
  return summed(activations,
                [&](std::int64_t, std::int64_t c) { return weights[static_cast<std::size_t>(c)]; });
}

// The projection on the first right singular vector, with the sign that makes its sum positive.
Tensor first_component(const Tensor& activations) {
  const auto& shape = activations.shape();
  const cv::Mat rows(static_cast<int>(shape[0] * shape[1]), static_cast<int>(shape[2]), CV_32F,
                     const_cast<float*>(activations.data()));  // OpenCV has no read-only matrix
  cv::Mat values, left, right;
  cv::SVD::compute(rows, values, left, right);
  const cv::Mat projection = rows * right.row(0).t();
  const float sign = cv::sum(projection)[0] < 0.0 ? -1.0F : 1.0F;
  Tensor map({shape[0], shape[1]});
  for (std::int64_t p = 0; p < map.size(); ++p) {
    map[p] = sign * projection.at<float>(static_cast<int>(p));
  }
  return map;
}

}  // namespace

ExplainMethod explain_method_from(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& [text, method] : kMethods) {
    if (name == text) {
      return method;
    }
    known.emplace_back(text);
  }
  throw Error(fmt::format("[explain] the method was expected to be one of {}; received \"{}\"",
                          fmt::join(known, ", "), name));
}

std::string to_string(ExplainMethod method) {
  const auto* found =
      std::find_if(kMethods.begin(), kMethods.end(), [&](const auto& each) { return each.second == method; });
  return found->first;
}

HeatMap normalized(Tensor evidence) {
  float maximum = 0.0F;
  for (float& value : evidence.values()) {
    value = value > 0.0F ? value : 0.0F;  // not a number: no evidence
    maximum = std::max(maximum, value);
  }
  if (!std::isfinite(maximum)) {
    throw Error("[explain] expected finite evidence; received infinity; the network's values overflow");
  }
  if (maximum > 0.0F) {
    for (float& value : evidence.values()) {
      value /= maximum;
    }
  }
  return {.values = std::move(evidence), .maximum = maximum};
}

HeatMap layer_evidence(ExplainMethod method, const Tensor& activations, const Tensor& gradients) {
  const Shape& shape = activations.shape();
  const bool without_gradients = method == ExplainMethod::eigencam;
  if (shape.size() != 3 || activations.empty() || (!without_gradients && gradients.shape() != shape)) {
    throw Error(
        fmt::format("[explain] expected values (h, w, channels) and gradients of the same shape; received {} "
                    "and {}; take "
                    "both from one layer",
                    to_string(shape), to_string(gradients.shape())));
  }
  switch (method) {
    case ExplainMethod::gradcam:
      return normalized(weighted(activations, channel_means(rows_of(gradients))));
    case ExplainMethod::gradcam_plus_plus:
      return normalized(weighted(activations, plus_plus_weights(rows_of(activations), rows_of(gradients))));
    case ExplainMethod::hirescam:
      return normalized(summed(activations, [slopes = rows_of(gradients)](std::int64_t p, std::int64_t c) {
        return slopes.at(p, c);
      }));
    case ExplainMethod::eigencam:
      return normalized(first_component(activations));
    case ExplainMethod::occlusion:
    case ExplainMethod::rollout:
      break;
  }
  throw Error("[explain] expected a method that goes by one layer; received " + to_string(method));
}

}  // namespace headstart
