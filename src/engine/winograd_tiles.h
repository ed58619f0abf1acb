// The transforms of Winograd's minimal filtering in two dimensions: of a source, a kernel and a result.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "core/lanes.h"
#include "engine/curves.h"

namespace headstart {

// F(tile, taps) along the height or the width (winograd_filtering.h). A single tap has a tile of 1.
struct WinogradAxis {
  int tile = 2, taps = 3;

  int side() const { return tile + taps - 1; }
  bool adds_only() const { return side() <= 4; }
  bool operator==(const WinogradAxis&) const = default;
};

// A convolution of stride 1 over a batch of channels-last images, its result cut into tiles. Channels and
// filters are multiples of kMostLanes.
struct WinogradShape {
  std::int64_t batch = 1;
  std::int64_t height = 0, width = 0, channels = 0;
  std::int64_t result_height = 0, result_width = 0, filters = 0;
  std::int64_t zeros_above = 0, zeros_left = 0;
  bool bf16 = false;         // what is multiplied, and the source; else f32
  bool result_bf16 = false;  // the result and a summand
  WinogradAxis down{}, across{};

  std::int64_t tiles_down() const { return (result_height + down.tile - 1) / down.tile; }
  std::int64_t tiles_across() const { return (result_width + across.tile - 1) / across.tile; }
  std::int64_t tiles() const { return batch * tiles_down() * tiles_across(); }
  std::int64_t taps() const { return std::int64_t{down.taps} * across.taps; }
  // Products that stand for a tile, in place of taps() for each of its results.
  std::int64_t positions() const { return std::int64_t{down.side()} * across.side(); }
  std::string name() const;
  double multiplications() const { return static_cast<double>(positions() * tiles() * channels * filters); }
  // Tiles to take at once so that no part of them has more than `most` and all have the same.
  std::int64_t tiles_of_a_part(std::int64_t most) const {
    const std::int64_t parts = (tiles() + most - 1) / most;
    return (tiles() + parts - 1) / parts;
  }
};

// What becomes of a sum of products before it is stored.
struct WinogradEnding {
  const float* bias = nullptr;
  Clip first{};
  const void* summand = nullptr;  // like the result, of which it may be the memory
  Clip second{};
  // Of a gradient: the result of a clip that it goes through, like the result.
  const void* clipped = nullptr;
  Clip clipped_by{};
};

// From the matrix of one position, of so many values, to that of the next. Were it a power of two, as the
// extents often are, all positions would compete for the same places in the cache.
constexpr std::int64_t matrix_stride(std::int64_t values) { return values + 2 * kMostLanes; }

// Some tiles, counted over the batch row by row.
struct TileRange {
  std::int64_t first = 0, count = 0;
};

// `transformed`: matrices of rows x channels, of the type that is multiplied; a row for every tile is
// written.
void winograd_source(const WinogradShape& shape, const void* src, const TileRange& tiles, std::int64_t rows,
                     void* transformed);

// The same of the gradient of a result, as far as its tiles lie within it: matrices of rows x filters.
void winograd_diff(const WinogradShape& shape, const void* diff, const TileRange& tiles, std::int64_t rows,
                   void* transformed);

// Zeros from row `first` on.
void clear_rows(const WinogradShape& shape, std::int64_t columns, std::int64_t first, std::int64_t rows,
                void* transformed);

// `sums`: matrices of rows x filters.
void winograd_result(const WinogradShape& shape, const float* sums, const TileRange& tiles, std::int64_t rows,
                     const WinogradEnding& ending, void* dst);

// Taps down x taps across x channels x filters. `transposed`: x filters x channels, and turned by 180
// degrees.
struct WinogradKernel {
  const float* values = nullptr;
  bool transposed = false;
};

// The matrices of all positions, of the type that is multiplied, in blocks of so many filters and channels:
// blocks of filters x blocks of channels x filters x channels.
struct PackedKernel {
  void* values = nullptr;
  std::int64_t position_bytes = 0;  // from one matrix to the next
  std::int64_t filters = 8;         // of a block: a multiple of 8
  std::int64_t channels = 1;        // of a block: 1, in bf16 1 or 2
};

// Of kMostLanes filters. Those that the last block misses are not written.
void winograd_kernel(const WinogradShape& shape, const WinogradKernel& kernel, std::int64_t first_filter,
                     const PackedKernel& packed);

// From the gradient of a transformed kernel, positions x channels x filters, to the kernel's, taps
// down x taps across x channels x filters. Of one input channel.
void winograd_kernel_gradient(const WinogradShape& shape, const float* transformed, std::int64_t channel,
                              float* gradient);

}  // namespace headstart
