// The gradients of values times gates, of which every image has one a channel (squeeze-and-excitation), in
// one pass over both.
#pragma once

#include <cstdint>

namespace headstart {

// All in f32, or all in bf16; values and gradients of them are (images, rows, channels), the others (images,
// channels). The same bits with any number of threads.
struct GateGradients {
  const void *values = nullptr, *gates = nullptr, *diff = nullptr;  // diff: of the products
  void *diff_values = nullptr, *diff_gates = nullptr;
  bool bf16 = false;
  std::int64_t images = 0, rows = 0, channels = 0;
};
void gate_gradients(const GateGradients& all);

}  // namespace headstart
