// Pillow's resampling: the filter is widened by the scale, its weights are rounded to 22 fractional bits,
// columns are done first, then rows, each pass rounding to bytes. Equal to Pillow byte for byte.
#include "image/convolve.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "headstart/error.h"
#include "image/decoders.h"

namespace headstart {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;  // 8 bits of pixel and 2 of head room for overshoot in an int32
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

// Columns are convolved for four rows at a time: a column of four pixels, each padded to four bytes, is two
// vectors. GCC's vector extension compiles for every target.
constexpr std::size_t kRows = 4;
constexpr std::size_t kColumnBytes = 4 * kRows;
// Half a column is what AVX2 has registers for: wider vectors are taken apart value by value there.
constexpr std::size_t kHalfColumn = kColumnBytes / 2;
using HalfBytes [[gnu::vector_size(kHalfColumn)]] = std::uint8_t;
using HalfSums [[gnu::vector_size(kHalfColumn * 4)]] = std::int32_t;

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

// Four rows of RGB to columns and back.
void interleave(const std::array<const std::uint8_t*, kRows>& rows, std::size_t width,
                std::uint8_t* columns) {
  for (std::size_t x = 0; x + 1 < width; ++x) {
    for (std::size_t row = 0; row < kRows; ++row) {
      std::memcpy(columns + kColumnBytes * x + 4 * row, rows[row] + 3 * x, 4);
    }
  }
  for (std::size_t row = 0; row < kRows; ++row) {  // a fourth byte may lie outside of the picture
    std::memcpy(columns + kColumnBytes * (width - 1) + 4 * row, rows[row] + 3 * (width - 1), 3);
  }
}

void deinterleave(const std::uint8_t* columns, std::size_t width, std::uint8_t* rows, std::size_t count) {
  for (std::size_t row = 0; row < count; ++row) {
    std::uint8_t* target = rows + 3 * width * row;
    const std::uint8_t* source = columns + 4 * row;
    for (std::size_t x = 0; x + 1 < width; ++x) {
      std::memcpy(target + 3 * x, source + kColumnBytes * x,
                  4);  // the fourth is overwritten by the next pixel
    }
    std::memcpy(target + 3 * (width - 1), source + kColumnBytes * (width - 1), 3);
  }
}

// Apart from the sums, for GCC 12 converts vectors of bytes one by one.
[[gnu::target_clones("avx512f", "avx2", "default")]] void widen(const std::uint8_t* __restrict bytes,
                                                                std::size_t count,
                                                                std::int32_t* __restrict values) {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = bytes[i];
  }
}

[[gnu::always_inline]] inline void store_bytes(HalfSums sums, std::uint8_t* to) {
  sums >>= kPrecisionBits;
  sums = sums < 0 ? HalfSums{} : sums;
  sums = sums > 255 ? HalfSums{} + 255 : sums;
  const HalfBytes bytes = __builtin_convertvector(sums, HalfBytes);
  std::memcpy(to, &bytes, sizeof bytes);
}

[[gnu::target_clones("avx512f", "avx2", "default")]] void convolve_columns(const std::int32_t* source,
                                                                           const Taps& taps,
                                                                           std::uint8_t* target) {
  const std::int32_t* weights = taps.weights.data();
  for (std::size_t i = 0; i < taps.first.size(); ++i) {
    const std::int32_t* column = source + kColumnBytes * static_cast<std::size_t>(taps.first[i]);
    HalfSums left = HalfSums{} + kHalf, right = left;
    for (int k = 0; k < taps.count[i]; ++k, column += kColumnBytes) {
      HalfSums values;
      std::memcpy(&values, column, sizeof values);
      left += values * weights[k];
      std::memcpy(&values, column + kHalfColumn, sizeof values);
      right += values * weights[k];
    }
    store_bytes(left, target + kColumnBytes * i);
    store_bytes(right, target + kColumnBytes * i + kHalfColumn);
    weights += taps.stride;
  }
}

// One output row of `bytes` bytes from `count` rows that begin at `source`; `sums` is scratch.
[[gnu::target_clones("avx512f", "avx2", "default")]] void convolve_rows(
    const std::uint8_t* source, std::size_t bytes, const std::int32_t* weights, int count,
    std::int32_t* __restrict sums, std::uint8_t* __restrict target) {
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
  const auto source_width = static_cast<std::size_t>(image.width);
  const auto target_width = static_cast<std::size_t>(width);
  const auto height = static_cast<std::size_t>(image.height);
  std::vector<std::uint8_t> source(kColumnBytes * source_width);
  std::vector<std::int32_t> widened(source.size());
  std::vector<std::uint8_t> target(kColumnBytes * target_width);
  for (std::size_t y = 0; y < height; y += kRows) {
    std::array<const std::uint8_t*, kRows> rows{};
    for (std::size_t row = 0; row < kRows; ++row) {
      rows[row] = image.pixels.data() + std::min(y + row, height - 1) * 3 * source_width;
    }
    interleave(rows, source_width, source.data());
    widen(source.data(), source.size(), widened.data());
    convolve_columns(widened.data(), taps, target.data());
    deinterleave(target.data(), target_width, resized.pixels.data() + y * 3 * target_width,
                 std::min(kRows, height - y));
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

// Memory grows with the longer side (the weights of its filter) and with the picture between the two passes,
// which for a sliver of a picture is far larger than that itself.
void check_sizes(const Image& image, int width) {
  constexpr int kLongestSide = 1 << 22;
  constexpr std::int64_t kMostBetween = DecodeOptions{}.maximum_pixels;
  const std::int64_t between = width == image.width ? 0 : std::int64_t{width} * image.height;
  if (std::max(image.width, image.height) > kLongestSide || between > kMostBetween) {
    throw Error(fmt::format(
        "[resize] sides of at most {} were expected, and {} pixels of the new width and the old height; "
        "received {}x{} for a width of {}; cut the picture",
        kLongestSide, kMostBetween, image.width, image.height, width));
  }
}

}  // namespace

Image convolve_resize(const Image& image, int width, int height, ConvolveFilter filter) {
  check_sizes(image, width);
  if (width == image.width) {
    return height == image.height ? image : resize_rows(image, height, filter);
  }
  Image columns = resize_columns(image, width, filter);
  return height == image.height ? columns : resize_rows(columns, height, filter);
}

}  // namespace headstart
