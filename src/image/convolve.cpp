// Pillow's resampling: the filter is widened by the scale, its weights are rounded to 22 fractional bits,
// columns are done first, then rows, each pass rounding to bytes. Equal to Pillow byte for byte.
#include "image/convolve.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "image/decoders.h"

namespace headstart {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;  // 8 bits of pixel and 2 of head room for overshoot in an int32
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

// One pixel with a fourth byte of padding; GCC's vector extension compiles on every target.
using Int4 [[gnu::vector_size(16)]] = std::int32_t;
using Byte4 [[gnu::vector_size(4)]] = std::uint8_t;

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

// Keys's cubic with a = -0.5.
double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) {
    return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  }
  return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * kA : 0.0;
}

// For every output position the first input position, their number and their weights.
struct Taps {
  std::vector<int> first, count;
  std::vector<std::int32_t> weights;  // `stride` an output position
  int stride = 0;
};

Taps taps_of(int input, int output, ConvolveFilter filter) {
  const double scale = static_cast<double>(input) / output;
  const double widening = std::max(scale, 1.0);
  const double support = (filter == ConvolveFilter::triangle ? 1.0 : 2.0) * widening;
  const auto outputs = static_cast<std::size_t>(output);
  Taps taps;
  taps.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.first.resize(outputs);
  taps.count.resize(outputs);
  taps.weights.resize(outputs * static_cast<std::size_t>(taps.stride));
  std::vector<double> weights(static_cast<std::size_t>(taps.stride));
  for (std::size_t i = 0; i < outputs; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int count = std::min(static_cast<int>(center + support + 0.5), input) - first;
    const double inverse = 1.0 / widening;
    double sum = 0.0;
    for (int k = 0; k < count; ++k) {
      const double x = (k + first - center + 0.5) * inverse;
      const double weight = filter == ConvolveFilter::triangle ? triangle(x) : cubic(x);
      weights[static_cast<std::size_t>(k)] = weight;
      sum += weight;
    }
    for (int k = 0; k < count; ++k) {
      double weight = weights[static_cast<std::size_t>(k)];
      weight = (sum != 0.0 ? weight / sum : weight) * (1 << kPrecisionBits);
      taps.weights[i * static_cast<std::size_t>(taps.stride) + static_cast<std::size_t>(k)] =
          static_cast<std::int32_t>(weight < 0.0 ? weight - 0.5 : weight + 0.5);
    }
    taps.first[i] = first;
    taps.count[i] = count;
  }
  return taps;
}

// One row of RGB. `source` has a byte of padding behind it, `target` has one too.
[[gnu::target_clones("avx2", "default")]] void convolve_columns(const std::uint8_t* source, const Taps& taps,
                                                                std::uint8_t* target) {
  const std::size_t outputs = taps.first.size();
  const std::int32_t* weights = taps.weights.data();
  for (std::size_t i = 0; i < outputs; ++i) {
    const std::uint8_t* pixel = source + 3 * static_cast<std::ptrdiff_t>(taps.first[i]);
    Int4 sum = {kHalf, kHalf, kHalf, kHalf};
    for (int k = 0; k < taps.count[i]; ++k) {
      Byte4 bytes;
      std::memcpy(&bytes, pixel + std::ptrdiff_t{3} * k, sizeof bytes);
      sum += __builtin_convertvector(bytes, Int4) * weights[k];
    }
    sum >>= kPrecisionBits;
    sum = sum < 0 ? Int4{0, 0, 0, 0} : sum;
    sum = sum > 255 ? Int4{255, 255, 255, 255} : sum;
    const Byte4 bytes = __builtin_convertvector(sum, Byte4);
    std::memcpy(target + 3 * i, &bytes, sizeof bytes);
    weights += taps.stride;
  }
}

// One output row of `bytes` bytes from `count` rows that begin at `source`; `sums` is scratch.
[[gnu::target_clones("avx2", "default")]] void convolve_rows(const std::uint8_t* source, std::size_t bytes,
                                                             const std::int32_t* weights, int count,
                                                             std::int32_t* __restrict sums,
                                                             std::uint8_t* __restrict target) {
  std::fill_n(sums, bytes, kHalf);
  for (int k = 0; k < count; ++k) {
    const std::uint8_t* row = source + static_cast<std::size_t>(k) * bytes;
    const std::int32_t weight = weights[k];
    for (std::size_t x = 0; x < bytes; ++x) {
      sums[x] += row[x] * weight;
    }
  }
  for (std::size_t x = 0; x < bytes; ++x) {
    target[x] = static_cast<std::uint8_t>(std::clamp(sums[x] >> kPrecisionBits, 0, 255));
  }
}

Image resize_columns(const Image& image, int width, ConvolveFilter filter) {
  const Taps taps = taps_of(image.width, width, filter);
  Image resized = make_image(width, image.height);
  const auto source_bytes = std::size_t{3} * static_cast<std::size_t>(image.width);
  const auto target_bytes = std::size_t{3} * static_cast<std::size_t>(width);
  std::vector<std::uint8_t> source(source_bytes + 1);
  std::vector<std::uint8_t> target(target_bytes + 1);
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    std::memcpy(source.data(), image.pixels.data() + y * source_bytes, source_bytes);
    convolve_columns(source.data(), taps, target.data());
    std::memcpy(resized.pixels.data() + y * target_bytes, target.data(), target_bytes);
  }
  return resized;
}

Image resize_rows(const Image& image, int height, ConvolveFilter filter) {
  const Taps taps = taps_of(image.height, height, filter);
  Image resized = make_image(image.width, height);
  const auto bytes = std::size_t{3} * static_cast<std::size_t>(image.width);
  std::vector<std::int32_t> sums(bytes);
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    convolve_rows(image.pixels.data() + static_cast<std::size_t>(taps.first[y]) * bytes, bytes,
                  taps.weights.data() + y * static_cast<std::size_t>(taps.stride), taps.count[y], sums.data(),
                  resized.pixels.data() + y * bytes);
  }
  return resized;
}

}  // namespace

Image convolve_resize(const Image& image, int width, int height, ConvolveFilter filter) {
  if (width == image.width) {
    return height == image.height ? image : resize_rows(image, height, filter);
  }
  Image columns = resize_columns(image, width, filter);
  return height == image.height ? columns : resize_rows(columns, height, filter);
}

}  // namespace headstart
