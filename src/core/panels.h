// The sums of a product of matrices that stay in registers while its factors, packed in panels, go by
// (K. Goto, R. van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/lanes.h"

namespace headstart {

constexpr std::int64_t pieces(std::int64_t whole, std::int64_t piece) { return (whole + piece - 1) / piece; }
constexpr std::int64_t up_to(std::int64_t value, std::int64_t multiple) {
  return pieces(value, multiple) * multiple;
}

// The columns of a panel on the right: two vectors.
template <typename L>
constexpr std::int64_t kPanel = 2 * L::kCount;

// result[i][j] = or += sum over rows of left[row][i] right[row][j], for i < lefts and the columns j of a
// panel; from a row of `left` to the next it is `left_step`.
template <typename L, std::int64_t lefts>
[[gnu::always_inline]] inline void multiply_panels(const float* left, std::int64_t left_step,
                                                   const float* right, std::int64_t rows, bool adds,
                                                   float* result, std::int64_t step) {
  typename L::Floats first[lefts] = {}, second[lefts] = {};
  for (std::int64_t row = 0; row < rows; ++row) {
    typename L::Floats a, b;
    L::get(right + row * kPanel<L>, a);
    L::get(right + row * kPanel<L> + L::kCount, b);
#pragma GCC unroll 12
    for (std::int64_t i = 0; i < lefts; ++i) {
      first[i] += left[row * left_step + i] * a;
      second[i] += left[row * left_step + i] * b;
    }
  }
#pragma GCC unroll 12
  for (std::int64_t i = 0; i < lefts; ++i) {
    float* to = result + i * step;
    if (adds) {
      typename L::Floats a, b;
      L::get(to, a);
      L::get(to + L::kCount, b);
      first[i] += a;
      second[i] += b;
    }
    L::put(to, first[i]);
    L::put(to + L::kCount, second[i]);
  }
}

// The factor on the right in panels, one after another, zeros where there are no more columns: its element
// (row, column) is values[row * down + column * right].
template <typename L>
[[gnu::always_inline]] inline void pack_panels(const float* values, std::int64_t rows, std::int64_t columns,
                                               std::int64_t down, std::int64_t right,
                                               std::vector<float>& panels) {
  panels.assign(static_cast<std::size_t>(rows * up_to(columns, kPanel<L>)), 0.0F);
  float* to = panels.data();
  for (std::int64_t first = 0; first < columns; first += kPanel<L>) {
    const std::int64_t count = std::min(kPanel<L>, columns - first);
    for (std::int64_t row = 0; row < rows; ++row, to += kPanel<L>) {
      const float* from = values + row * down + first * right;
      for (std::int64_t i = 0; i < count; ++i) {
        to[i] = from[i * right];
      }
    }
  }
}

// So many rows of a product are summed at a time, as many as there are registers for their sums: 32 with
// AVX-512, else 16.
template <typename L>
constexpr std::int64_t kSumRows = L::kCount == kMostLanes ? 12 : 6;
// So many pass by a panel while it is in the first cache.
constexpr std::int64_t kProductRows = 24;

// The columns [first, first + count) of values (rows, inputs), each row of them kProductRows behind the last,
// zeros where there are fewer: the distance that they have is a trap of caches' associativity.
inline void take_columns(const float* values, std::int64_t rows, std::int64_t inputs, std::int64_t first,
                         std::int64_t count, float* columns) {
  const std::int64_t next = std::min(first + kProductRows, inputs - 1);
  for (std::int64_t row = 0; row < rows; ++row, values += inputs, columns += kProductRows) {
    if (count == kProductRows) {
      std::memcpy(columns, values + first, kProductRows * sizeof(float));
    } else {
      std::fill(std::copy_n(values + first, count, columns), columns + kProductRows, 0.0F);
    }
    __builtin_prefetch(values + next);
  }
}

// result (count, columns), the product's rows that belong to the first `count` columns of `left` (rows,
// kProductRows) and to the right factor's panels.
template <typename L>
[[gnu::always_inline]] inline void multiply_rows(const float* left, const float* panels, std::int64_t rows,
                                                 std::int64_t columns, std::int64_t count, float* result) {
  for (std::int64_t first = 0; first < columns; first += kPanel<L>) {
    const float* panel = panels + first * rows;
    const std::int64_t columns_left = std::min(columns - first, kPanel<L>);
    for (std::int64_t k = 0; k < count; k += kSumRows<L>) {
      const std::int64_t rows_left = std::min(count - k, kSumRows<L>);
      float* to = result + k * columns + first;
      if (rows_left == kSumRows<L> && columns_left == kPanel<L>) {
        multiply_panels<L, kSumRows<L>>(left + k, kProductRows, panel, rows, false, to, columns);
        continue;
      }
      float edge[kSumRows<L> * kPanel<L>];
      multiply_panels<L, kSumRows<L>>(left + k, kProductRows, panel, rows, false, edge, kPanel<L>);
      for (std::int64_t row = 0; row < rows_left; ++row) {
        std::copy_n(edge + row * kPanel<L>, columns_left, to + row * columns);
      }
    }
  }
}

}  // namespace headstart
