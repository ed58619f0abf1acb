#include "engine/winograd_tiles.h"

#include <algorithm>
#include <cstring>

#include "engine/lanes.h"

namespace headstart {
namespace {

template <typename V>
[[gnu::always_inline]] inline void clip(const Clip& bounds, V& value) {
  value = value < bounds.low ? V{} + bounds.low : value;
  value = value > bounds.high ? V{} + bounds.high : value;
}

// The one-dimensional transforms: of a tile's source in place, of products to a tile's result, of the
// result's gradient to that of the products, and the matrix of that of a kernel. Neighbours stand `step`
// apart.
template <int kTile>
struct Filtering;

template <>
struct Filtering<2> {
  template <typename V>
  [[gnu::always_inline]] static void source(V* x, int step) {
    const V x1 = x[step], x2 = x[2 * step];
    x[0] -= x2;
    x[step] = x1 + x2;
    x[2 * step] = x2 - x1;
    x[3 * step] = x1 - x[3 * step];
  }
  template <typename V>
  [[gnu::always_inline]] static void result(const V* x, int step, V* y, int y_step) {
    y[0] = x[0] + x[step] + x[2 * step];
    y[y_step] = x[step] - x[2 * step] - x[3 * step];
  }
  template <typename V>
  [[gnu::always_inline]] static void diff(const V* y, int step, V* x, int x_step) {
    x[0] = y[0];
    x[x_step] = y[0] + y[step];
    x[2 * x_step] = y[0] - y[step];
    x[3 * x_step] = -y[step];
  }
  static constexpr float kKernel[4][3] = {
      {1.0F, 0.0F, 0.0F}, {0.5F, 0.5F, 0.5F}, {0.5F, -0.5F, 0.5F}, {0.0F, 0.0F, 1.0F}};
};

// Of the points 0, 3/4, -3/4, 3/2, -3/2 and infinity. Its errors are a quarter of those of the usual 1 and 2.
template <>
struct Filtering<4> {
  static constexpr float kNear = 0.75F, kFar = 1.5F;
  static constexpr float kNear2 = kNear * kNear, kFar2 = kFar * kFar;
  static constexpr float kNear3 = kNear2 * kNear, kFar3 = kFar2 * kFar;

