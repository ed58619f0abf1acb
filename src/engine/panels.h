// The sums of a product of matrices that stay in registers while its factors, packed in panels, go by
// (K. Goto, R. van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008).
#pragma once

#include <cstdint>

#include "engine/lanes.h"

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

}  // namespace headstart
