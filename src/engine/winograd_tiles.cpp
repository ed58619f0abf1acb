#include "engine/winograd_tiles.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "core/lanes.h"
#include "engine/winograd_filtering.h"

namespace headstart {
namespace {

// Where a tile begins in the result.
struct Place {
  std::int64_t image, row, column;
};
Place place_of(const WinogradShape& s, std::int64_t tile) {
  const std::int64_t across = s.tiles_across(), down = s.tiles_down();
  return {tile / (across * down), tile / across % down * s.down.tile, tile % across * s.across.tile};
}

// The window of some channels that a tile is made of, with zeros around the image.
template <typename L, int kHeight, int kWidth, typename T>
[[gnu::always_inline]] inline void load_window(const WinogradShape& s, const T* image, std::int64_t row,
                                               std::int64_t column, typename L::Floats* x) {
  const bool inside = row >= 0 && column >= 0 && row + kHeight <= s.height && column + kWidth <= s.width;
  if (inside) {
    const T* corner = image + (row * s.width + column) * s.channels;
#pragma GCC unroll 12
    for (int i = 0; i < kHeight; ++i) {
#pragma GCC unroll 12
      for (int j = 0; j < kWidth; ++j) {
        L::get(corner + (i * s.width + j) * s.channels, x[i * kWidth + j]);
      }
    }
    return;
  }
  for (int i = 0; i < kHeight; ++i) {
    for (int j = 0; j < kWidth; ++j) {
      const std::int64_t y = row + i, z = column + j;
      if (y >= 0 && y < s.height && z >= 0 && z < s.width) {
        L::get(image + (y * s.width + z) * s.channels, x[i * kWidth + j]);
      } else {
        x[i * kWidth + j] = typename L::Floats{};
      }
    }
  }
}

template <typename L, typename Down, typename Across, typename T>
[[gnu::always_inline]] inline void transform_source(const WinogradShape& s, const T* src,
                                                    const TileRange& tiles, std::int64_t rows,
                                                    T* transformed) {
  constexpr int kHeight = Down::kSide, kWidth = Across::kSide;
  const std::int64_t stride = matrix_stride(rows * s.channels);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Place place = place_of(s, tiles.first + t);
    const T* image = src + place.image * s.height * s.width * s.channels;
    for (std::int64_t c = 0; c < s.channels; c += L::kCount) {
      typename L::Floats x[kHeight * kWidth];
      load_window<L, kHeight, kWidth>(s, image + c, place.row - s.zeros_above, place.column - s.zeros_left,
                                      x);
#pragma GCC unroll 12
      for (int j = 0; j < kWidth; ++j) {
        Down::source(x + j, kWidth);
      }
#pragma GCC unroll 12
      for (int i = 0; i < kHeight; ++i) {
        Across::source(x + i * kWidth, 1);
      }
      T* to = transformed + t * s.channels + c;
#pragma GCC unroll 64
      for (int p = 0; p < kHeight * kWidth; ++p) {
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
Cut cut_of(const WinogradShape& s, std::int64_t tile) {
  const Place place = place_of(s, tile);
  return {static_cast<int>(std::min<std::int64_t>(s.down.tile, s.result_height - place.row)),
          static_cast<int>(std::min<std::int64_t>(s.across.tile, s.result_width - place.column)),
          (place.image * s.result_height + place.row) * s.result_width + place.column};
}

template <typename L, int kWidth, typename T>
[[gnu::always_inline]] inline void store_tile(const WinogradShape& s, typename L::Floats* y, const Cut& cut,
                                              const WinogradEnding& ending, std::int64_t offset, T* dst) {
  for (int i = 0; i < cut.height; ++i) {
    for (int j = 0; j < cut.width; ++j) {
      auto& value = y[i * kWidth + j];
      const std::int64_t at = offset + (i * s.result_width + j) * s.filters;
      clip<L>(ending.first.low, ending.first.high, value);
      if (ending.summand != nullptr) {
        typename L::Floats summand;
        L::get(static_cast<const T*>(ending.summand) + at, summand);
        value += summand;
        clip<L>(ending.second.low, ending.second.high, value);
      }
      if (ending.clipped != nullptr) {
        typename L::Floats clipped;
        L::get(static_cast<const T*>(ending.clipped) + at, clipped);
        pass<L>(ending.clipped_by.low, ending.clipped_by.high, clipped, value);
      }
      L::put(dst + at, value);
    }
  }
}

template <typename L, typename Down, typename Across, typename T>
[[gnu::always_inline]] inline void transform_result(const WinogradShape& s, const float* sums,
                                                    const TileRange& tiles, std::int64_t rows,
                                                    const WinogradEnding& ending, T* dst) {
  constexpr int kHeight = Down::kSide, kWidth = Across::kSide;
  const std::int64_t stride = matrix_stride(rows * s.filters);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Cut cut = cut_of(s, tiles.first + t);
    for (std::int64_t c = 0; c < s.filters; c += L::kCount) {
      const float* from = sums + t * s.filters + c;
      typename L::Floats x[kHeight * kWidth], half[Down::kTile * kWidth], y[Down::kTile * Across::kTile];
#pragma GCC unroll 64
      for (int p = 0; p < kHeight * kWidth; ++p) {
        L::get(from + p * stride, x[p]);
      }
#pragma GCC unroll 12
      for (int j = 0; j < kWidth; ++j) {
        Down::result(x + j, kWidth, half + j, kWidth);
      }
#pragma GCC unroll 6
      for (int i = 0; i < Down::kTile; ++i) {
        Across::result(half + i * kWidth, 1, y + i * Across::kTile, 1);
      }
      if (ending.bias != nullptr) {
        typename L::Floats bias;
        L::get(ending.bias + c, bias);
#pragma GCC unroll 36
        for (int i = 0; i < Down::kTile * Across::kTile; ++i) {
          y[i] += bias;
        }
      }
      store_tile<L, Across::kTile>(s, y, cut, ending, cut.pixel * s.filters + c, dst);
    }
  }
}

template <typename L, typename Down, typename Across, typename T>
[[gnu::always_inline]] inline void transform_diff(const WinogradShape& s, const T* diff,
                                                  const TileRange& tiles, std::int64_t rows, T* transformed) {
  constexpr int kHeight = Down::kSide, kWidth = Across::kSide, kTileWidth = Across::kTile;
  const std::int64_t stride = matrix_stride(rows * s.filters);
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const Cut cut = cut_of(s, tiles.first + t);
    for (std::int64_t c = 0; c < s.filters; c += L::kCount) {
      const T* corner = diff + cut.pixel * s.filters + c;
      typename L::Floats y[Down::kTile * kTileWidth] = {}, half[kHeight * kTileWidth], x[kHeight * kWidth];
      for (int i = 0; i < cut.height; ++i) {
        for (int j = 0; j < cut.width; ++j) {
          L::get(corner + (i * s.result_width + j) * s.filters, y[i * kTileWidth + j]);
        }
      }
#pragma GCC unroll 6
      for (int j = 0; j < kTileWidth; ++j) {
        Down::diff(y + j, kTileWidth, half + j, kTileWidth);
      }
#pragma GCC unroll 12
      for (int i = 0; i < kHeight; ++i) {
        Across::diff(half + i * kTileWidth, 1, x + i * kWidth, 1);
      }
      T* to = transformed + t * s.filters + c;
#pragma GCC unroll 64
      for (int p = 0; p < kHeight * kWidth; ++p) {
        L::put(to + p * stride, x[p]);
      }
    }
  }
}

// So many channels of a transposed kernel are turned together.
constexpr std::int64_t kTurned = 2 * kMostLanes;

// Their values of kMostLanes filters, by tap and channel.
template <int kTaps>
void turn_part(const WinogradShape& s, const float* kernel, std::int64_t channels, float* room) {
  for (int tap = 0; tap < kTaps; ++tap) {
    const float* from = kernel + (kTaps - 1 - tap) * s.channels * s.filters;
    float* to = room + tap * kTurned * kMostLanes;
    for (std::int64_t filter = 0; filter < kMostLanes; ++filter) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        to[channel * kMostLanes + filter] = from[filter * s.channels + channel];
      }
    }
  }
}

// One row of positions, of one channel.
template <typename L, typename Down, typename Across>
[[gnu::always_inline]] inline void transform_kernel(const float* taps, std::int64_t tap_step, int row,
                                                    typename L::Floats* x) {
  const auto& down = Down::kKernel[static_cast<std::size_t>(row)];
  typename L::Floats half[Across::kTaps] = {};
#pragma GCC unroll 7
  for (int i = 0; i < Down::kTaps; ++i) {
#pragma GCC unroll 7
    for (int j = 0; j < Across::kTaps; ++j) {
      typename L::Floats weight;
      L::get(taps + (i * Across::kTaps + j) * tap_step, weight);
      half[j] += down[static_cast<std::size_t>(i)] * weight;
    }
  }
#pragma GCC unroll 12
  for (int p = 0; p < Across::kSide; ++p) {
    x[p] = typename L::Floats{};
#pragma GCC unroll 7
    for (int j = 0; j < Across::kTaps; ++j) {
      x[p] += Across::kKernel[static_cast<std::size_t>(p)][static_cast<std::size_t>(j)] * half[j];
    }
  }
}

// A vector of filters, of which half may belong to the next block, so many bytes further.
template <typename Values>
[[gnu::always_inline]] inline void put_filters(const Values& values, std::int64_t next_block, char* to) {
  if (next_block == 0) {
    std::memcpy(to, &values, sizeof(values));
  } else {
    constexpr std::size_t kHalf = sizeof(values) / 2;
    std::memcpy(to, &values, kHalf);
    std::memcpy(to + next_block, reinterpret_cast<const char*>(&values) + kHalf, kHalf);
  }
}

// `next`: of the channel that stands beside it in the block.
template <typename L, typename T>
[[gnu::always_inline]] inline void put_position(const typename L::Floats& x, const typename L::Floats& next,
                                                const PackedKernel& packed, std::int64_t next_block,
                                                char* to) {
  if constexpr (std::is_same_v<T, float>) {
    put_filters(x, next_block, to);
  } else if (packed.channels == 1) {
    typename L::Halves values;
    L::put(reinterpret_cast<Bf16*>(&values), x);
    put_filters(values, next_block, to);
  } else {
    typename L::Words first, second;
    L::get_bf16_bits(x, first);
    L::get_bf16_bits(next, second);
    const typename L::Words both = first | (second << 16);
    put_filters(both, next_block, to);
  }
}

template <typename L, typename Down, typename Across, typename T>
[[gnu::always_inline]] inline void pack_kernel(const WinogradShape& s, const WinogradKernel& kernel,
                                               std::int64_t first, const PackedKernel& packed) {
  constexpr int kTaps = Down::kTaps * Across::kTaps;
  const std::int64_t block = s.channels * packed.filters;
  float room[kTaps * kTurned * kMostLanes];
  for (std::int64_t c = 0; c < s.channels; c += packed.channels) {
    if (kernel.transposed && c % kTurned == 0) {
      turn_part<kTaps>(s, kernel.values + first * s.channels + c, std::min(kTurned, s.channels - c), room);
    }
    const std::int64_t tap_step = kernel.transposed ? kTurned * kMostLanes : s.channels * s.filters;
    const std::int64_t channel_step = kernel.transposed ? kMostLanes : s.filters;
    const float* part =
        kernel.transposed ? room + c % kTurned * channel_step : kernel.values + c * s.filters + first;
    for (std::int64_t lane = 0; lane < kMostLanes; lane += L::kCount) {
      const std::int64_t within = (first + lane) % packed.filters;
      const std::int64_t at =
          (first + lane) / packed.filters * block + c * packed.filters + within * packed.channels;
      constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T));
      const std::int64_t next_block =
          within + L::kCount <= packed.filters ? 0 : (block - within * packed.channels) * kBytes;
      char* to = static_cast<char*>(packed.values) + at * kBytes;
      for (int row = 0; row < Down::kSide; ++row) {
        typename L::Floats x[Across::kSide], next[Across::kSide] = {};
        transform_kernel<L, Down, Across>(part + lane, tap_step, row, x);
        if (packed.channels == 2) {
          transform_kernel<L, Down, Across>(part + lane + channel_step, tap_step, row, next);
        }
#pragma GCC unroll 12
        for (int p = 0; p < Across::kSide; ++p, to += packed.position_bytes) {
          put_position<L, T>(x[p], next[p], packed, next_block, to);
        }
      }
    }
  }
}

