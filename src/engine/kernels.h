// The few loops over values that are not oneDNN primitives.
#pragma once

#include <cstdint>

#include "engine/channel_norm.h"

namespace headstart {

struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint32_t layer = 0;
};

// mask[i] = 0 with probability `rate`, else 1; element i depends on the key and i alone. `bf16`: two bytes an
// element.
void fill_dropout_mask(void* mask, std::int64_t count, float rate, bool bf16, const DropoutKey& key);

// sum[c] = the sum of rows[r * columns + c] over the `count` rows.
void sum_rows(const float* rows, std::int64_t count, std::int64_t columns, float* sum);

// Of softmax over each row: result * (diff - the row's sum of result * diff). oneDNN has only a reference
// kernel for it without AVX-512.
void softmax_backward(const Rows& result, const Rows& diff, const Rows& diff_src);

// moving = momentum * moving + (1 - momentum) * batch, with `correction` on the batch's value.
void update_moving(float* moving, const float* batch, std::int64_t count, float momentum, float correction);

// `kernel` is `rows` x `filters`. result[r][c] = scale[c] * kernel[r][c] / |kernel[.][c]|; a filter of zeros
// stays one.
void normalize_filters(const float* kernel, const float* scale, std::int64_t rows, std::int64_t filters,
                       float* result);
// From the gradient of that result to those of `kernel` and `scale`.
void normalize_filters_backward(const float* kernel, const float* scale, const float* diff, std::int64_t rows,
                                std::int64_t filters, float* diff_kernel, float* diff_scale);

// Batch renormalisation (Ioffe, 2017): the corrections r and d of every channel.
struct RenormChannels {
  const float *batch_mean = nullptr, *batch_variance = nullptr;
  const float *moving_mean = nullptr, *moving_variance = nullptr;
  std::int64_t count = 0;
};
struct RenormLimits {
  float epsilon = 0.0F, scale = 1.0F, shift = 0.0F;
};
void renorm_corrections(const RenormChannels& channels, const RenormLimits& limits, float* r, float* d);

}  // namespace headstart
