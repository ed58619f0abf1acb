#include "engine/pooling.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/lanes.h"

namespace headstart {
namespace {

constexpr std::int64_t kMostPlaces = 255;
constexpr std::int64_t kMostForMean = 25;  // of a larger one, oneDNN's sums read the cache better

// What a block of channels is pooled from: `corner` is the window's first place inside the source.
template <typename T>
struct PooledWindow {
  const T* corner = nullptr;
  std::int64_t next_row = 0, next_pixel = 0;  // values from one to the next
  Range rows{}, columns{};                    // of the kernel
  std::int64_t kernel_width = 0;
  float scale = 1.0F;  // of a sum over what lies inside the source
};

// What is kept of a window.
enum class Kept { largest, largest_and_place, mean_inside, mean_of_all };
constexpr bool is_mean(Kept kept) { return kept == Kept::mean_inside || kept == Kept::mean_of_all; }

template <typename L, Kept kKept, typename T>
[[gnu::always_inline]] inline void pool_block(const PooledWindow<T>& window, T* dst, std::uint8_t* places) {
  using Words = typename L::Words;
  typename L::Floats result{};
  if constexpr (!is_mean(kKept)) {
    L::get(window.corner, result);
  }
  Words place =
      Words{} + static_cast<std::uint32_t>(window.rows.first * window.kernel_width + window.columns.first);
  const T* row = window.corner;
  for (std::int64_t i = window.rows.first; i < window.rows.end; ++i, row += window.next_row) {
    const T* pixel = row;
    for (std::int64_t j = window.columns.first; j < window.columns.end; ++j, pixel += window.next_pixel) {
      typename L::Floats value;
      L::get(pixel, value);
      if constexpr (is_mean(kKept)) {
        result += value;
        continue;
      }
      const auto larger = value > result;
      result = larger ? value : result;
      if constexpr (kKept == Kept::largest_and_place) {
        place = larger ? Words{} + static_cast<std::uint32_t>(i * window.kernel_width + j) : place;
      }
    }
  }
  if constexpr (is_mean(kKept)) {
    result *= window.scale;
  }
  L::put(dst, result);
  if constexpr (kKept == Kept::largest_and_place) {
    L::put(places, place);
  }
}

// One row of results. The last block of channels may overlap the one before it.
template <typename L, Kept kKept, typename T>
[[gnu::always_inline]] inline void pool_row(const SlidingShape& s, const T* src, std::int64_t image,
                                            std::int64_t row, T* dst, std::uint8_t* places) {
  PooledWindow<T> window{.next_row = s.width * s.channels,
                         .next_pixel = s.channels,
                         .rows = places_inside(row, s.zeros_above, s.stride_down, s.height, s.kernel_height),
                         .kernel_width = s.kernel_width};
  const std::int64_t top = image * s.height + row * s.stride_down - s.zeros_above + window.rows.first;
  for (std::int64_t column = 0; column < s.result_width; ++column) {
    window.columns = places_inside(column, s.zeros_left, s.stride_right, s.width, s.kernel_width);
    const std::int64_t left = column * s.stride_right - s.zeros_left + window.columns.first;
    const std::int64_t to = ((image * s.result_height + row) * s.result_width + column) * s.channels;
    const std::int64_t places_inside_source =
        (window.rows.end - window.rows.first) * (window.columns.end - window.columns.first);
    window.scale = 1.0F / static_cast<float>(kKept == Kept::mean_of_all ? s.kernel_height * s.kernel_width
                                                                        : places_inside_source);
    for (std::int64_t block = 0; block < s.channels; block += L::kCount) {
      const std::int64_t c = std::min(block, s.channels - L::kCount);
      window.corner = src + (top * s.width + left) * s.channels + c;
      pool_block<L, kKept>(window, dst + to + c,
                           kKept == Kept::largest_and_place ? places + to + c : nullptr);
    }
  }
}

// Row by row of every image.
template <Kept kKept>
void pool(const SlidingShape& s, bool bf16, const void* src, void* dst, std::uint8_t* places) {
#pragma omp parallel for schedule(static)
  for (std::int64_t task = 0; task < s.batch * s.result_height; ++task) {
    const std::int64_t image = task / s.result_height, row = task % s.result_height;
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      if (bf16) {
        pool_row<L, kKept>(s, static_cast<const Bf16*>(src), image, row, static_cast<Bf16*>(dst), places);
      } else {
        pool_row<L, kKept>(s, static_cast<const float*>(src), image, row, static_cast<float*>(dst), places);
      }
    });
  }
}

