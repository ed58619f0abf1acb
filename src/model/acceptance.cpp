#include "headstart/acceptance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

constexpr double kLeastLimit = 1e-6;
// A class has a limit of its own when so many of its photos lie beyond it: the place of fewer is left to
// chance, and one odd photo would let in every stranger.
constexpr double kFewestBeyond = 5.0;

std::size_t extent(const Tensor& tensor, std::size_t axis) {
  return static_cast<std::size_t>(tensor.shape().at(axis));
}

// To the nearest centroid, squared, as the covariance has it: |z - m|^2 / noise - |directions (z - m)|^2.
class NearestCentroid {
 public:
  explicit NearestCentroid(const Acceptance& acceptance)
      : acceptance_(acceptance), channels_(extent(acceptance.centroids, 1)) {
    for (std::size_t c = 0; c < extent(acceptance.centroids, 0); ++c) {
      projected_.push_back(projection(acceptance.centroids.values().subspan(c * channels_, channels_)));
    }
  }

  double squared_distance(std::span<const float> row) const {
    const auto own = projection(row);
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < projected_.size(); ++c) {
      const auto centroid = acceptance_.centroids.values().subspan(c * channels_, channels_);
      double whole = 0, along = 0;
      for (std::size_t i = 0; i < channels_; ++i) {
        const double difference = static_cast<double>(row[i]) - centroid[i];
        whole += difference * difference;
      }
      for (std::size_t k = 0; k < own.size(); ++k) {
        along += (own[k] - projected_[c][k]) * (own[k] - projected_[c][k]);
      }
      nearest = std::min(nearest, whole / acceptance_.noise - along);
    }
    return nearest;
  }

 private:
  std::vector<double> projection(std::span<const float> row) const {
    std::vector<double> result(extent(acceptance_.directions, 0));
    for (std::size_t k = 0; k < result.size(); ++k) {
      const float* direction = acceptance_.directions.data() + k * channels_;
      double sum = 0;
      for (std::size_t i = 0; i < channels_; ++i) {
        sum += static_cast<double>(direction[i]) * row[i];
      }
      result[k] = sum;
    }
    return result;
  }

  const Acceptance& acceptance_;
  std::size_t channels_;
  std::vector<std::vector<double>> projected_;  // centroids
};

// The smallest limit that promises the share for a further image, if so many images can promise it.
std::optional<double> promised_limit(std::vector<double> distances, double share) {
  const auto count = static_cast<double>(distances.size());
  const double needed = std::ceil((count + 1.0) * share - 1e-9);
  if (needed > count) {
    return std::nullopt;
  }
  const auto place = distances.begin() + static_cast<std::ptrdiff_t>(std::max(needed, 1.0)) - 1;
  std::nth_element(distances.begin(), place, distances.end());
  return std::max(*place, kLeastLimit);
}

void require_same_size(const char* what, std::size_t count, std::size_t predictions) {
  if (count != predictions) {
    throw Error(fmt::format("[acceptance] as many {} as classes of images were expected; received {} and {}",
                            what, count, predictions));
  }
}

void require_classes(std::span<const int> predicted, std::size_t classes) {
  for (const int one : predicted) {
    if (one < 0 || static_cast<std::size_t>(one) >= classes) {
      throw Error(
          fmt::format("[acceptance] classes from 0 to below {} were expected; received {}", classes, one));
    }
  }
}

}  // namespace

