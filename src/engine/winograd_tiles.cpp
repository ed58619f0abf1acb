#include "engine/winograd_tiles.h"

#include <algorithm>
#include <cstring>

#include "engine/bf16.h"

namespace headstart {
namespace {

// The compiler makes of it what the instruction set has.
using Lanes [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = float;
using Words [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = std::uint32_t;
using Halves [[gnu::vector_size(32), gnu::aligned(2), gnu::may_alias]] = Bf16;

[[gnu::always_inline]] inline void get(const float* from, Lanes& to) {
  to = *reinterpret_cast<const Lanes*>(from);
}
[[gnu::always_inline]] inline void get(const Bf16* from, Lanes& to) {
  const Words words = __builtin_convertvector(*reinterpret_cast<const Halves*>(from), Words) << 16;
  std::memcpy(&to, &words, sizeof(to));
}
[[gnu::always_inline]] inline void put(float* to, const Lanes& from) { *reinterpret_cast<Lanes*>(to) = from; }
// As store() of bf16.h.
[[gnu::always_inline]] inline void put(Bf16* to, const Lanes& from) {
  Words bits;
  std::memcpy(&bits, &from, sizeof(bits));
  bits = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  *reinterpret_cast<Halves*>(to) = __builtin_convertvector(bits, Halves);
}
[[gnu::always_inline]] inline void clip(const Clip& bounds, Lanes& value) {
  value = value < bounds.low ? Lanes{} + bounds.low : value;
  value = value > bounds.high ? Lanes{} + bounds.high : value;
}

// The one-dimensional transforms: of a tile's source in place, of products to a tile's result, of the
// result's gradient to that of the products, and the matrix of that of a kernel. Neighbours stand `step`
// apart.
template <int kTile>
struct Filtering;

template <>
struct Filtering<2> {
  [[gnu::always_inline]] static void source(Lanes* x, int step) {
    const Lanes x1 = x[step], x2 = x[2 * step];
    x[0] -= x2;
    x[step] = x1 + x2;
    x[2 * step] = x2 - x1;
    x[3 * step] = x1 - x[3 * step];
  }
  [[gnu::always_inline]] static void result(const Lanes* x, int step, Lanes* y, int y_step) {
    y[0] = x[0] + x[step] + x[2 * step];
    y[y_step] = x[step] - x[2 * step] - x[3 * step];
  }
  [[gnu::always_inline]] static void diff(const Lanes* y, int step, Lanes* x, int x_step) {
    x[0] = y[0];
    x[x_step] = y[0] + y[step];
    x[2 * x_step] = y[0] - y[step];
    x[3 * x_step] = -y[step];
  }
  static constexpr float kKernel[4][3] = {
      {1.0F, 0.0F, 0.0F}, {0.5F, 0.5F, 0.5F}, {0.5F, -0.5F, 0.5F}, {0.0F, 0.0F, 1.0F}};
};

template <>
struct Filtering<4> {
  [[gnu::always_inline]] static void source(Lanes* x, int step) {
    const Lanes x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
    const Lanes even = x4 - 4.0F * x2, odd = x3 - 4.0F * x1;
    const Lanes wide_even = x4 - x2, wide_odd = 2.0F * (x3 - x1);
    x[0] = 4.0F * x[0] - 5.0F * x2 + x4;
    x[step] = even + odd;
    x[2 * step] = even - odd;
    x[3 * step] = wide_even + wide_odd;
    x[4 * step] = wide_even - wide_odd;
    x[5 * step] += 4.0F * x1 - 5.0F * x3;
  }
  [[gnu::always_inline]] static void result(const Lanes* x, int step, Lanes* y, int y_step) {
    const Lanes even = x[step] + x[2 * step], odd = x[step] - x[2 * step];
    const Lanes wide_even = x[3 * step] + x[4 * step], wide_odd = x[3 * step] - x[4 * step];
    y[0] = x[0] + even + wide_even;
    y[y_step] = odd + 2.0F * wide_odd;
    y[2 * y_step] = even + 4.0F * wide_even;
    y[3 * y_step] = odd + 8.0F * wide_odd + x[5 * step];
  }
  static constexpr float kKernel[6][3] = {
      {1.0F / 4, 0.0F, 0.0F},           {-1.0F / 6, -1.0F / 6, -1.0F / 6}, {-1.0F / 6, 1.0F / 6, -1.0F / 6},
      {1.0F / 24, 1.0F / 12, 1.0F / 6}, {1.0F / 24, -1.0F / 12, 1.0F / 6}, {0.0F, 0.0F, 1.0F}};
};

// Where a tile begins in the result.
struct Place {
  std::int64_t image, row, column;
};
Place place_of(const WinogradShape& s, std::int64_t tile) {
  const std::int64_t across = s.tiles_across(), down = s.tiles_down();
  return {tile / (across * down), tile / across % down * s.tile, tile % across * s.tile};
}

// The window of 16 channels that a tile is made of, with zeros around the image.
template <int kSide, typename T>
[[gnu::always_inline]] inline void load_window(const WinogradShape& s, const T* image, std::int64_t row,
                                               std::int64_t column, Lanes* x) {
  const bool inside = row >= 0 && column >= 0 && row + kSide <= s.height && column + kSide <= s.width;
  if (inside) {
    const T* corner = image + (row * s.width + column) * s.channels;
#pragma GCC unroll 6
    for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 6
      for (int j = 0; j < kSide; ++j) {
        get(corner + (i * s.width + j) * s.channels, x[i * kSide + j]);
      }
    }
    return;
  }
  for (int i = 0; i < kSide; ++i) {
    for (int j = 0; j < kSide; ++j) {
      const std::int64_t y = row + i, z = column + j;
      if (y >= 0 && y < s.height && z >= 0 && z < s.width) {
        get(image + (y * s.width + z) * s.channels, x[i * kSide + j]);
      } else {
        x[i * kSide + j] = Lanes{};
      }
    }
  }
}

template <int kTile, typename T>
[[gnu::always_inline]] inline void transform_source(const WinogradShape& s, const T* src,
                                                    const TileRange& tiles, std::int64_t rows,
                                                    T* transformed) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = matrix_stride(rows * s.channels);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Place place = place_of(s, tiles.first + t);
    const T* image = src + place.image * s.height * s.width * s.channels;
    for (std::int64_t c = 0; c < s.channels; c += kWinogradLanes) {
      Lanes x[kSide * kSide];
      load_window<kSide>(s, image + c, place.row - s.zeros_above, place.column - s.zeros_left, x);
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
        put(to + p * stride, x[p]);
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

template <int kTile, typename T>
[[gnu::always_inline]] inline void store_tile(const WinogradShape& s, Lanes* y, const Cut& cut,
                                              const WinogradEnding& ending, std::int64_t offset, T* dst) {
  for (int i = 0; i < cut.height; ++i) {
    for (int j = 0; j < cut.width; ++j) {
      Lanes& value = y[i * kTile + j];
      const std::int64_t at = offset + (i * s.result_width + j) * s.filters;
      clip(ending.first, value);
      if (ending.summand != nullptr) {
        Lanes summand;
        get(static_cast<const T*>(ending.summand) + at, summand);
        value += summand;
        clip(ending.second, value);
      }
      put(dst + at, value);
    }
  }
}

template <int kTile, typename T>
[[gnu::always_inline]] inline void transform_result(const WinogradShape& s, const float* sums,
                                                    const TileRange& tiles, std::int64_t rows,
                                                    const WinogradEnding& ending, T* dst) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = matrix_stride(rows * s.filters);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Cut cut = cut_of<kTile>(s, tiles.first + t);
    for (std::int64_t c = 0; c < s.filters; c += kWinogradLanes) {
      const float* from = sums + t * s.filters + c;
      Lanes x[kSide * kSide], half[kTile * kSide], y[kTile * kTile];
#pragma GCC unroll 36
      for (int p = 0; p < kSide * kSide; ++p) {
        get(from + p * stride, x[p]);
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
        Lanes bias;
        get(ending.bias + c, bias);
#pragma GCC unroll 16
        for (int i = 0; i < kTile * kTile; ++i) {
          y[i] += bias;
        }
      }
      store_tile<kTile>(s, y, cut, ending, cut.pixel * s.filters + c, dst);
    }
  }
}

template <typename T>
[[gnu::always_inline]] inline void transform_diff(const WinogradShape& s, const T* diff,
                                                  const TileRange& tiles, std::int64_t rows, T* transformed) {
  constexpr int kTile = 2, kSide = 4;
  const std::int64_t stride = matrix_stride(rows * s.filters);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Cut cut = cut_of<kTile>(s, tiles.first + t);
    for (std::int64_t c = 0; c < s.filters; c += kWinogradLanes) {
      const T* corner = diff + cut.pixel * s.filters + c;
      Lanes y[kTile * kTile] = {}, half[kSide * kTile], x[kSide * kSide];
      for (int i = 0; i < cut.height; ++i) {
        for (int j = 0; j < cut.width; ++j) {
          get(corner + (i * s.result_width + j) * s.filters, y[i * kTile + j]);
        }
      }
#pragma GCC unroll 4
      for (int j = 0; j < kTile; ++j) {
        Filtering<2>::diff(y + j, kTile, half + j, kTile);
      }
#pragma GCC unroll 4
      for (int i = 0; i < kSide; ++i) {
        Filtering<2>::diff(half + i * kTile, 1, x + i * kSide, 1);
      }
      T* to = transformed + t * s.filters + c;
#pragma GCC unroll 16
      for (int p = 0; p < kSide * kSide; ++p) {
        put(to + p * stride, x[p]);
      }
    }
  }
}

template <int kTile, typename T>
[[gnu::always_inline]] inline void transform_kernel(const WinogradKernel& kernel, std::int64_t channel,
                                                    int row, T* transformed) {
  constexpr int kSide = kTile + 2;
  const std::int64_t stride = kernel.channels * kernel.filters;
  const float* down = Filtering<kTile>::kKernel[row];
  for (std::int64_t k = 0; k < kernel.filters; k += kWinogradLanes) {
    const std::int64_t offset = channel * kernel.filters + k;
    Lanes g[9], half[3];
#pragma GCC unroll 9
    for (int place = 0; place < 9; ++place) {
      get(kernel.values + (kernel.flipped ? 8 - place : place) * stride + offset, g[place]);
    }
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      half[j] = down[0] * g[j] + down[1] * g[3 + j] + down[2] * g[6 + j];
    }
#pragma GCC unroll 6
    for (int p = 0; p < kSide; ++p) {
      const float* across = Filtering<kTile>::kKernel[p];
      const Lanes value = across[0] * half[0] + across[1] * half[1] + across[2] * half[2];
      put(transformed + p * stride + offset, value);
    }
  }
}

