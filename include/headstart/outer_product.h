// The gradient of a dense layer's kernel as the product that it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/wide_product.h"

namespace headstart {

// G[i][o] = sum over r of source[r][i] diff[r][o]. With fewer rows than inputs and outputs the factors are
// small beside G, so what reads G once need not have it written to memory first.
struct OuterProduct {
  std::string parameter;                           // G is its gradient, (inputs, outputs)
  const float* source = nullptr;                   // (rows, inputs)
  const float* diff = nullptr;                     // (rows, outputs)
  std::int64_t rows = 0, inputs = 0, outputs = 0;  // at most WideProduct::kMostRows rows
  WideProduct next{};                              // to be summed with the parameter's new values
};

// A few rows of G at a time, from several threads if need be.
class OuterProductRows {
 public:
  // The product's factors have to outlive this.
  explicit OuterProductRows(const OuterProduct& product);

  // G[first, first + count), count <= WideProduct::kAtOnce, to `result` (count, outputs).
  void compute(std::int64_t first, std::int64_t count, float* result) const;

 private:
  const OuterProduct& product_;
  std::vector<float> panels_;  // some columns of `diff` each, one row behind the other
};

}  // namespace headstart
