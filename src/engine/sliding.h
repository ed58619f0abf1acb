// A window that slides over channels-last images: what convolutions and poolings with loops of our own share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/onednn.h"

namespace headstart {

struct SlidingShape {
  std::int64_t batch = 1, channels = 1;
  std::int64_t height = 1, width = 1;  // of the source
  std::int64_t result_height = 1, result_width = 1;
  std::int64_t kernel_height = 1, kernel_width = 1;
  std::int64_t stride_down = 1, stride_right = 1;
  std::int64_t zeros_above = 0, zeros_left = 0;
};

// Of a window without dilation; `channels` are those of the source.
inline SlidingShape sliding_shape(const onednn::Desc& src, const onednn::Desc& dst,
                                  const onednn::Window& window) {
  const auto source = onednn::dims_of(src), result = onednn::dims_of(dst);
  return {.batch = source[0],
          .channels = source[1],
          .height = source[2],
          .width = source[3],
          .result_height = result[2],
          .result_width = result[3],
          .kernel_height = window.kernel[0],
          .kernel_width = window.kernel[1],
          .stride_down = window.strides[0],
          .stride_right = window.strides[1],
          .zeros_above = window.padding_begin[0],
          .zeros_left = window.padding_begin[1]};
}

// Whether every window is a pixel of the source.
inline bool is_pointwise(const SlidingShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride_down == 1 && s.stride_right == 1 &&
         s.zeros_above == 0 && s.zeros_left == 0 && s.result_height == s.height && s.result_width == s.width;
}

// Indices from `first` on, before `end`.
struct Range {
  std::int64_t first = 0, end = 0;
};

// The results whose window has this place of the kernel inside the source, along one axis.
inline Range results_inside(std::int64_t place, std::int64_t zeros, std::int64_t stride, std::int64_t source,
                            std::int64_t result) {
  const std::int64_t offset = place - zeros;
  const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const std::int64_t end = source <= offset ? 0 : (source - offset - 1) / stride + 1;
  return {first, std::min(end, result)};
}

// The places of the kernel that lie inside the source where the window of this result stands.
inline Range places_inside(std::int64_t result, std::int64_t zeros, std::int64_t stride, std::int64_t source,
                           std::int64_t kernel) {
  const std::int64_t begin = result * stride - zeros;
  return {std::max<std::int64_t>(0, -begin), std::min(kernel, source - begin)};
}

// The results whose window covers this place of the source.
inline Range results_over(std::int64_t place, std::int64_t zeros, std::int64_t stride, std::int64_t kernel,
                          std::int64_t result) {
  const std::int64_t last = (place + zeros) / stride, before = place + zeros - kernel;
  return {before < 0 ? 0 : before / stride + 1, std::min(last + 1, result)};
}

}  // namespace headstart
