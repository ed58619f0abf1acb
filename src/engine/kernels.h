// The few loops over values that are not oneDNN primitives.
#pragma once

#include <cstdint>

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

// moving = momentum * moving + (1 - momentum) * batch, with `correction` on the batch's value.
void update_moving(float* moving, const float* batch, std::int64_t count, float momentum, float correction);

}  // namespace headstart
