// The gradient of a dense layer's kernel as the product that it is.
#pragma once

#include <cstdint>
#include <string>

namespace headstart {

// G[i][o] = sum over r of source[r][i] diff[r][o]. With fewer rows than inputs and outputs the factors are
// small beside G, so what reads G once need not have it written to memory first.
struct OuterProduct {
  std::string parameter;          // G is its gradient, (inputs, outputs)
  const float* source = nullptr;  // (rows, inputs)
  const float* diff = nullptr;    // (rows, outputs)
  std::int64_t rows = 0, inputs = 0, outputs = 0;
};

// At most so many rows of G are computed in one pass over `diff`.
constexpr std::int64_t kRowsOfOuterProduct = 8;

// G[first, first + count), count <= kRowsOfOuterProduct, to `result` (count, outputs).
void rows_of(const OuterProduct& product, std::int64_t first, std::int64_t count, float* result);

}  // namespace headstart
