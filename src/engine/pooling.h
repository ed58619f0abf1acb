// Pooling over windows: oneDNN's kernels take three to ten times as long as reading and writing does.
#pragma once

#include <cstdint>

#include "engine/sliding.h"

namespace headstart {

// Whether it can be done here: f32 or bf16, channels for a vector, places that a byte can count, no window
// outside the source.
bool has_fast_max_pooling(const SlidingShape& shape, dnnl::memory::data_type type);
bool has_fast_average_pooling(const SlidingShape& shape, dnnl::memory::data_type type);  // and small windows

// `dst`: the largest value of every window, what lies outside the source left aside. `places`, as large,
// where it is not null: which of the window's places that is, row by row, the first of several.
void max_pooling(const SlidingShape& shape, bool bf16, const void* src, void* dst, std::uint8_t* places);

// The mean over every window's places inside the source, or, with `count_zeros`, over all its places.
void average_pooling(const SlidingShape& shape, bool bf16, bool count_zeros, const void* src, void* dst);

// From the gradient of a max pooling's dst to that of src.
void max_pooling_backward(const SlidingShape& shape, bool bf16, const void* diff_dst,
                          const std::uint8_t* places, void* diff_src);

}  // namespace headstart
