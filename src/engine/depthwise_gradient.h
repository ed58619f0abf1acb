// The gradient of a depthwise convolution's kernel, for the shapes where oneDNN has no good kernel of its
// own.
#pragma once

#include "engine/sliding.h"

namespace headstart {

// Floats of `room`.
std::int64_t depthwise_gradient_room(const SlidingShape& shape);

// `src` and `diff`, the gradient of the result, are channels-last, in f32 or bf16; `diff_kernel` is (kernel
// height, kernel width, channels). The division of the images depends on the shape alone.
void depthwise_kernel_gradient(const void* src, const void* diff, bool bf16, const SlidingShape& shape,
                               float* room, float* diff_kernel);

}  // namespace headstart
