// The covariance within the classes, as directions of large variance and the same noise everywhere else.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

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

// Covariance times a basis (channels, rank), rows of which lie side by side so that the inner loops are long.
std::vector<float> covariance_times(const Residuals& residuals, const std::vector<float>& basis,
                                    std::size_t rank) {
  std::vector<float> product(basis.size(), 0.0F), along(rank);
  for (std::size_t row = 0; row < residuals.rows; ++row) {
    const float* values = residuals.values.data() + row * residuals.channels;
    std::fill(along.begin(), along.end(), 0.0F);
    for (std::size_t i = 0; i < residuals.channels; ++i) {
      for (std::size_t k = 0; k < rank; ++k) {
        along[k] += values[i] * basis[i * rank + k];
      }
    }
    for (std::size_t i = 0; i < residuals.channels; ++i) {
      for (std::size_t k = 0; k < rank; ++k) {
        product[i * rank + k] += values[i] * along[k];
      }
    }
  }
  for (float& value : product) {
    value /= static_cast<float>(residuals.rows);
  }
  return product;
}

double dot_of_columns(const std::vector<float>& basis, std::size_t rank, std::size_t a, std::size_t b) {
  double sum = 0;
  for (std::size_t i = 0; i < basis.size(); i += rank) {
    sum += static_cast<double>(basis[i + a]) * basis[i + b];
  }
  return sum;
}

// Gram-Schmidt, twice for each column; one that depends on those before it becomes zero.
void orthonormalize(std::vector<float>& basis, std::size_t rank) {
  for (std::size_t k = 0; k < rank; ++k) {
    const double before = dot_of_columns(basis, rank, k, k);
    for (std::size_t turn = 0; turn < 2; ++turn) {
      for (std::size_t other = 0; other < k; ++other) {
        const auto share = static_cast<float>(dot_of_columns(basis, rank, k, other));
        for (std::size_t i = 0; i < basis.size(); i += rank) {
          basis[i + k] -= share * basis[i + other];
        }
      }
    }
    const double squares = dot_of_columns(basis, rank, k, k);
    const double scale = squares > 1e-8 * before && squares > 0.0 ? 1.0 / std::sqrt(squares) : 0.0;
    for (std::size_t i = 0; i < basis.size(); i += rank) {
      basis[i + k] = static_cast<float>(basis[i + k] * scale);
    }
  }
}

// Orthogonal iteration: a basis (channels, rank) of the covariance's greatest eigenvectors, and their values.
std::vector<double> greatest_directions(const Residuals& residuals, std::size_t rank,
                                        std::vector<float>& basis) {
  Random random(0, RandomPurpose::initialise, name_hash("acceptance"));
  basis.resize(residuals.channels * rank);
  for (float& value : basis) {
    value = random.normal();
  }
  orthonormalize(basis, rank);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    basis = covariance_times(residuals, basis, rank);
    orthonormalize(basis, rank);
  }
  const auto product = covariance_times(residuals, basis, rank);
  std::vector<double> variances(rank, 0.0);
  for (std::size_t i = 0; i < basis.size(); i += rank) {
    for (std::size_t k = 0; k < rank; ++k) {
      variances[k] += static_cast<double>(basis[i + k]) * product[i + k];
    }
  }
  return variances;
}

void set_covariance(Acceptance& acceptance, const Residuals& residuals) {
  const auto channels = static_cast<std::int64_t>(residuals.channels);
  const auto rows = static_cast<std::int64_t>(residuals.rows);
  const auto rank =
      static_cast<std::size_t>(std::max<std::int64_t>(1, std::min({kLargestRank, channels / 4, rows / 4})));
  std::vector<float> basis;
  const auto variances = greatest_directions(residuals, rank, basis);
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
    for (std::size_t i = 0; i < residuals.channels; ++i) {
      acceptance.directions.values()[k * residuals.channels + i] =
          static_cast<float>(length * basis[i * rank + k]);
    }
  }
}

}  // namespace

Tensor class_means(const Tensor& features, std::span<const int> labels, int classes) {
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
  const bool fits = features.shape().size() == 2 && features.shape()[1] > 1 && labels.size() > 1 &&
                    features.shape()[0] == static_cast<std::int64_t>(labels.size());
  const auto wrong = [&](int label) { return label < 0 || label >= classes; };
  if (!fits || std::any_of(labels.begin(), labels.end(), wrong)) {
    throw Error(fmt::format(
        "[acceptance] a row of features for each of at least 2 labels below {} was expected; received {} and "
        "{} labels",
        classes, to_string(features.shape()), labels.size()));
  }
  Acceptance acceptance;
  acceptance.centroids = class_centroids(features, labels, classes);
  set_covariance(acceptance, residuals_of(features, labels, acceptance.centroids));
  return acceptance;
}

}  // namespace headstart
