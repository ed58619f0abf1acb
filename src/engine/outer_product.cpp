// A few rows of an outer product at a time: a block of columns of all of them stays in registers while the
// factors' rows go by.
#include "headstart/outer_product.h"

#include <algorithm>
#include <vector>

#include "engine/lanes.h"

namespace headstart {
namespace {

// result[k][o] = sum over r of source[r][k] diff[r][o]; k < kRows, o < 2 vectors.
template <typename L, std::int64_t kRows>
[[gnu::always_inline]] inline void block(const float* source, const float* diff, std::int64_t rows,
                                         std::int64_t outputs, float* result) {
  typename L::Floats sums[kRows][2] = {};
  for (std::int64_t r = 0; r < rows; ++r) {
    typename L::Floats left, right;
    L::get(diff + r * outputs, left);
    L::get(diff + r * outputs + L::kCount, right);
#pragma GCC unroll 8
    for (std::int64_t k = 0; k < kRows; ++k) {
      const float factor = source[r * kRowsOfOuterProduct + k];
      sums[k][0] += factor * left;
      sums[k][1] += factor * right;
    }
  }
#pragma GCC unroll 8
  for (std::int64_t k = 0; k < kRows; ++k) {
    L::put(result + k * outputs, sums[k][0]);
    L::put(result + k * outputs + L::kCount, sums[k][1]);
  }
}

template <typename L>
[[gnu::always_inline]] inline void blocks(const float* source, const float* diff, std::int64_t rows,
                                          std::int64_t outputs, std::int64_t count, float* result) {
  // As many sums as there are registers for: 32 with AVX-512, else 16.
  constexpr std::int64_t kRows = L::kCount == kMostLanes ? kRowsOfOuterProduct : kRowsOfOuterProduct / 2;
  constexpr std::int64_t kColumns = 2 * L::kCount;
  std::int64_t first = 0;
  for (; first + kColumns <= outputs; first += kColumns) {
    std::int64_t k = 0;
    for (; k + kRows <= count; k += kRows) {
      block<L, kRows>(source + k, diff + first, rows, outputs, result + k * outputs + first);
    }
    for (; k < count; ++k) {
      block<L, 1>(source + k, diff + first, rows, outputs, result + k * outputs + first);
    }
  }
  for (std::int64_t k = 0; k < count; ++k) {
    for (std::int64_t o = first; o < outputs; ++o) {
      float sum = 0.0F;
      for (std::int64_t r = 0; r < rows; ++r) {
        sum += source[r * kRowsOfOuterProduct + k] * diff[r * outputs + o];
      }
      result[k * outputs + o] = sum;
    }
  }
}

}  // namespace

void rows_of(const OuterProduct& product, std::int64_t first, std::int64_t count, float* result) {
  // The columns of the source one after another: their distance in it is a trap of caches' associativity.
  std::vector<float> columns(static_cast<std::size_t>(product.rows * kRowsOfOuterProduct));
  for (std::int64_t r = 0; r < product.rows; ++r) {
    std::copy_n(product.source + r * product.inputs + first, count, columns.data() + r * kRowsOfOuterProduct);
  }
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    blocks<L>(columns.data(), product.diff, product.rows, product.outputs, count, result);
  });
}

}  // namespace headstart
