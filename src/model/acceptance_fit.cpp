// The covariance within the classes, as directions of large variance and the same noise everywhere else.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "core/matrix_product.h"
#include "core/random.h"
#include "headstart/acceptance.h"
#include "headstart/error.h"

namespace headstart {
namespace {

constexpr std::int64_t kLargestRank = 64;  // more do not tell photos better apart (docs/evaluating.md)
constexpr int kIterations = 10;

// Features of images less the centroid of their class.
struct Residuals {
  std::vector<float> values;  // (rows, channels)
  std::size_t rows = 0, channels = 0;
};

// The mean of each class; a class without images repeats another's, which changes no nearest centroid.
Tensor class_centroids(const Tensor& features, std::span<const int> labels, int classes) {
  Tensor centroids = class_means(features, labels, classes);
  const std::int64_t channels = features.shape()[1];
  for (int c = 0; c < classes; ++c) {
    if (std::find(labels.begin(), labels.end(), c) == labels.end()) {
      std::copy_n(centroids.data() + labels.front() * channels, channels, centroids.data() + c * channels);
    }
  }
  return centroids;
}

Residuals residuals_of(const Tensor& features, std::span<const int> labels, const Tensor& centroids) {
  Residuals result{.values = {features.values().begin(), features.values().end()},
                   .rows = labels.size(),
                   .channels = static_cast<std::size_t>(features.shape()[1])};
  for (std::size_t row = 0; row < result.rows; ++row) {
    const float* centroid = centroids.data() + static_cast<std::size_t>(labels[row]) * result.channels;
    for (std::size_t i = 0; i < result.channels; ++i) {
      result.values[row * result.channels + i] -= centroid[i];
    }
  }
  return result;
}

// Directions (rank, channels) times the covariance.
std::vector<float> times_covariance(const std::vector<float>& directions, const Residuals& residuals) {
  const std::size_t channels = residuals.channels, rank = directions.size() / channels;
  const auto view = [](const std::vector<float>& matrix, std::size_t rows, std::size_t columns) {
    return row_major(matrix.data(), static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns));
  };
  const MatrixView values = view(residuals.values, residuals.rows, channels);
  const auto along = product(values, transposed(view(directions, rank, channels)));
  const auto sums = product(transposed(values), view(along, residuals.rows, rank));
  std::vector<float> result;
  result.reserve(sums.size());
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t i = 0; i < channels; ++i) {
      result.push_back(sums[i * rank + k] / static_cast<float>(residuals.rows));
    }
  }
  return result;
}

[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] double dot(const float* a, const float* b,
                                                                          std::size_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < count; ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void subtract(const float* __restrict from,
                                                                             float share, std::size_t count,
                                                                             float* __restrict to) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] -= share * from[i];
  }
}

// Gram-Schmidt of directions (rank, channels), twice for each; one that depends on those before it becomes
// zero.
void orthonormalize(std::vector<float>& directions, std::size_t channels) {
  const std::size_t rank = directions.size() / channels;
  for (std::size_t k = 0; k < rank; ++k) {
    float* direction = directions.data() + k * channels;
    const double before = dot(direction, direction, channels);
    for (std::size_t turn = 0; turn < 2; ++turn) {
      for (std::size_t other = 0; other < k; ++other) {
        const float* earlier = directions.data() + other * channels;
        subtract(earlier, static_cast<float>(dot(direction, earlier, channels)), channels, direction);
      }
    }
    const double squares = dot(direction, direction, channels);
    const double scale = squares > 1e-8 * before && squares > 0.0 ? 1.0 / std::sqrt(squares) : 0.0;
    for (std::size_t i = 0; i < channels; ++i) {
      direction[i] = static_cast<float>(direction[i] * scale);
    }
  }
}

