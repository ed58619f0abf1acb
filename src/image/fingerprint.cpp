#include "image/fingerprint.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <numbers>

namespace headstart {
namespace {

constexpr int kSide = 32, kFrequencies = 8;
constexpr int kHashBits = 10;
constexpr double kCorrelation = 0.98, kLevels = 12.0;

using Cosines = std::array<std::array<float, kSide>, kFrequencies>;

Cosines cosines() {
  Cosines table{};
  for (std::size_t f = 0; f < kFrequencies; ++f) {
    for (std::size_t x = 0; x < kSide; ++x) {
      table[f][x] = static_cast<float>(std::cos(std::numbers::pi * static_cast<double>(f) *
                                                (2.0 * static_cast<double>(x) + 1.0) / (2.0 * kSide)));
    }
  }
  return table;
}

// DCT-II of both axes, lowest frequencies only; scale does not matter for signs against a median.
std::array<float, kFrequencies * kFrequencies> low_frequencies(const Image& image) {
  static const Cosines table = cosines();
  std::array<std::array<float, kFrequencies>, kSide> rows{};
  const std::uint8_t* pixel = image.pixels.data();
  for (auto& row : rows) {
    for (std::size_t x = 0; x < kSide; ++x, pixel += 3) {
      const auto luma = static_cast<float>(299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]);
      for (std::size_t f = 0; f < kFrequencies; ++f) {
        row[f] += luma * table[f][x];
      }
    }
  }
  std::array<float, kFrequencies * kFrequencies> result{};
  for (std::size_t u = 0; u < kFrequencies; ++u) {
    for (std::size_t v = 0; v < kFrequencies; ++v) {
      for (std::size_t y = 0; y < kSide; ++y) {
        result[u * kFrequencies + v] += rows[y][v] * table[u][y];
      }
    }
  }
  return result;
}

std::uint64_t hash_of(const Image& image) {
  const auto values = low_frequencies(image);
  auto sorted = values;
  const auto middle = sorted.begin() + 1 + (sorted.size() - 1) / 2;  // of the 63 that are not the mean
  std::nth_element(sorted.begin() + 1, middle, sorted.end());
  std::uint64_t hash = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    hash |= std::uint64_t{values[i] > *middle} << i;
  }
  return hash;
}

int contrast_of(const Image& image) {
  std::array<std::uint8_t, 3> least{255, 255, 255}, greatest{0, 0, 0};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    least[i % 3] = std::min(least[i % 3], image.pixels[i]);
    greatest[i % 3] = std::max(greatest[i % 3], image.pixels[i]);
  }
  int contrast = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    contrast = std::max(contrast, greatest[c] - least[c]);
  }
  return contrast;
}

}  // namespace

Fingerprint fingerprint(const Image& image) {
  Fingerprint result;
  result.hash = hash_of(resize(image, kSide, kSide, ResizeKernel::area));
  const Image small = resize(image, 16, 16, ResizeKernel::area);
  std::copy(small.pixels.begin(), small.pixels.end(), result.thumbnail.begin());
  result.contrast = contrast_of(image);
  return result;
}

bool looks_alike(const Fingerprint& a, const Fingerprint& b) {
  if (std::popcount(a.hash ^ b.hash) > kHashBits) {
    return false;
  }
  constexpr double kCount = std::tuple_size_v<decltype(a.thumbnail)>;
  double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0, apart = 0;
  for (std::size_t i = 0; i < a.thumbnail.size(); ++i) {
    const double x = a.thumbnail[i], y = b.thumbnail[i];
    sum_a += x;
    sum_b += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
    apart += std::abs(x - y);
  }
  if (apart > kLevels * kCount) {
    return false;
  }
  const double variance_a = aa - sum_a * sum_a / kCount, variance_b = bb - sum_b * sum_b / kCount;
  const double covariance = ab - sum_a * sum_b / kCount;
  // Two pictures without any detail that are close are alike; one of them is not like a picture with detail.
  constexpr double kFlat = 1.0 * kCount;
  if (variance_a < kFlat || variance_b < kFlat) {
    return variance_a < kFlat && variance_b < kFlat;
  }
  return covariance >= kCorrelation * std::sqrt(variance_a * variance_b);
}

}  // namespace headstart
