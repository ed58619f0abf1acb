#include "engine/kernels.h"

#include <cmath>

#include "core/random.h"

namespace headstart {
namespace {

template <typename T>
void fill_mask(T* mask, std::int64_t count, std::uint32_t threshold, T one, const DropoutKey& key) {
  const std::array<std::uint32_t, 2> philox_key{static_cast<std::uint32_t>(key.seed),
                                                static_cast<std::uint32_t>(key.seed >> 32)};
  const std::int64_t blocks = (count + 3) / 4;
#pragma omp parallel for
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto bits =
        philox({static_cast<std::uint32_t>(block), key.layer, static_cast<std::uint32_t>(key.step),
                static_cast<std::uint32_t>(key.step >> 32)},
               philox_key);
    for (std::int64_t lane = 0; lane < 4 && block * 4 + lane < count; ++lane) {
      mask[block * 4 + lane] = bits[static_cast<std::size_t>(lane)] < threshold ? T{0} : one;
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

void update_moving(float* moving, const float* batch, std::int64_t count, float momentum, float correction) {
  for (std::int64_t i = 0; i < count; ++i) {
    moving[i] = momentum * moving[i] + (1.0F - momentum) * correction * batch[i];
  }
}

}  // namespace headstart