template <typename L, typename Down, typename Across>
[[gnu::always_inline]] inline void kernel_gradient(const WinogradShape& s, const float* transformed,
                                                   std::int64_t channel, float* gradient) {
  constexpr int kTaps = Down::kTaps * Across::kTaps;
  const std::int64_t stride = matrix_stride(s.channels * s.filters), plane = s.channels * s.filters;
  for (std::int64_t k = 0; k < s.filters; k += L::kCount) {
    const std::int64_t offset = channel * s.filters + k;
    typename L::Floats g[kTaps] = {};
#pragma GCC unroll 12
    for (int i = 0; i < Down::kSide; ++i) {
      typename L::Floats half[Across::kTaps] = {};
#pragma GCC unroll 12
      for (int j = 0; j < Across::kSide; ++j) {
        typename L::Floats u;
        L::get(transformed + (i * Across::kSide + j) * stride + offset, u);
#pragma GCC unroll 7
        for (int column = 0; column < Across::kTaps; ++column) {
          half[column] += Across::kKernel[static_cast<std::size_t>(j)][static_cast<std::size_t>(column)] * u;
        }
      }
#pragma GCC unroll 25
      for (int place = 0; place < kTaps; ++place) {
        g[place] +=
            Down::kKernel[static_cast<std::size_t>(i)][static_cast<std::size_t>(place / Across::kTaps)] *
            half[place % Across::kTaps];
      }
    }
#pragma GCC unroll 25
    for (int place = 0; place < kTaps; ++place) {
      L::put(gradient + place * plane + offset, g[place]);
    }
  }
}

