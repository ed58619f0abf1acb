// A dense array in double precision with its batch dimension: what the reference loops compute on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "headstart/tensor.h"

namespace headstart::reference {

struct Array {
  Shape shape;  // images (N, H, W, C), features (N, F), kernels as in headstart/parameters.h
  std::vector<double> values;

  Array() = default;
  explicit Array(Shape extents);  // zeros
  std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
  double& operator[](std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  double operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }
};

Array to_array(const Tensor& tensor);
Tensor to_tensor(const Array& array);
// target += addend; an empty target takes the addend's shape.
void accumulate(Array& target, const Array& addend);

}  // namespace headstart::reference
