#include "engine/depthwise_gradient.h"

#include <algorithm>
#include <array>

#include "engine/bf16.h"

namespace headstart {
namespace {

// Channels whose sums one thread keeps at hand.
constexpr std::int64_t kBlock = 256;

// Two rows of pixels; `step`: values from one pixel to the next.
template <typename T>
struct PixelRow {
  const T* values = nullptr;
  std::int64_t step = 0;
};

// sum += src * diff over the pixels.
template <typename T>
[[gnu::always_inline]] inline void add_products(PixelRow<T> src, PixelRow<T> diff, std::int64_t pixels,
                                                std::int64_t channels, float* __restrict sum) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    const T* __restrict a = src.values + pixel * src.step;
    const T* __restrict b = diff.values + pixel * diff.step;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      sum[c] += load(a[c]) * load(b[c]);
    }
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_row(
    PixelRow<float> src, PixelRow<float> diff, std::int64_t pixels, std::int64_t channels, float* sum) {
  add_products(src, diff, pixels, channels, sum);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void add_row(
    PixelRow<Bf16> src, PixelRow<Bf16> diff, std::int64_t pixels, std::int64_t channels, float* sum) {
  add_products(src, diff, pixels, channels, sum);
}

// One place of the kernel, `count` channels from `channel` on. The sums of an image are added up in f32
// before they join the others'.
template <typename T>
void gradient_of_place(const T* src, const T* diff, const SlidingShape& s, std::int64_t down,
                       std::int64_t right, std::int64_t channel, std::int64_t count, float* result) {
  const Range rows = results_inside(down, s.zeros_above, s.stride_down, s.height, s.result_height);
  const Range columns = results_inside(right, s.zeros_left, s.stride_right, s.width, s.result_width);
  std::fill_n(result, count, 0.0F);
  for (std::int64_t image = 0; image < s.batch; ++image) {
    std::array<float, kBlock> sum{};
    for (std::int64_t row = rows.first; row < rows.end && columns.first < columns.end; ++row) {
      const std::int64_t y = row * s.stride_down + down - s.zeros_above;
      const std::int64_t x = columns.first * s.stride_right + right - s.zeros_left;
      add_row(
          PixelRow<T>{src + ((image * s.height + y) * s.width + x) * s.channels + channel,
                      s.stride_right * s.channels},
          PixelRow<T>{diff + ((image * s.result_height + row) * s.result_width + columns.first) * s.channels +
                          channel,
                      s.channels},
          columns.end - columns.first, count, sum.data());
    }
    for (std::int64_t c = 0; c < count; ++c) {
      result[c] += sum[static_cast<std::size_t>(c)];
    }
  }
}

}  // namespace

void depthwise_kernel_gradient(const void* src, const void* diff, bool bf16, const SlidingShape& s,
                               float* diff_kernel) {
  const std::int64_t blocks = (s.channels + kBlock - 1) / kBlock;
  const std::int64_t places = s.kernel_height * s.kernel_width;
#pragma omp parallel for schedule(static)
  for (std::int64_t task = 0; task < places * blocks; ++task) {
    const std::int64_t place = task / blocks, channel = task % blocks * kBlock;
    const std::int64_t down = place / s.kernel_width, right = place % s.kernel_width;
    const std::int64_t count = std::min(kBlock, s.channels - channel);
    float* result = diff_kernel + place * s.channels + channel;
    if (bf16) {
      gradient_of_place(static_cast<const Bf16*>(src), static_cast<const Bf16*>(diff), s, down, right,
                        channel, count, result);
    } else {
      gradient_of_place(static_cast<const float*>(src), static_cast<const float*>(diff), s, down, right,
                        channel, count, result);
    }
  }
}

}  // namespace headstart
