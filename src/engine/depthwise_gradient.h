// The gradient of a depthwise convolution's kernel, for the shapes where oneDNN has no depthwise kernel of
// its own.
#pragma once

#include <cstdint>

namespace headstart {

struct DepthwiseShape {
  std::int64_t batch = 1, channels = 1;
  std::int64_t height = 1, width = 1;  // of the source
  std::int64_t result_height = 1, result_width = 1;
  std::int64_t kernel_height = 1, kernel_width = 1;
  std::int64_t stride_down = 1, stride_right = 1;
  std::int64_t zeros_above = 0, zeros_left = 0;
};

// `src` and `diff`, the gradient of the result, are channels-last, in f32 or bf16; `diff_kernel` is (kernel
// height, kernel width, channels).
void depthwise_kernel_gradient(const void* src, const void* diff, bool bf16, const DepthwiseShape& shape,
                               float* diff_kernel);

}  // namespace headstart