// body.operator()<Down, Across>() with the filterings of the shape.
template <typename Body>
void filtered(const WinogradShape& s, const Body& body) {
  const auto take = [&]<typename Down, typename Across>() {
    const bool found = s.down == WinogradAxis{Down::kTile, Down::kTaps} &&
                       s.across == WinogradAxis{Across::kTile, Across::kTaps};
    if (found) {
      body.template operator()<Down, Across>();
    }
    return found;
  };
  using One = Filtering<1, 1>;
  const auto square = [&]<typename Axis>() { return take.template operator()<Axis, Axis>(); };
  const auto line = [&]<typename Axis>() {
    return take.template operator()<One, Axis>() || take.template operator()<Axis, One>();
  };
  const bool found =
      square.template operator()<Filtering<2, 3>>() || square.template operator()<Filtering<4, 3>>() ||
      square.template operator()<Filtering<6, 3>>() || square.template operator()<Filtering<4, 5>>() ||
      line.template operator()<Filtering<2, 3>>() || line.template operator()<Filtering<4, 3>>() ||
      line.template operator()<Filtering<4, 7>>() || line.template operator()<Filtering<6, 7>>();
  if (!found) {
    throw std::logic_error("no filtering for " + s.name());
  }
}

}  // namespace

std::string WinogradShape::name() const {
  const std::string rows = std::to_string(down.tile), columns = std::to_string(across.tile);
  return "winograd:" + (rows == columns ? rows : rows + "x" + columns);
}

