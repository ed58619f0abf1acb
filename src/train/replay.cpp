#include "train/replay.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "headstart/acceptance.h"

namespace headstart {
namespace {

double length_of(std::span<const float> values) {
  double sum = 0.0;
  for (const float value : values) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return std::sqrt(sum);
}

std::span<const float> row_of(const Tensor& table, std::int64_t row) {
  const auto columns = static_cast<std::size_t>(table.shape().back());
  return table.values().subspan(static_cast<std::size_t>(row) * columns, columns);
}

}  // namespace

Tensor unit_means(const MemoryDataset& features, int classes) {
  const Shape& shape = features.images.shape();
  return class_means(unit_features(features.images.values(), shape[0], shape[1]), features.labels, classes);
}

void move_feature(std::span<const float> row, std::span<const float> from, std::span<const float> to,
                  std::span<float> moved) {
  const double length = length_of(row);
  const double scale = length > 0.0 ? 1.0 / length : 0.0;
  for (std::size_t c = 0; c < row.size(); ++c) {
    moved[c] = static_cast<float>(static_cast<double>(row[c]) * scale) - from[c] + to[c];
  }
  const double now = length_of(moved);
  for (float& value : moved) {
    value *= static_cast<float>(now > 0.0 ? length / now : 0.0);
  }
}

void fill_up(MemoryDataset& features, const std::vector<int>& classes, int first_new, int wanted,
             const Tensor& centroids, std::uint64_t seed) {
  const auto means =
      unit_means(features, 1 + *std::max_element(features.labels.begin(), features.labels.end()));
  std::vector<int> sources;
  for (std::size_t i = 0; i < features.labels.size(); ++i) {
    if (features.labels[i] >= first_new) {
      sources.push_back(static_cast<int>(i));
    }
  }
  std::vector<float> values(features.images.values().begin(), features.images.values().end());
  const std::int64_t columns = features.images.shape().back();
  std::vector<float> moved(static_cast<std::size_t>(columns));
  for (const int label : classes) {
    Random random(seed, RandomPurpose::mix, static_cast<std::uint64_t>(label));
    shuffle(sources, random);
    const auto present = std::count(features.labels.begin(), features.labels.end(), label);
    for (std::int64_t i = 0; i < wanted - present; ++i) {
      const int source = sources[static_cast<std::size_t>(i) % sources.size()];
      move_feature(row_of(features.images, source),
                   row_of(means, features.labels[static_cast<std::size_t>(source)]), row_of(centroids, label),
                   moved);
      values.insert(values.end(), moved.begin(), moved.end());
      features.labels.push_back(label);
    }
  }
  features.images = Tensor({static_cast<std::int64_t>(features.labels.size()), columns}, values);
}

}  // namespace headstart