// Orthogonal iteration: the covariance's greatest eigenvectors (rank, channels), and their values.
std::vector<double> greatest_directions(const Residuals& residuals, std::size_t rank,
                                        std::vector<float>& directions) {
  const std::size_t channels = residuals.channels;
  Random random(0, RandomPurpose::initialise, name_hash("acceptance"));
  directions.resize(rank * channels);
  for (float& value : directions) {
    value = random.normal();
  }
  orthonormalize(directions, channels);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    directions = times_covariance(directions, residuals);
    orthonormalize(directions, channels);
  }
  const auto images = times_covariance(directions, residuals);
  std::vector<double> variances;
  for (std::size_t first = 0; first < directions.size(); first += channels) {
    variances.push_back(dot(directions.data() + first, images.data() + first, channels));
  }
  return variances;
}

void set_covariance(Acceptance& acceptance, const Residuals& residuals) {
  const auto channels = static_cast<std::int64_t>(residuals.channels);
  const auto rows = static_cast<std::int64_t>(residuals.rows);
  const auto rank =
      static_cast<std::size_t>(std::max<std::int64_t>(1, std::min({kLargestRank, channels / 4, rows / 4})));
  std::vector<float> directions;
  const auto variances = greatest_directions(residuals, rank, directions);
  double total = 0;
  for (const float value : residuals.values) {
    total += static_cast<double>(value) * value;
  }
  total /= static_cast<double>(rows);
  const double rest = total - std::accumulate(variances.begin(), variances.end(), 0.0);
  // Of features that hardly vary, a rounding error of bf16 is no distance; their mean square is 1 / channels.
  const double least = std::max(1e-3 * total, 1e-5) / static_cast<double>(channels);
  acceptance.noise = std::max(rest / static_cast<double>(channels - static_cast<std::int64_t>(rank)), least);
  acceptance.directions = Tensor({static_cast<std::int64_t>(rank), channels});
  for (std::size_t k = 0; k < rank; ++k) {
    const double length =
        std::sqrt(std::max(0.0, 1.0 / acceptance.noise - 1.0 / std::max(variances[k], acceptance.noise)));
    for (std::size_t i = k * residuals.channels; i < (k + 1) * residuals.channels; ++i) {
      acceptance.directions.values()[i] = static_cast<float>(length * directions[i]);
    }
  }
}

void require_labelled_rows(const Tensor& features, std::span<const int> labels, int classes) {
  const Shape& shape = features.shape();
  const auto wrong = [&](int label) { return label < 0 || label >= classes; };
  if (shape.size() != 2 || shape[0] != static_cast<std::int64_t>(labels.size()) ||
      std::any_of(labels.begin(), labels.end(), wrong)) {
    throw Error(fmt::format(
        "[acceptance] expected features (N, channels) and N labels from 0 to below {}; received {} and {} "
        "labels; give a label a row",
        classes, to_string(shape), labels.size()));
  }
}

}  // namespace

Tensor class_means(const Tensor& features, std::span<const int> labels, int classes) {
  require_labelled_rows(features, labels, classes);
  const auto channels = static_cast<std::size_t>(features.shape()[1]);
  const auto size = static_cast<std::size_t>(classes);
  std::vector<double> sums(size * channels, 0.0), counts(size, 0.0);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const auto label = static_cast<std::size_t>(labels[row]);
    counts[label] += 1.0;
    for (std::size_t i = 0; i < channels; ++i) {
      sums[label * channels + i] += features.values()[row * channels + i];
    }
  }
  Tensor means({classes, features.shape()[1]});
  for (std::size_t i = 0; i < sums.size(); ++i) {
    means.values()[i] = static_cast<float>(sums[i] / std::max(1.0, counts[i / channels]));
  }
  return means;
}

Acceptance fit_acceptance(const Tensor& features, std::span<const int> labels, int classes) {
  require_labelled_rows(features, labels, classes);
  if (features.shape()[0] < 2 || features.shape()[1] < 2) {
    throw Error(fmt::format("[acceptance] expected 2 rows and channels or more; received {}; add images",
                            to_string(features.shape())));
  }
  Acceptance acceptance;
  acceptance.centroids = class_centroids(features, labels, classes);
  set_covariance(acceptance, residuals_of(features, labels, acceptance.centroids));
  return acceptance;
}

}  // namespace headstart
