// Products of matrices outside the engine.
#pragma once

#include <cstdint>
#include <vector>

namespace headstart {

// Element (row, column) is values[row * down + column * right].
struct MatrixView {
  const float* values = nullptr;
  std::int64_t rows = 0, columns = 0;
  std::int64_t down = 0, right = 0;
};
inline MatrixView row_major(const float* values, std::int64_t rows, std::int64_t columns) {
  return {.values = values, .rows = rows, .columns = columns, .down = columns, .right = 1};
}
inline MatrixView transposed(const MatrixView& matrix) {
  return {.values = matrix.values,
          .rows = matrix.columns,
          .columns = matrix.rows,
          .down = matrix.right,
          .right = matrix.down};
}

// a times b (a.columns rows), row by row. The same bits with any number of OpenMP threads.
std::vector<float> product(const MatrixView& a, const MatrixView& b);

}  // namespace headstart
