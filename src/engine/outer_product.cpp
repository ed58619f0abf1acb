// A few rows of an outer product at a time: a block of columns of all of them stays in registers while the
// factors' rows go by.
#include "headstart/outer_product.h"

#include <algorithm>
#include <vector>

namespace headstart {
namespace {

// The compiler makes of it what the instruction set has.
using Lanes [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = float;
constexpr std::int64_t kLanes = 16;
constexpr int kColumns = 2 * kLanes;  // of a block

// result[k][o] = sum over r of source[r][k] diff[r][o]; k < kRows, o < kColumns.
template <std::int64_t kRows>
[[gnu::always_inline]] inline void block(const float* source, const float* diff, std::int64_t rows,
                                         std::int64_t outputs, float* result) {
  Lanes sums[kRows][2] = {};
  for (std::int64_t r = 0; r < rows; ++r) {
    const Lanes left = *reinterpret_cast<const Lanes*>(diff + r * outputs);
    const Lanes right = *reinterpret_cast<const Lanes*>(diff + r * outputs + kLanes);
#pragma GCC unroll 8
    for (std::int64_t k = 0; k < kRows; ++k) {
      const float factor = source[r * kRowsOfOuterProduct + k];
      sums[k][0] += factor * left;
      sums[k][1] += factor * right;
    }
  }
#pragma GCC unroll 8
  for (std::int64_t k = 0; k < kRows; ++k) {
    *reinterpret_cast<Lanes*>(result + k * outputs) = sums[k][0];
    *reinterpret_cast<Lanes*>(result + k * outputs + kLanes) = sums[k][1];
  }
}

[[gnu::target_clones("avx512f", "arch=haswell", "default")]] void blocks(const float* source,
                                                                         const float* diff, std::int64_t rows,
                                                                         std::int64_t outputs,
                                                                         std::int64_t count, float* result) {
  std::int64_t first = 0;
  for (; first + kColumns <= outputs; first += kColumns) {
    std::int64_t k = 0;
    for (; k + kRowsOfOuterProduct <= count; k += kRowsOfOuterProduct) {
      block<kRowsOfOuterProduct>(source + k, diff + first, rows, outputs, result + k * outputs + first);
    }
    for (; k < count; ++k) {
      block<1>(source + k, diff + first, rows, outputs, result + k * outputs + first);
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
  blocks(columns.data(), product.diff, product.rows, product.outputs, count, result);
}

}  // namespace headstart