Tensor unit_features(std::span<const float> values, std::int64_t images, std::int64_t channels) {
  const auto count = static_cast<std::int64_t>(values.size());
  if (images < 0 || channels < 1 ||
      (images == 0 ? count != 0 : count % images != 0 || count / images % channels != 0)) {
    throw Error(
        fmt::format("[acceptance] values of {} images in {} channels were expected; received {} values",
                    images, channels, count));
  }
  Tensor features({images, channels});
  const auto width = static_cast<std::size_t>(channels);
  const std::size_t size = images == 0 ? 0 : values.size() / static_cast<std::size_t>(images);
  std::vector<double> sum(width);
  for (std::size_t row = 0; row < static_cast<std::size_t>(images); ++row) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t i = 0; i < size; i += width) {
      for (std::size_t c = 0; c < width; ++c) {
        sum[c] += values[row * size + i + c];
      }
    }
    double squares = 0;
    for (const double value : sum) {
      squares += value * value;
    }
    const double scale = squares == 0.0 ? 0.0 : 1.0 / std::sqrt(squares);
    for (std::size_t c = 0; c < width; ++c) {
      features.values()[row * width + c] = static_cast<float>(sum[c] * scale);
    }
  }
  return features;
}

std::vector<double> distances(const Acceptance& acceptance, const Tensor& features) {
  const std::size_t channels = extent(acceptance.centroids, 1);
  if (features.shape().size() != 2 || extent(features, 1) != channels) {
    throw Error(fmt::format("[acceptance] rows of {} features were expected; received {}", channels,
                            to_string(features.shape())));
  }
  const NearestCentroid nearest(acceptance);
  std::vector<double> result(extent(features, 0));
  for (std::size_t row = 0; row < result.size(); ++row) {
    const double squared = nearest.squared_distance(features.values().subspan(row * channels, channels));
    result[row] = std::sqrt(std::max(squared, 0.0) / static_cast<double>(channels));
  }
  return result;
}

void fit_limits(Acceptance& acceptance, std::span<const double> distances, std::span<const int> predicted,
                double share) {
  require_same_size("distances", distances.size(), predicted.size());
  if (!(share > 0.0 && share < 1.0)) {
    throw Error(fmt::format("[acceptance] a share above 0 and below 1 was expected; received {}", share));
  }
  if (static_cast<std::int64_t>(distances.size()) < kFewestForLimits) {
    throw Error(fmt::format("[acceptance] at least {} held-out images were expected; received {}",
                            kFewestForLimits, distances.size()));
  }
  std::vector<std::vector<double>> of_class(extent(acceptance.centroids, 0));
  require_classes(predicted, of_class.size());
  for (std::size_t i = 0; i < distances.size(); ++i) {
    of_class[static_cast<std::size_t>(predicted[i])].push_back(distances[i]);
  }
  // Too few in all: everything that was seen is accepted.
  const std::vector<double> all(distances.begin(), distances.end());
  const double common =
      promised_limit(all, share).value_or(std::max(*std::max_element(all.begin(), all.end()), kLeastLimit));
  acceptance.share = share;
  acceptance.limits.clear();
  for (auto& own : of_class) {
    const bool enough = static_cast<double>(own.size()) * (1.0 - share) >= kFewestBeyond - 1e-9;
    acceptance.limits.push_back(enough ? promised_limit(std::move(own), share).value_or(common) : common);
  }
}

std::vector<float> strangeness(const Acceptance& acceptance, std::span<const double> distances,
                               std::span<const int> predicted) {
  require_same_size("distances", distances.size(), predicted.size());
  require_classes(predicted, acceptance.limits.size());
  std::vector<float> result;
  result.reserve(distances.size());
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const double limit = acceptance.limits[static_cast<std::size_t>(predicted[i])];
    result.push_back(static_cast<float>(distances[i] / limit));
  }
  return result;
}

double separation(std::span<const float> known, std::span<const float> strangers) {
  if (known.empty() || strangers.empty()) {
    throw Error("[acceptance] known photos and strangers were expected; received none of one kind");
  }
  std::vector<float> sorted(known.begin(), known.end());
  std::sort(sorted.begin(), sorted.end());
  double won = 0;
  for (const float stranger : strangers) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), stranger);
    won += static_cast<double>(first - sorted.begin()) + 0.5 * static_cast<double>(last - first);
  }
  return won / (static_cast<double>(known.size()) * static_cast<double>(strangers.size()));
}

}  // namespace headstart
