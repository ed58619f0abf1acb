#include "engine/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "core/bf16.h"
#include "core/random.h"

namespace headstart {
namespace {

constexpr std::int64_t kMaskAtOnce = 1024;

template <typename T>
void fill_mask(T* mask, std::int64_t count, std::uint32_t threshold, T one, const DropoutKey& key) {
  const std::array<std::uint32_t, 2> philox_key{static_cast<std::uint32_t>(key.seed),
                                                static_cast<std::uint32_t>(key.seed >> 32)};
#pragma omp parallel for if (count > 8 * kMaskAtOnce)
  for (std::int64_t first = 0; first < count; first += kMaskAtOnce) {
    std::array<std::uint32_t, kMaskAtOnce> bits;
    const std::int64_t size = std::min(kMaskAtOnce, count - first);
    philox({static_cast<std::uint32_t>(first / 4), key.layer, static_cast<std::uint32_t>(key.step),
            static_cast<std::uint32_t>(key.step >> 32)},
           philox_key, std::span(bits).first(static_cast<std::size_t>(size)));
    for (std::int64_t i = 0; i < size; ++i) {
      mask[first + i] = bits[static_cast<std::size_t>(i)] < threshold ? T{0} : one;
    }
  }
}

}  // namespace

void fill_dropout_mask(void* mask, std::int64_t count, float rate, bool bf16, const DropoutKey& key) {
  const auto threshold = static_cast<std::uint32_t>(std::lround(static_cast<double>(rate) * 4294967295.0));
  if (bf16) {
    constexpr std::uint16_t kOne = 0x3F80;
    fill_mask(static_cast<std::uint16_t*>(mask), count, threshold, kOne, key);
  } else {
    fill_mask(static_cast<float*>(mask), count, threshold, 1.0F, key);
  }
}

void sum_rows(const float* rows, std::int64_t count, std::int64_t columns, float* sum) {
#pragma omp parallel for
  for (std::int64_t c = 0; c < columns; ++c) {
    float total = 0.0F;
    for (std::int64_t r = 0; r < count; ++r) {
      total += rows[r * columns + c];
    }
    sum[c] = total;
  }
}

namespace {

template <typename T>
[[gnu::always_inline]] inline void softmax_row_backward(const T* __restrict result, const T* __restrict diff,
                                                        std::int64_t count, T* __restrict diff_src) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) {
    sum += load(result[i]) * load(diff[i]);
  }
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    store(diff_src + i, load(result[i]) * (load(diff[i]) - sum));
  }
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void softmax_row_backward_f32(
    const float* result, const float* diff, std::int64_t count, float* diff_src) {
  softmax_row_backward(result, diff, count, diff_src);
}
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void softmax_row_backward_bf16(
    const Bf16* result, const Bf16* diff, std::int64_t count, Bf16* diff_src) {
  softmax_row_backward(result, diff, count, diff_src);
}

}  // namespace

void softmax_backward(const Rows& result, const Rows& diff, const Rows& diff_src) {
  const std::int64_t columns = result.channels;
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < result.count; ++row) {
    const std::int64_t at = row * columns;
    if (result.bf16) {
      softmax_row_backward_bf16(static_cast<const Bf16*>(result.data) + at,
                                static_cast<const Bf16*>(diff.data) + at, columns,
                                static_cast<Bf16*>(diff_src.data) + at);
    } else {
      softmax_row_backward_f32(static_cast<const float*>(result.data) + at,
                               static_cast<const float*>(diff.data) + at, columns,
                               static_cast<float*>(diff_src.data) + at);
    }
  }
}

void update_moving(float* moving, const float* batch, std::int64_t count, float momentum, float correction) {
  for (std::int64_t i = 0; i < count; ++i) {
    moving[i] = momentum * moving[i] + (1.0F - momentum) * correction * batch[i];
  }
}

namespace {

// 1 / |kernel[.][c]|, or 0.
std::vector<float> inverse_norms(const float* kernel, std::int64_t rows, std::int64_t filters) {
  std::vector<double> squares(static_cast<std::size_t>(filters), 0.0);
  for (std::int64_t i = 0; i < rows * filters; ++i) {
    const double value = kernel[i];
    squares[static_cast<std::size_t>(i % filters)] += value * value;
  }
  std::vector<float> inverse;
  inverse.reserve(squares.size());
  for (const double square : squares) {
    inverse.push_back(square > 0.0 ? static_cast<float>(1.0 / std::sqrt(square)) : 0.0F);
  }
  return inverse;
}

}  // namespace

void normalize_filters(const float* kernel, const float* scale, std::int64_t rows, std::int64_t filters,
                       float* result) {
  const auto inverse = inverse_norms(kernel, rows, filters);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < filters; ++c) {
      result[r * filters + c] = kernel[r * filters + c] * scale[c] * inverse[static_cast<std::size_t>(c)];
    }
  }
}

// With u = kernel / |kernel|: diff_scale = u . diff, diff_kernel = scale / |kernel| * (diff - u *
// diff_scale).
void normalize_filters_backward(const float* kernel, const float* scale, const float* diff, std::int64_t rows,
                                std::int64_t filters, float* diff_kernel, float* diff_scale) {
  const auto inverse = inverse_norms(kernel, rows, filters);
  std::vector<double> along(static_cast<std::size_t>(filters), 0.0);
  for (std::int64_t i = 0; i < rows * filters; ++i) {
    const auto c = static_cast<std::size_t>(i % filters);
    along[c] += static_cast<double>(kernel[i] * inverse[c]) * static_cast<double>(diff[i]);
  }
  for (std::int64_t c = 0; c < filters; ++c) {
    diff_scale[c] = static_cast<float>(along[static_cast<std::size_t>(c)]);
  }
  for (std::int64_t i = 0; i < rows * filters; ++i) {
    const auto c = static_cast<std::size_t>(i % filters);
    diff_kernel[i] = scale[c] * inverse[c] * (diff[i] - kernel[i] * inverse[c] * diff_scale[c]);
  }
}

void renorm_corrections(const RenormChannels& channels, const RenormLimits& limits, float* r, float* d) {
  for (std::int64_t c = 0; c < channels.count; ++c) {
    const float moving_deviation = std::sqrt(channels.moving_variance[c] + limits.epsilon);
    const float batch_deviation = std::sqrt(channels.batch_variance[c] + limits.epsilon);
    r[c] = std::clamp(batch_deviation / moving_deviation, 1.0F / limits.scale, limits.scale);
    d[c] = std::clamp((channels.batch_mean[c] - channels.moving_mean[c]) / moving_deviation, -limits.shift,
                      limits.shift);
  }
}

}  // namespace headstart
