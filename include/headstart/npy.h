// NumPy's .npy files: raw tensors to and from other frameworks.
#pragma once

#include <cstdint>
#include <string>

#include "headstart/tensor.h"

namespace headstart {

// Little-endian float32, float64 (rounded to float32) and uint8 arrays in C order. Throws Error for any other
// array and for a file whose size does not fit its header.
Tensor read_npy(const std::string& path);

// float32 in C order, format version 1.0; atomically.
void write_npy(const Tensor& tensor, const std::string& path);

// How far two tensors are apart.
struct Difference {
  double largest_absolute = 0;  // max |a - b|; NaN in one of them counts as infinite
  double largest_relative = 0;  // max |a - b| / max |b|
  std::int64_t position = 0;    // of the largest, in row-major order
};
// Throws Error when the shapes differ.
Difference difference(const Tensor& a, const Tensor& b);

}  // namespace headstart