[[gnu::target_clones("avx512f", "avx2", "default")]] void kernel_gradient(const WinogradShape& s,
                                                                          const float* transformed,
                                                                          std::int64_t channel,
                                                                          float* gradient) {
  constexpr int kSide = 4;
  const std::int64_t stride = matrix_stride(s.channels * s.filters), plane = s.channels * s.filters;
  for (std::int64_t k = 0; k < s.filters; k += kWinogradLanes) {
    const std::int64_t offset = channel * s.filters + k;
    Lanes g[9] = {};
#pragma GCC unroll 4
    for (int i = 0; i < kSide; ++i) {
      Lanes half[3] = {};
#pragma GCC unroll 4
      for (int j = 0; j < kSide; ++j) {
        Lanes u;
        get(transformed + (i * kSide + j) * stride + offset, u);
#pragma GCC unroll 3
        for (int column = 0; column < 3; ++column) {
          half[column] += Filtering<2>::kKernel[j][column] * u;
        }
      }
#pragma GCC unroll 9
      for (int place = 0; place < 9; ++place) {
        g[place] += Filtering<2>::kKernel[i][place / 3] * half[place % 3];
      }
    }
#pragma GCC unroll 9
    for (int place = 0; place < 9; ++place) {
      put(gradient + place * plane + offset, g[place]);
    }
  }
}

