#include "core/matrix_product.h"

#include <algorithm>

#include "core/lanes.h"
#include "core/panels.h"

namespace headstart {

std::vector<float> product(const MatrixView& a, const MatrixView& b) {
  std::vector<float> panels;
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    pack_panels<L>(b.values, b.rows, b.columns, b.down, b.right, panels);
  });
  std::vector<float> result(static_cast<std::size_t>(a.rows * b.columns));
#pragma omp parallel
  {
    std::vector<float> left(static_cast<std::size_t>(a.columns * kProductRows), 0.0F);
#pragma omp for schedule(static)
    for (std::int64_t first = 0; first < a.rows; first += kProductRows) {
      const std::int64_t count = std::min(kProductRows, a.rows - first);
      for (std::int64_t i = 0; i < a.columns; ++i) {
        for (std::int64_t row = 0; row < count; ++row) {
          left[static_cast<std::size_t>(i * kProductRows + row)] =
              a.values[(first + row) * a.down + i * a.right];
        }
      }
      vectorized([&]<typename L>() __attribute__((always_inline)) {
        multiply_rows<L>(left.data(), panels.data(), a.columns, b.columns, count,
                         result.data() + first * b.columns);
      });
    }
  }
  return result;
}

}  // namespace headstart
