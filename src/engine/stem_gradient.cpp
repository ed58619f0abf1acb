#include "engine/stem_gradient.h"

#include <algorithm>

#include "core/lanes.h"
#include "engine/parts.h"

namespace headstart {
namespace {

constexpr std::int64_t kParts = 16;  // of the rows of all results, each with sums of its own
constexpr std::int64_t kLargestKernel = 1 << 16;

std::int64_t parts_of(const SlidingShape& s) { return std::min(kParts, s.batch * s.result_height); }

std::int64_t kernel_size(const SlidingShape& s, std::int64_t filters) {
  return s.kernel_height * s.kernel_width * s.channels * filters;
}

// Neighbouring rows are `step` values apart.
struct RowsOfValues {
  const float* values = nullptr;
  std::int64_t step = 0;
};

// result[i][j] += sum over rows of left[row][i] right[row][j], for i < kLefts and a vector of j. AVX2 has
// registers for 12 sums.
template <typename L, int kLefts>
[[gnu::always_inline]] inline void add_products_of_rows(const RowsOfValues& left, const RowsOfValues& right,
                                                        std::int64_t rows, float* result,
                                                        std::int64_t result_step) {
  typename L::Floats sums[kLefts] = {};
  for (std::int64_t row = 0; row < rows; ++row) {
    typename L::Floats values;
    L::get(right.values + row * right.step, values);
    const float* factors = left.values + row * left.step;
#pragma GCC unroll 12
    for (int i = 0; i < kLefts; ++i) {
      sums[i] += factors[i] * values;
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < kLefts; ++i) {
    typename L::Floats before;
    L::get(result + i * result_step, before);
    L::put(result + i * result_step, before + sums[i]);
  }
}

// Likewise for i < lefts and j < rights.
template <typename L>
[[gnu::always_inline]] inline void add_products_of(const RowsOfValues& left, const RowsOfValues& right,
                                                   std::int64_t rows, std::int64_t lefts, std::int64_t rights,
                                                   float* result) {
  for (std::int64_t j = 0; j < rights; j += L::kCount) {
    const RowsOfValues values{right.values + j, right.step};
    for (std::int64_t i = 0; i < lefts;) {
      const RowsOfValues factors{left.values + i, left.step};
      float* to = result + i * rights + j;
      if (lefts - i >= 12) {
        add_products_of_rows<L, 12>(factors, values, rows, to, rights);
        i += 12;
      } else if (lefts - i >= 9) {
        add_products_of_rows<L, 9>(factors, values, rows, to, rights);
        i += 9;
      } else if (lefts - i >= 3) {
        add_products_of_rows<L, 3>(factors, values, rows, to, rights);
        i += 3;
      } else {
        add_products_of_rows<L, 1>(factors, values, rows, to, rights);
        ++i;
      }
    }
  }
}

// What one row of results has to do with one row of the kernel, whose gradient is `result`. Windows wholly
// inside the picture are rows of neighbouring values, one stride from the next.
template <typename L>
[[gnu::always_inline]] inline void add_row(const SlidingShape& s, std::int64_t filters, const float* src,
                                           const float* diff, float* result) {
  const Range whole{.first = (s.zeros_left + s.stride_right - 1) / s.stride_right,
                    .end = (s.width - s.kernel_width + s.zeros_left) / s.stride_right + 1};
  for (std::int64_t x = 0; x < s.result_width;) {
    const Range columns = places_inside(x, s.zeros_left, s.stride_right, s.width, s.kernel_width);
    const bool inside = x >= whole.first && x < whole.end;
    const std::int64_t results = inside ? std::min(whole.end, s.result_width) - x : 1;
    if (columns.first < columns.end) {
      const std::int64_t place = x * s.stride_right - s.zeros_left + columns.first;
      add_products_of<L>({src + place * s.channels, s.stride_right * s.channels},
                         {diff + x * filters, filters}, results, (columns.end - columns.first) * s.channels,
                         filters, result + columns.first * s.channels * filters);
    }
    x += results;
  }
}

}  // namespace

bool is_stem(const SlidingShape& shape, std::int64_t filters) {
  return shape.channels <= kMostStemChannels && filters % kMostLanes == 0 &&
         shape.width >= shape.kernel_width && kernel_size(shape, filters) <= kLargestKernel;
}

std::int64_t stem_gradient_room(const SlidingShape& shape, std::int64_t filters) {
  return parts_of(shape) * kernel_size(shape, filters);
}

double stem_gradient_multiplications(const SlidingShape& shape, std::int64_t filters) {
  return static_cast<double>(shape.batch * shape.result_height * shape.result_width) *
         static_cast<double>(kernel_size(shape, filters));
}

void stem_gradient(const SlidingShape& s, std::int64_t filters, const float* src, const float* diff,
                   float* room, float* gradient) {
  const std::int64_t parts = parts_of(s), size = kernel_size(s, filters), rows = s.batch * s.result_height;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    float* sums = room + part * size;
    std::fill_n(sums, size, 0.0F);
    for (std::int64_t row = part * rows / parts; row < (part + 1) * rows / parts; ++row) {
      const std::int64_t image = row / s.result_height, y = row % s.result_height;
      const Range down = places_inside(y, s.zeros_above, s.stride_down, s.height, s.kernel_height);
      for (std::int64_t place = down.first; place < down.end; ++place) {
        const std::int64_t source = image * s.height + y * s.stride_down - s.zeros_above + place;
        vectorized([&]<typename L>() __attribute__((always_inline)) {
          add_row<L>(s, filters, src + source * s.width * s.channels, diff + row * s.result_width * filters,
                     sums + place * s.kernel_width * s.channels * filters);
        });
      }
    }
  }
  add_up_parts(room, parts, size, gradient);
}

}  // namespace headstart
