// The gradient of a depthwise convolution's kernel, for the shapes where oneDNN has no depthwise kernel of
// its own.
#pragma once

#include "engine/sliding.h"

namespace headstart {

// `src` and `diff`, the gradient of the result, are channels-last, in f32 or bf16; `diff_kernel` is (kernel
// height, kernel width, channels).
void depthwise_kernel_gradient(const void* src, const void* diff, bool bf16, const SlidingShape& shape,
                               float* diff_kernel);

}  // namespace headstart