// One row of the source's gradient: what every window over it passes to its places there. `sums` has room for
// the row.
template <typename L, typename T>
[[gnu::always_inline]] inline void pass_row(const SlidingShape& s, const T* diff_dst,
                                            const std::uint8_t* places, std::int64_t image, std::int64_t row,
                                            float* sums, T* diff_src) {
  using Words = typename L::Words;
  using Bytes = typename L::Bytes;
  std::fill_n(sums, s.width * s.channels, 0.0F);
  const Range rows = results_over(row, s.zeros_above, s.stride_down, s.kernel_height, s.result_height);
  for (std::int64_t y = rows.first; y < rows.end; ++y) {
    const std::int64_t down = row + s.zeros_above - y * s.stride_down;
    for (std::int64_t x = 0; x < s.result_width; ++x) {
      const Range columns = places_inside(x, s.zeros_left, s.stride_right, s.width, s.kernel_width);
      const std::int64_t from = ((image * s.result_height + y) * s.result_width + x) * s.channels;
      const std::int64_t left = x * s.stride_right - s.zeros_left;
      for (std::int64_t c = 0; c + L::kCount <= s.channels; c += L::kCount) {
        const Words place =
            __builtin_convertvector(*reinterpret_cast<const Bytes*>(places + from + c), Words);
        typename L::Floats diff;
        L::get(diff_dst + from + c, diff);
        for (std::int64_t right = columns.first; right < columns.end; ++right) {
          const auto own = static_cast<std::uint32_t>(down * s.kernel_width + right);
          typename L::Floats sum;
          L::get(sums + (left + right) * s.channels + c, sum);
          sum += place == Words{} + own ? diff : typename L::Floats{};
          L::put(sums + (left + right) * s.channels + c, sum);
        }
      }
      for (std::int64_t c = s.channels / L::kCount * L::kCount; c < s.channels; ++c) {
        const std::int64_t right = places[from + c] - down * s.kernel_width;
        if (right >= columns.first && right < columns.end) {
          sums[(left + right) * s.channels + c] += load(diff_dst[from + c]);
        }
      }
    }
  }
  T* to = diff_src + (image * s.height + row) * s.width * s.channels;
#pragma omp simd
  for (std::int64_t i = 0; i < s.width * s.channels; ++i) {
    store(to + i, sums[i]);
  }
}

// Whether every place of the source belongs to one window, but for what is left over below and to the right.
bool are_apart(const SlidingShape& s) {
  return s.stride_down == s.kernel_height && s.stride_right == s.kernel_width && s.zeros_above == 0 &&
         s.zeros_left == 0 && s.result_height * s.kernel_height <= s.height &&
         s.result_width * s.kernel_width <= s.width;
}

// Such windows give their places a value each. One row of results.
template <typename L, typename T>
[[gnu::always_inline]] inline void spread_row(const SlidingShape& s, const T* diff_dst,
                                              const std::uint8_t* places, std::int64_t image, std::int64_t y,
                                              T* diff_src) {
  const std::int64_t top = y * s.kernel_height, line = s.width * s.channels;
  T* first_line = diff_src + (image * s.height + top) * line;
  for (std::int64_t x = 0; x < s.result_width; ++x) {
    const std::int64_t from = ((image * s.result_height + y) * s.result_width + x) * s.channels;
    for (std::int64_t block = 0; block < s.channels; block += L::kCount) {
      const std::int64_t c = std::min(block, s.channels - L::kCount);
      typename L::Words place;
      typename L::Floats diff;
      L::get(places + from + c, place);
      L::get(diff_dst + from + c, diff);
      T* corner = first_line + x * s.kernel_width * s.channels + c;
      std::uint32_t own = 0;
      for (std::int64_t down = 0; down < s.kernel_height; ++down) {
        for (std::int64_t right = 0; right < s.kernel_width; ++right, ++own) {
          const typename L::Floats value = place == typename L::Words{} + own ? diff : typename L::Floats{};
          L::put(corner + down * line + right * s.channels, value);
        }
      }
    }
  }
  const std::int64_t covered = s.result_width * s.kernel_width * s.channels;
  for (std::int64_t down = 0; down < s.kernel_height; ++down) {
    std::fill(first_line + down * line + covered, first_line + (down + 1) * line, T{});
  }
  if (y + 1 == s.result_height) {
    std::fill(first_line + s.kernel_height * line, diff_src + (image + 1) * s.height * line, T{});
  }
}

}  // namespace