  template <typename V>
  [[gnu::always_inline]] static void source(V* x, int step) {
    const V x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
    const V even = x4 - kFar2 * x2, odd = kNear * (x3 - kFar2 * x1);
    const V wide_even = x4 - kNear2 * x2, wide_odd = kFar * (x3 - kNear2 * x1);
    x[0] = (kNear2 * kFar2) * x[0] - (kNear2 + kFar2) * x2 + x4;
    x[step] = even + odd;
    x[2 * step] = even - odd;
    x[3 * step] = wide_even + wide_odd;
    x[4 * step] = wide_even - wide_odd;
    x[5 * step] += (kNear2 * kFar2) * x1 - (kNear2 + kFar2) * x3;
  }
  template <typename V>
  [[gnu::always_inline]] static void result(const V* x, int step, V* y, int y_step) {
    const V even = x[step] + x[2 * step], odd = x[step] - x[2 * step];
    const V wide_even = x[3 * step] + x[4 * step], wide_odd = x[3 * step] - x[4 * step];
    y[0] = x[0] + even + wide_even;
    y[y_step] = kNear * odd + kFar * wide_odd;
    y[2 * y_step] = kNear2 * even + kFar2 * wide_even;
    y[3 * y_step] = kNear3 * odd + kFar3 * wide_odd + x[5 * step];
  }
  template <typename V>
  [[gnu::always_inline]] static void diff(const V* y, int step, V* x, int x_step) {
    const V y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
    const V even = y[0] + kNear2 * y2, odd = kNear * y1 + kNear3 * y3;
    const V wide_even = y[0] + kFar2 * y2, wide_odd = kFar * y1 + kFar3 * y3;
    x[0] = y[0];
    x[x_step] = even + odd;
    x[2 * x_step] = even - odd;
    x[3 * x_step] = wide_even + wide_odd;
    x[4 * x_step] = wide_even - wide_odd;
    x[5 * x_step] = y3;
  }
  static constexpr float kOfNear = 1.0F / (2.0F * kNear2 * (kNear2 - kFar2));
  static constexpr float kOfFar = 1.0F / (2.0F * kFar2 * (kFar2 - kNear2));
  static constexpr float kKernel[6][3] = {
      {1.0F / (kNear2 * kFar2), 0.0F, 0.0F},       {kOfNear, kOfNear* kNear, kOfNear* kNear2},
      {kOfNear, -kOfNear* kNear, kOfNear* kNear2}, {kOfFar, kOfFar* kFar, kOfFar* kFar2},
      {kOfFar, -kOfFar* kFar, kOfFar* kFar2},      {0.0F, 0.0F, 1.0F}};
};

// Where a tile begins in the result.
struct Place {
  std::int64_t image, row, column;
};
Place place_of(const WinogradShape& s, std::int64_t tile) {
  const std::int64_t across = s.tiles_across(), down = s.tiles_down();
  return {tile / (across * down), tile / across % down * s.tile, tile % across * s.tile};
}

// The window of some channels that a tile is made of, with zeros around the image.
template <typename L, int kSide, typename T>
[[gnu::always_inline]] inline void load_window(const WinogradShape& s, const T* image, std::int64_t row,
                                               std::int64_t column, typename L::Floats* x) {
  const bool inside = row >= 0 && column >= 0 && row + kSide <= s.height && column + kSide <= s.width;
  if (inside) {
    const T* corner = image + (row * s.width + column) * s.channels;
#pragma GCC unroll 6
    for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 6
      for (int j = 0; j < kSide; ++j) {
        L::get(corner + (i * s.width + j) * s.channels, x[i * kSide + j]);
      }
    }
    return;
  }
  for (int i = 0; i < kSide; ++i) {
    for (int j = 0; j < kSide; ++j) {
      const std::int64_t y = row + i, z = column + j;
      if (y >= 0 && y < s.height && z >= 0 && z < s.width) {
        L::get(image + (y * s.width + z) * s.channels, x[i * kSide + j]);
      } else {
        x[i * kSide + j] = typename L::Floats{};
      }
    }
  }
}

template <typename L, int kTile, typename T>
[[gnu::always_inline]] inline void transform_source(const WinogradShape& s, const T* src,
                                                    const TileRange& tiles, std::int64_t rows,
                                                    T* transformed) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = matrix_stride(rows * s.channels);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Place place = place_of(s, tiles.first + t);
    const T* image = src + place.image * s.height * s.width * s.channels;
    for (std::int64_t c = 0; c < s.channels; c += L::kCount) {
      typename L::Floats x[kSide * kSide];
      load_window<L, kSide>(s, image + c, place.row - s.zeros_above, place.column - s.zeros_left, x);
#pragma GCC unroll 6
      for (int j = 0; j < kSide; ++j) {
        Filtering<kTile>::source(x + j, kSide);
      }
#pragma GCC unroll 6
      for (int i = 0; i < kSide; ++i) {
        Filtering<kTile>::source(x + i * kSide, 1);
      }
      T* to = transformed + t * s.channels + c;
#pragma GCC unroll 36
      for (int p = 0; p < kSide * kSide; ++p) {
        L::put(to + p * stride, x[p]);
      }
    }
  }
}

// The part of a tile that lies within the result, and where it begins there.
struct Cut {
  int height, width;
  std::int64_t pixel;
};
template <int kTile>
Cut cut_of(const WinogradShape& s, std::int64_t tile) {
  const Place place = place_of(s, tile);
  return {static_cast<int>(std::min<std::int64_t>(kTile, s.result_height - place.row)),
          static_cast<int>(std::min<std::int64_t>(kTile, s.result_width - place.column)),
          (place.image * s.result_height + place.row) * s.result_width + place.column};
}

template <typename L, int kTile, typename T>
[[gnu::always_inline]] inline void store_tile(const WinogradShape& s, typename L::Floats* y, const Cut& cut,
                                              const WinogradEnding& ending, std::int64_t offset, T* dst) {
  for (int i = 0; i < cut.height; ++i) {
    for (int j = 0; j < cut.width; ++j) {
      auto& value = y[i * kTile + j];
      const std::int64_t at = offset + (i * s.result_width + j) * s.filters;
      clip(ending.first, value);
      if (ending.summand != nullptr) {
        typename L::Floats summand;
        L::get(static_cast<const T*>(ending.summand) + at, summand);
        value += summand;
        clip(ending.second, value);
      }
      L::put(dst + at, value);
    }
  }
}

