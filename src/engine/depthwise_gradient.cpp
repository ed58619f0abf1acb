#include "engine/depthwise_gradient.h"

#include <algorithm>

#include "core/lanes.h"
#include "engine/parts.h"

namespace headstart {
namespace {

constexpr std::int64_t kParts = 16;  // of the rows of all results, each with sums of its own

std::int64_t parts_of(const SlidingShape& s) { return std::min(kParts, s.batch * s.result_height); }

std::int64_t kernel_size(const SlidingShape& s) { return s.kernel_height * s.kernel_width * s.channels; }

// The results of a row whose window has this column of the kernel inside the source.
Range columns_inside(const SlidingShape& s, std::int64_t column) {
  return results_inside(column, s.zeros_left, s.stride_right, s.width, s.result_width);
}

// sum += src * diff where this column of the kernel lies inside the source, for the results of `columns`.
template <typename L, typename T>
[[gnu::always_inline]] inline void add_column(const SlidingShape& s, const T* src, const T* diff,
                                              std::int64_t column, const Range& columns,
                                              typename L::Floats& sum) {
  for (std::int64_t x = columns.first; x < columns.end; ++x) {
    typename L::Floats value, gradient;
    L::get(src + (x * s.stride_right - s.zeros_left + column) * s.channels, value);
    L::get(diff + x * s.channels, gradient);
    sum += value * gradient;
  }
}

// What a row of results has to do with kRows rows of the kernel from one on, for a vector of channels:
// `src` is the row of the source under the first of them, `result` their gradient. The sums stay in
// registers.
template <typename L, int kRows, int kWidth, typename T>
[[gnu::always_inline]] inline void add_rows(const SlidingShape& s, const T* src, const T* diff,
                                            float* result) {
  const std::int64_t row_step = s.width * s.channels;
  const std::int64_t first = std::min(columns_inside(s, 0).first, s.result_width);
  const Range inside{.first = first, .end = std::max(first, columns_inside(s, kWidth - 1).end)};
  typename L::Floats sums[kRows * kWidth] = {};
  for (std::int64_t x = inside.first; x < inside.end; ++x) {
    typename L::Floats gradient;
    L::get(diff + x * s.channels, gradient);
    const T* window = src + (x * s.stride_right - s.zeros_left) * s.channels;
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
      for (int column = 0; column < kWidth; ++column) {
        typename L::Floats value;
        L::get(window + row * row_step + column * s.channels, value);
        sums[row * kWidth + column] += value * gradient;
      }
    }
  }
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 8
    for (int column = 0; column < kWidth; ++column) {
      auto& sum = sums[row * kWidth + column];
      const Range all = columns_inside(s, column);
      const T* source = src + row * row_step;
      add_column<L>(s, source, diff, column, {all.first, std::min(all.end, inside.first)}, sum);
      add_column<L>(s, source, diff, column, {std::max(all.first, inside.end), all.end}, sum);
      typename L::Floats before;
      float* to = result + (row * kWidth + column) * s.channels;
      L::get(to, before);
      L::put(to, before + sum);
    }
  }
}

// kWidth of the kernel; 0: any, one place after the other.
template <typename L, int kWidth, typename T>
[[gnu::always_inline]] inline void add_row(const SlidingShape& s, const Range& down, const T* src,
                                           const T* diff, float* result) {
  const std::int64_t row_step = s.width * s.channels, kernel_step = s.kernel_width * s.channels;
  for_lanes<L>(
      s.channels, [&]<typename W>(std::int64_t channel) __attribute__((always_inline)) {
        const T* source = src + channel;
        const T* gradient = diff + channel;
        float* to = result + down.first * kernel_step + channel;
        std::int64_t rows = down.end - down.first;
        if constexpr (kWidth > 0) {
          constexpr int kRowsAtOnce = kWidth == 3 ? 3 : kWidth == 5 ? 2 : 1;
          for (; rows >= kRowsAtOnce; rows -= kRowsAtOnce) {
            add_rows<W, kRowsAtOnce, kWidth>(s, source, gradient, to);
            source += kRowsAtOnce * row_step;
            to += kRowsAtOnce * kernel_step;
          }
          for (; rows > 0; --rows, source += row_step, to += kernel_step) {
            add_rows<W, 1, kWidth>(s, source, gradient, to);
          }
        }
        for (; rows > 0; --rows, source += row_step, to += kernel_step) {
          for (std::int64_t column = 0; column < s.kernel_width; ++column) {
            typename W::Floats sum;
            W::get(to + column * s.channels, sum);
            add_column<W>(s, source, gradient, column,
                          results_inside(column, s.zeros_left, s.stride_right, s.width, s.result_width), sum);
            W::put(to + column * s.channels, sum);
          }
        }
      });
}

template <typename T>
void add_part(const SlidingShape& s, const T* src, const T* diff, const Range& rows, float* sums) {
  for (std::int64_t row = rows.first; row < rows.end; ++row) {
    const std::int64_t image = row / s.result_height, y = row % s.result_height;
    const Range down = places_inside(y, s.zeros_above, s.stride_down, s.height, s.kernel_height);
    const std::int64_t top = image * s.height + y * s.stride_down - s.zeros_above + down.first;
    const T* source = src + top * s.width * s.channels;
    const T* gradient = diff + row * s.result_width * s.channels;
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      switch (s.kernel_width) {
        case 3:
          return add_row<L, 3>(s, down, source, gradient, sums);
        case 5:
          return add_row<L, 5>(s, down, source, gradient, sums);
        case 7:
          return add_row<L, 7>(s, down, source, gradient, sums);
        default:
          return add_row<L, 0>(s, down, source, gradient, sums);
      }
    });
  }
}

}  // namespace

std::int64_t depthwise_gradient_room(const SlidingShape& shape) {
  return parts_of(shape) * kernel_size(shape);
}

void depthwise_kernel_gradient(const void* src, const void* diff, bool bf16, const SlidingShape& s,
                               float* room, float* diff_kernel) {
  const std::int64_t parts = parts_of(s), size = kernel_size(s), rows = s.batch * s.result_height;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    float* sums = room + part * size;
    std::fill_n(sums, size, 0.0F);
    const Range own{.first = part * rows / parts, .end = (part + 1) * rows / parts};
    if (bf16) {
      add_part(s, static_cast<const Bf16*>(src), static_cast<const Bf16*>(diff), own, sums);
    } else {
      add_part(s, static_cast<const float*>(src), static_cast<const float*>(diff), own, sums);
    }
  }
  add_up_parts(room, parts, size, diff_kernel);
}

}  // namespace headstart