bool has_fast_max_pooling(const SlidingShape& shape, dnnl::memory::data_type type) {
  const auto inside = [](std::int64_t result, std::int64_t zeros, std::int64_t stride, std::int64_t source,
                         std::int64_t kernel) {
    return zeros < kernel && (result - 1) * stride - zeros < source;
  };
  return (type == dnnl::memory::data_type::f32 || type == dnnl::memory::data_type::bf16) &&
         shape.channels >= kMostLanes && shape.kernel_height * shape.kernel_width <= kMostPlaces &&
         inside(shape.result_height, shape.zeros_above, shape.stride_down, shape.height,
                shape.kernel_height) &&
         inside(shape.result_width, shape.zeros_left, shape.stride_right, shape.width, shape.kernel_width);
}

bool has_fast_average_pooling(const SlidingShape& shape, dnnl::memory::data_type type) {
  return shape.kernel_height * shape.kernel_width <= kMostForMean && has_fast_max_pooling(shape, type);
}

void max_pooling(const SlidingShape& shape, bool bf16, const void* src, void* dst, std::uint8_t* places) {
  if (places != nullptr) {
    pool<Kept::largest_and_place>(shape, bf16, src, dst, places);
  } else {
    pool<Kept::largest>(shape, bf16, src, dst, nullptr);
  }
}

void average_pooling(const SlidingShape& shape, bool bf16, bool count_zeros, const void* src, void* dst) {
  if (count_zeros) {
    pool<Kept::mean_of_all>(shape, bf16, src, dst, nullptr);
  } else {
    pool<Kept::mean_inside>(shape, bf16, src, dst, nullptr);
  }
}

void max_pooling_backward(const SlidingShape& s, bool bf16, const void* diff_dst, const std::uint8_t* places,
                          void* diff_src) {
  if (are_apart(s)) {
#pragma omp parallel for schedule(static)
    for (std::int64_t task = 0; task < s.batch * s.result_height; ++task) {
      const std::int64_t image = task / s.result_height, row = task % s.result_height;
      vectorized([&]<typename L>() __attribute__((always_inline)) {
        if (bf16) {
          spread_row<L>(s, static_cast<const Bf16*>(diff_dst), places, image, row,
                        static_cast<Bf16*>(diff_src));
        } else {
          spread_row<L>(s, static_cast<const float*>(diff_dst), places, image, row,
                        static_cast<float*>(diff_src));
        }
      });
    }
    return;
  }
#pragma omp parallel
  {
    std::vector<float> sums(static_cast<std::size_t>(s.width * s.channels));
#pragma omp for schedule(static)
    for (std::int64_t task = 0; task < s.batch * s.height; ++task) {
      const std::int64_t image = task / s.height, row = task % s.height;
      vectorized([&]<typename L>() __attribute__((always_inline)) {
        if (bf16) {
          pass_row<L>(s, static_cast<const Bf16*>(diff_dst), places, image, row, sums.data(),
                      static_cast<Bf16*>(diff_src));
        } else {
          pass_row<L>(s, static_cast<const float*>(diff_dst), places, image, row, sums.data(),
                      static_cast<float*>(diff_src));
        }
      });
    }
  }
}

}  // namespace headstart
