// Sums that are taken in parts, so that threads share the work and the result does not depend on how.
#pragma once

#include <cstdint>

namespace headstart {

// Rows whose sums are taken in f32 before they go into a total in f64.
constexpr std::int64_t kRowsASum = 64;

// sum[i] = the sum over parts of values[part * size + i].
inline void add_up_parts(const float* values, std::int64_t parts, std::int64_t size, float* sum) {
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < size; ++i) {
    float total = 0.0F;
    for (std::int64_t part = 0; part < parts; ++part) {
      total += values[part * size + i];
    }
    sum[i] = total;
  }
}

}  // namespace headstart