template <typename L, int kTile, typename T>
[[gnu::always_inline]] inline void transform_result(const WinogradShape& s, const float* sums,
                                                    const TileRange& tiles, std::int64_t rows,
                                                    const WinogradEnding& ending, T* dst) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = matrix_stride(rows * s.filters);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Cut cut = cut_of<kTile>(s, tiles.first + t);
    for (std::int64_t c = 0; c < s.filters; c += L::kCount) {
      const float* from = sums + t * s.filters + c;
      typename L::Floats x[kSide * kSide], half[kTile * kSide], y[kTile * kTile];
#pragma GCC unroll 36
      for (int p = 0; p < kSide * kSide; ++p) {
        L::get(from + p * stride, x[p]);
      }
#pragma GCC unroll 6
      for (int j = 0; j < kSide; ++j) {
        Filtering<kTile>::result(x + j, kSide, half + j, kSide);
      }
#pragma GCC unroll 4
      for (int i = 0; i < kTile; ++i) {
        Filtering<kTile>::result(half + i * kSide, 1, y + i * kTile, 1);
      }
      if (ending.bias != nullptr) {
        typename L::Floats bias;
        L::get(ending.bias + c, bias);
#pragma GCC unroll 16
        for (int i = 0; i < kTile * kTile; ++i) {
          y[i] += bias;
        }
      }
      store_tile<L, kTile>(s, y, cut, ending, cut.pixel * s.filters + c, dst);
    }
  }
}

template <typename L, int kTile, typename T>
[[gnu::always_inline]] inline void transform_diff(const WinogradShape& s, const T* diff,
                                                  const TileRange& tiles, std::int64_t rows, T* transformed) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = matrix_stride(rows * s.filters);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Cut cut = cut_of<kTile>(s, tiles.first + t);
    for (std::int64_t c = 0; c < s.filters; c += L::kCount) {
      const T* corner = diff + cut.pixel * s.filters + c;
      typename L::Floats y[kTile * kTile] = {}, half[kSide * kTile], x[kSide * kSide];
      for (int i = 0; i < cut.height; ++i) {
        for (int j = 0; j < cut.width; ++j) {
          L::get(corner + (i * s.result_width + j) * s.filters, y[i * kTile + j]);
        }
      }
#pragma GCC unroll 4
      for (int j = 0; j < kTile; ++j) {
        Filtering<kTile>::diff(y + j, kTile, half + j, kTile);
      }
#pragma GCC unroll 6
      for (int i = 0; i < kSide; ++i) {
        Filtering<kTile>::diff(half + i * kTile, 1, x + i * kSide, 1);
      }
      T* to = transformed + t * s.filters + c;
#pragma GCC unroll 36
      for (int p = 0; p < kSide * kSide; ++p) {
        L::put(to + p * stride, x[p]);
      }
    }
  }
}

template <typename L, int kTile, typename T>
[[gnu::always_inline]] inline void transform_kernel(const WinogradKernel& kernel, std::int64_t channel,
                                                    int row, T* transformed) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = kernel.channels * kernel.filters;
  const float* down = Filtering<kTile>::kKernel[row];
  for (std::int64_t k = 0; k < kernel.filters; k += L::kCount) {
    const std::int64_t offset = channel * kernel.filters + k;
    typename L::Floats g[9], half[3];
#pragma GCC unroll 9
    for (int place = 0; place < 9; ++place) {
      L::get(kernel.values + (kernel.flipped ? 8 - place : place) * stride + offset, g[place]);
    }
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      half[j] = down[0] * g[j] + down[1] * g[3 + j] + down[2] * g[6 + j];
    }
#pragma GCC unroll 6
    for (int p = 0; p < kSide; ++p) {
      const float* across = Filtering<kTile>::kKernel[p];
      const typename L::Floats value = across[0] * half[0] + across[1] * half[1] + across[2] * half[2];
      L::put(transformed + p * stride + offset, value);
    }
  }
}

