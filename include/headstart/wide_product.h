// The product of a few rows with a wide kernel, summed while a few of the kernel's rows are in the cache.
#pragma once

#include <cstdint>

namespace headstart {

// P[r][o] = sum over i of source[r][i] kernel[i][o]. Pieces of the inputs are summed each by itself, so that
// P has the same bits with any number of threads, and whoever goes through the kernel: the layer or the
// optimizer.
struct WideProduct {
  static constexpr std::int64_t kMostRows = 64;
  // So many rows of the kernel at most are taken at a time; pieces are multiples of it.
  static constexpr std::int64_t kAtOnce = 24;

  const float* source = nullptr;  // (rows, inputs); null: nothing is to be computed
  float* sums = nullptr;          // sums_needed() values
  std::int64_t rows = 0, inputs = 0, outputs = 0;

  std::int64_t sums_needed() const;
  static std::int64_t piece_count(std::int64_t inputs);
  // And, of the one behind the last, `inputs`.
  static std::int64_t first_of_piece(std::int64_t inputs, std::int64_t piece);

  // Adds what the kernel's rows [first, first + count) make, count <= kAtOnce: `kernel` (count, outputs).
  // Every piece goes from its first row to its last; pieces may have a thread each.
  void add(std::int64_t piece, std::int64_t first, std::int64_t count, const float* kernel) const;
  void add_all(const float* kernel) const;  // (inputs, outputs)
  // P, with all pieces, and the bias (outputs) unless it is null, to `result` (rows, outputs).
  void finish(const float* bias, float* result) const;
};

}  // namespace headstart
