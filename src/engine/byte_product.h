// Rows of bytes times a matrix of bytes, with what follows in the same pass: 1x1 convolutions in int8 on CPUs
// with AVX2 that have neither AVX-512 nor VNNI. oneDNN's kernels are as fast there, but compute no swish on
// the way in good time, and halve the weights of values with a sign, which costs them their last bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/channel_norm.h"
#include "engine/curves.h"
#include "engine/int8_values.h"

namespace headstart {

// What becomes of a sum of products, which `factors` and `bias` have made a value: second(first(value) +
// summand), stored as bytes or as f32.
struct ByteEnding {
  RowActivation first{};
  Clip second{};
  const void* summand = nullptr;  // null: none
  ByteLayout summand_layout{}, result_layout{};
  bool is_float = false;  // summand and result; else both are bytes
};

class ByteProduct {
 public:
  struct Shape {
    std::int64_t rows = 0, channels = 0, filters = 0;
    bool has_sign = true;  // of the rows' values
  };
  // Whether this CPU has the instructions, and is not better served by oneDNN.
  static bool is_for_this_cpu();

  explicit ByteProduct(const Shape& shape) : shape_(shape) {}

  // Whether the channels are in whole groups of four.
  [[nodiscard]] bool fits() const { return shape_.channels % 4 == 0; }
  [[nodiscard]] std::size_t packed_bytes() const;
  // `kernel` (channels, filters) is whole numbers of -127 to 127, of which no two of neighbouring channels
  // sum up to more than 127; `factors` and `bias` are one of each a filter.
  void pack(const std::vector<float>& kernel, const std::vector<float>& factors,
            const std::vector<float>& bias, void* packed) const;

  // `rows` are bytes of (rows, channels), `result` (rows, filters).
  void run(const void* rows, const void* packed, const ByteEnding& ending, void* result) const;

  [[nodiscard]] double multiplications() const;

 private:
  [[nodiscard]] std::int64_t panel_bytes() const;

  Shape shape_;
};

}  // namespace headstart
