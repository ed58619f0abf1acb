// The gradient of a convolution's kernel as one product of matrices, for CPUs without AVX-512: the values
// under the window at every result, times the gradient of that result. oneDNN's kernels reach little more
// than half of what the CPU can multiply there.
#pragma once

#include <cstdint>

#include "engine/sliding.h"

namespace headstart {

class KernelGradient {
 public:
  KernelGradient(const SlidingShape& shape, std::int64_t filters, int threads);

  // Whether the sums that stay in registers together leave little of them unused.
  [[nodiscard]] bool fills_registers() const;
  // Floats that run() needs besides.
  [[nodiscard]] std::int64_t room() const;
  [[nodiscard]] double multiplications() const;

  // In f32: `src` and `diff`, the gradient of the result, are channels-last; `gradient` is (kernel height,
  // kernel width, channels, filters). The same bits with any number of threads.
  void run(const float* src, const float* diff, float* room, float* gradient) const;

 private:
  struct Task;
  [[nodiscard]] std::int64_t tasks_of_a_part() const;
  [[nodiscard]] Task task(std::int64_t index) const;
  [[nodiscard]] std::int64_t sums() const;
  void work_on(const Task& task, const float* src, const float* diff, float* packed, float* result) const;

  SlidingShape shape_;
  std::int64_t filters_ = 0;
  int threads_ = 1;
  std::int64_t results_ = 0;  // rows of both matrices
  std::int64_t values_ = 0;   // under a window: columns of the first
  bool is_plain_ = false;     // the first matrix is `src` as it is
  std::int64_t parts_ = 1;    // of the rows, each with sums of its own
};

}  // namespace headstart
