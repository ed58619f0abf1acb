#include "core/matrix_product.h"

#include <algorithm>

namespace headstart {
namespace {

constexpr std::size_t kLanes = 8;
using Floats [[gnu::vector_size(kLanes * sizeof(float)), gnu::aligned(alignof(float)), gnu::may_alias]] =
    float;

// The sums of so many rows with two vectors of columns stay in registers.
constexpr std::size_t kRows = 6;
constexpr std::size_t kColumns = 2 * kLanes;

constexpr std::size_t pieces(std::size_t whole, std::size_t piece) { return (whole + piece - 1) / piece; }

// kColumns columns of every row side by side, then the next ones; zeros where there are no more.
std::vector<float> panels_of(const MatrixView& b) {
  std::vector<float> panels(pieces(b.columns, kColumns) * b.rows * kColumns, 0.0F);
  for (std::size_t row = 0; row < b.rows; ++row) {
    for (std::size_t column = 0; column < b.columns; ++column) {
      panels[(column / kColumns * b.rows + row) * kColumns + column % kColumns] =
          b.values[row * b.down + column * b.right];
    }
  }
  return panels;
}

// result (kRows, kColumns) of kRows rows whose values of a column lie side by side, and a panel.
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void multiply(const float* rows,
                                                                             const float* panel,
                                                                             std::size_t count,
                                                                             float* result) {
  Floats first[kRows] = {}, second[kRows] = {};
  for (std::size_t i = 0; i < count; ++i) {
    const Floats* from = reinterpret_cast<const Floats*>(panel + i * kColumns);
#pragma GCC unroll 6
    for (std::size_t row = 0; row < kRows; ++row) {
      first[row] += rows[i * kRows + row] * from[0];
      second[row] += rows[i * kRows + row] * from[1];
    }
  }
#pragma GCC unroll 6
  for (std::size_t row = 0; row < kRows; ++row) {
    Floats* to = reinterpret_cast<Floats*>(result + row * kColumns);
    to[0] = first[row];
    to[1] = second[row];
  }
}

}  // namespace

std::vector<float> product(const MatrixView& a, const MatrixView& b) {
  const std::vector<float> panels = panels_of(b);
  std::vector<float> result(a.rows * b.columns);
#pragma omp parallel
  {
    std::vector<float> rows(a.columns * kRows, 0.0F);
    float sums[kRows * kColumns];
#pragma omp for schedule(static)
    for (std::size_t first = 0; first < a.rows; first += kRows) {
      const std::size_t count = std::min(kRows, a.rows - first);
      for (std::size_t i = 0; i < a.columns; ++i) {
        for (std::size_t row = 0; row < count; ++row) {
          rows[i * kRows + row] = a.values[(first + row) * a.down + i * a.right];
        }
      }
      for (std::size_t column = 0; column < b.columns; column += kColumns) {
        multiply(rows.data(), panels.data() + column * a.columns, a.columns, sums);
        for (std::size_t row = 0; row < count; ++row) {
          std::copy_n(sums + row * kColumns, std::min(kColumns, b.columns - column),
                      result.data() + (first + row) * b.columns + column);
        }
      }
    }
  }
  return result;
}

}  // namespace headstart