[[gnu::target_clones("avx512f", "avx2", "default")]] void source_2_f32(const WinogradShape& s,
                                                                       const float* src,
                                                                       const TileRange& tiles,
                                                                       std::int64_t rows, float* to) {
  transform_source<2>(s, src, tiles, rows, to);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void source_2_bf16(const WinogradShape& s,
                                                                        const Bf16* src,
                                                                        const TileRange& tiles,
                                                                        std::int64_t rows, Bf16* to) {
  transform_source<2>(s, src, tiles, rows, to);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void source_4_f32(const WinogradShape& s,
                                                                       const float* src,
                                                                       const TileRange& tiles,
                                                                       std::int64_t rows, float* to) {
  transform_source<4>(s, src, tiles, rows, to);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void result_2_f32(
    const WinogradShape& s, const float* sums, const TileRange& tiles, std::int64_t rows,
    const WinogradEnding& ending, float* dst) {
  transform_result<2>(s, sums, tiles, rows, ending, dst);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void result_2_bf16(
    const WinogradShape& s, const float* sums, const TileRange& tiles, std::int64_t rows,
    const WinogradEnding& ending, Bf16* dst) {
  transform_result<2>(s, sums, tiles, rows, ending, dst);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void result_4_f32(
    const WinogradShape& s, const float* sums, const TileRange& tiles, std::int64_t rows,
    const WinogradEnding& ending, float* dst) {
  transform_result<4>(s, sums, tiles, rows, ending, dst);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void kernel_2_f32(const WinogradKernel& kernel,
                                                                       std::int64_t channel, int row,
                                                                       float* to) {
  transform_kernel<2>(kernel, channel, row, to);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void kernel_2_bf16(const WinogradKernel& kernel,
                                                                        std::int64_t channel, int row,
                                                                        Bf16* to) {
  transform_kernel<2>(kernel, channel, row, to);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void kernel_4_f32(const WinogradKernel& kernel,
                                                                       std::int64_t channel, int row,
                                                                       float* to) {
  transform_kernel<4>(kernel, channel, row, to);
}

[[gnu::target_clones("avx512f", "avx2", "default")]] void diff_f32(const WinogradShape& s, const float* diff,
                                                                   const TileRange& tiles, std::int64_t rows,
                                                                   float* to) {
  transform_diff(s, diff, tiles, rows, to);
}
[[gnu::target_clones("avx512f", "avx2", "default")]] void diff_bf16(const WinogradShape& s, const Bf16* diff,
                                                                    const TileRange& tiles, std::int64_t rows,
                                                                    Bf16* to) {
  transform_diff(s, diff, tiles, rows, to);
}

}  // namespace

void winograd_source(const WinogradShape& shape, const void* src, const TileRange& tiles, std::int64_t rows,
                     void* transformed) {
  if (shape.bf16) {
    source_2_bf16(shape, static_cast<const Bf16*>(src), tiles, rows, static_cast<Bf16*>(transformed));
  } else {
    (shape.tile == 2 ? source_2_f32 : source_4_f32)(shape, static_cast<const float*>(src), tiles, rows,
                                                    static_cast<float*>(transformed));
  }
}

void winograd_diff(const WinogradShape& shape, const void* diff, const TileRange& tiles, std::int64_t rows,
                   void* transformed) {
  if (shape.bf16) {
    diff_bf16(shape, static_cast<const Bf16*>(diff), tiles, rows, static_cast<Bf16*>(transformed));
  } else {
    diff_f32(shape, static_cast<const float*>(diff), tiles, rows, static_cast<float*>(transformed));
  }
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
  if (shape.result_bf16) {
    result_2_bf16(shape, sums, tiles, rows, ending, static_cast<Bf16*>(dst));
  } else {
    (shape.tile == 2 ? result_2_f32 : result_4_f32)(shape, sums, tiles, rows, ending,
                                                    static_cast<float*>(dst));
  }
}

void winograd_kernel(const WinogradShape& shape, const WinogradKernel& kernel, std::int64_t channel, int row,
                     void* transformed) {
  if (shape.bf16) {
    kernel_2_bf16(kernel, channel, row, static_cast<Bf16*>(transformed));
  } else {
    (shape.tile == 2 ? kernel_2_f32 : kernel_4_f32)(kernel, channel, row, static_cast<float*>(transformed));
  }
}

void winograd_kernel_gradient(const WinogradShape& shape, const float* transformed, std::int64_t channel,
                              float* gradient) {
  kernel_gradient(shape, transformed, channel, gradient);
}

}  // namespace headstart