template <typename L, int kTile>
[[gnu::always_inline]] inline void kernel_gradient(const WinogradShape& s, const float* transformed,
                                                   std::int64_t channel, float* gradient) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = matrix_stride(s.channels * s.filters), plane = s.channels * s.filters;
  for (std::int64_t k = 0; k < s.filters; k += L::kCount) {
    const std::int64_t offset = channel * s.filters + k;
    typename L::Floats g[9] = {};
#pragma GCC unroll 6
    for (int i = 0; i < kSide; ++i) {
      typename L::Floats half[3] = {};
#pragma GCC unroll 6
      for (int j = 0; j < kSide; ++j) {
        typename L::Floats u;
        L::get(transformed + (i * kSide + j) * stride + offset, u);
#pragma GCC unroll 3
        for (int column = 0; column < 3; ++column) {
          half[column] += Filtering<kTile>::kKernel[j][column] * u;
        }
      }
#pragma GCC unroll 9
      for (int place = 0; place < 9; ++place) {
        g[place] += Filtering<kTile>::kKernel[i][place / 3] * half[place % 3];
      }
    }
#pragma GCC unroll 9
    for (int place = 0; place < 9; ++place) {
      L::put(gradient + place * plane + offset, g[place]);
    }
  }
}

}  // namespace

void winograd_source(const WinogradShape& shape, const void* src, const TileRange& tiles, std::int64_t rows,
                     void* transformed) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    const auto* values = static_cast<const float*>(src);
    auto* to = static_cast<float*>(transformed);
    if (shape.bf16) {
      transform_source<L, 2>(shape, static_cast<const Bf16*>(src), tiles, rows,
                             static_cast<Bf16*>(transformed));
    } else if (shape.tile == 2) {
      transform_source<L, 2>(shape, values, tiles, rows, to);
    } else {
      transform_source<L, 4>(shape, values, tiles, rows, to);
    }
  });
}

void winograd_diff(const WinogradShape& shape, const void* diff, const TileRange& tiles, std::int64_t rows,
                   void* transformed) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    const auto* values = static_cast<const float*>(diff);
    auto* to = static_cast<float*>(transformed);
    if (shape.bf16) {
      transform_diff<L, 2>(shape, static_cast<const Bf16*>(diff), tiles, rows,
                           static_cast<Bf16*>(transformed));
    } else if (shape.tile == 2) {
      transform_diff<L, 2>(shape, values, tiles, rows, to);
    } else {
      transform_diff<L, 4>(shape, values, tiles, rows, to);
    }
  });
}

void clear_rows(const WinogradShape& shape, std::int64_t columns, std::int64_t first, std::int64_t rows,
                void* transformed) {
  const auto bytes = static_cast<std::int64_t>(shape.bf16 ? sizeof(Bf16) : sizeof(float));
  for (std::int64_t p = 0; p < shape.positions(); ++p) {
    std::memset(
        static_cast<char*>(transformed) + (p * matrix_stride(rows * columns) + first * columns) * bytes, 0,
        static_cast<std::size_t>((rows - first) * columns * bytes));
  }
}

void winograd_result(const WinogradShape& shape, const float* sums, const TileRange& tiles, std::int64_t rows,
                     const WinogradEnding& ending, void* dst) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    auto* values = static_cast<float*>(dst);
    if (shape.result_bf16) {
      transform_result<L, 2>(shape, sums, tiles, rows, ending, static_cast<Bf16*>(dst));
    } else if (shape.tile == 2) {
      transform_result<L, 2>(shape, sums, tiles, rows, ending, values);
    } else {
      transform_result<L, 4>(shape, sums, tiles, rows, ending, values);
    }
  });
}

void winograd_kernel(const WinogradShape& shape, const WinogradKernel& kernel, std::int64_t channel, int row,
                     void* transformed) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    auto* values = static_cast<float*>(transformed);
    if (shape.bf16) {
      transform_kernel<L, 2>(kernel, channel, row, static_cast<Bf16*>(transformed));
    } else if (shape.tile == 2) {
      transform_kernel<L, 2>(kernel, channel, row, values);
    } else {
      transform_kernel<L, 4>(kernel, channel, row, values);
    }
  });
}

void winograd_kernel_gradient(const WinogradShape& shape, const float* transformed, std::int64_t channel,
                              float* gradient) {
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    if (shape.tile == 2) {
      kernel_gradient<L, 2>(shape, transformed, channel, gradient);
    } else {
      kernel_gradient<L, 4>(shape, transformed, channel, gradient);
    }
  });
}

}  // namespace headstart