void winograd_source(const WinogradShape& shape, const void* src, const TileRange& tiles, std::int64_t rows,
                     void* transformed) {
  filtered(shape, [&]<typename Down, typename Across>() {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      if (!shape.bf16) {
        transform_source<L, Down, Across>(shape, static_cast<const float*>(src), tiles, rows,
                                          static_cast<float*>(transformed));
      } else if constexpr (Down::kAddsOnly && Across::kAddsOnly) {
        transform_source<L, Down, Across>(shape, static_cast<const Bf16*>(src), tiles, rows,
                                          static_cast<Bf16*>(transformed));
      }
    });
  });
}

void winograd_diff(const WinogradShape& shape, const void* diff, const TileRange& tiles, std::int64_t rows,
                   void* transformed) {
  filtered(shape, [&]<typename Down, typename Across>() {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      if (!shape.bf16) {
        transform_diff<L, Down, Across>(shape, static_cast<const float*>(diff), tiles, rows,
                                        static_cast<float*>(transformed));
      } else if constexpr (Down::kAddsOnly && Across::kAddsOnly) {
        transform_diff<L, Down, Across>(shape, static_cast<const Bf16*>(diff), tiles, rows,
                                        static_cast<Bf16*>(transformed));
      }
    });
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
  filtered(shape, [&]<typename Down, typename Across>() {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      if (!shape.result_bf16) {
        transform_result<L, Down, Across>(shape, sums, tiles, rows, ending, static_cast<float*>(dst));
      } else if constexpr (Down::kAddsOnly && Across::kAddsOnly) {
        transform_result<L, Down, Across>(shape, sums, tiles, rows, ending, static_cast<Bf16*>(dst));
      }
    });
  });
}

void winograd_kernel(const WinogradShape& shape, const WinogradKernel& kernel, std::int64_t first_filter,
                     const PackedKernel& packed) {
  filtered(shape, [&]<typename Down, typename Across>() {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      if (!shape.bf16) {
        pack_kernel<L, Down, Across, float>(shape, kernel, first_filter, packed);
      } else if constexpr (Down::kAddsOnly && Across::kAddsOnly) {
        pack_kernel<L, Down, Across, Bf16>(shape, kernel, first_filter, packed);
      }
    });
  });
}

void winograd_kernel_gradient(const WinogradShape& shape, const float* transformed, std::int64_t channel,
                              float* gradient) {
  filtered(shape, [&]<typename Down, typename Across>() {
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      kernel_gradient<L, Down, Across>(shape, transformed, channel, gradient);
    });
  });
}

}  // namespace headstart
