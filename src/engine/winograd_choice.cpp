#include "engine/winograd_choice.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace headstart {
namespace {

using onednn::Desc;

// Estimates in multiplications of the type, measured on a CPU with AVX-512: what it costs to read a weight
// from memory, to make it from the kernel, to transform a value (a gradient's transforms do not stay in the
// second cache), to begin a product, shared by its rows; how much faster direct convolutions multiply.
constexpr double kReadWeight = 24.0;
constexpr double kMakeWeight = 30.0;
constexpr double kTransformF32 = 11.0, kTransformBf16 = 18.0;
constexpr double kGradientTransform = 1.4;
constexpr double kBeginProduct = 400.0;
constexpr double kSlowerProducts = 1.15;
constexpr double kWorthIt = 0.95;

// Larger tiles are less exact and make a gradient no faster.
constexpr int kLargestOfTraining = 4;

double direct_cost(const WinogradShape& s, double weight) {
  const auto pixels = static_cast<double>(s.batch * s.result_height * s.result_width);
  return kWorthIt * static_cast<double>(s.taps() * s.channels * s.filters) * (pixels + weight);
}

double tiled_cost(const WinogradShape& s, double weight, double transform_factor) {
  const auto kernel = static_cast<double>(s.channels * s.filters);
  const double transform = (s.bf16 ? kTransformBf16 : kTransformF32) * transform_factor *
                           static_cast<double>(s.channels + s.filters);
  const double row = kSlowerProducts * kernel + transform + kBeginProduct;
  return static_cast<double>(s.positions()) * (row * static_cast<double>(s.tiles()) + weight * kernel);
}

// The filterings that there are transforms for (winograd_tiles.cpp), along both axes or one of them.
constexpr std::array<WinogradAxis, 4> kSquares{{{2, 3}, {4, 3}, {6, 3}, {4, 5}}};
constexpr std::array<WinogradAxis, 4> kLines{{{2, 3}, {4, 3}, {4, 7}, {6, 7}}};

std::vector<WinogradShape> tilings_of(const WinogradShape& shape) {
  std::vector<WinogradShape> result;
  const auto add = [&](const WinogradAxis& down, const WinogradAxis& across) {
    if (down.taps == shape.down.taps && across.taps == shape.across.taps) {
      auto tiling = shape;
      tiling.down = down;
      tiling.across = across;
      result.push_back(tiling);
    }
  };
  for (const auto& axis : kSquares) {
    add(axis, axis);
  }
  for (const auto& axis : kLines) {
    add({1, 1}, axis);
    add(axis, {1, 1});
  }
  return result;
}

// Whether the type has the tiles and they are exact enough for the work.
bool fit(const WinogradShape& tiles, TiledWork work) {
  const bool adds_only = tiles.down.adds_only() && tiles.across.adds_only();
  const bool is_line = tiles.down.taps == 1 || tiles.across.taps == 1;
  const int tile = std::max(tiles.down.tile, tiles.across.tile);
  if (tiles.bf16 || tiles.result_bf16) {
    return adds_only;
  }
  switch (work) {
    case TiledWork::inference:
      return true;
    case TiledWork::forward:
      return adds_only || (is_line && tile <= kLargestOfTraining);
    default:
      return tile <= kLargestOfTraining;
  }
}

}  // namespace

std::vector<TileEstimate> tile_estimates(const WinogradShape& shape, TiledWork work) {
  const double weight = work == TiledWork::inference ? kReadWeight : kReadWeight + kMakeWeight;
  const double transform_factor = work == TiledWork::backward_weights ? kGradientTransform : 1.0;
  std::vector<TileEstimate> estimates{{.cost = direct_cost(shape, weight)}};
  for (const auto& tiles : tilings_of(shape)) {
    if (fit(tiles, work)) {
      estimates.push_back({.tiles = tiles, .cost = tiled_cost(tiles, weight, transform_factor)});
    }
  }
  std::ranges::stable_sort(estimates, {}, &TileEstimate::cost);
  return estimates;
}

std::optional<WinogradShape> winograd_shape(const LayerShape& layer, const Desc& src, const Desc& dst,
                                            TiledWork work) {
  const auto& window = layer.window;
  const auto floating = [](DataType type) { return type == DataType::f32 || type == DataType::bf16; };
  if (onednn::dims_of(layer.user_weights).size() != 4 || window.strides != onednn::Dims{1, 1} ||
      window.dilates != onednn::Dims{0, 0} || !floating(onednn::type_of(src)) ||
      !floating(onednn::type_of(dst))) {
    return std::nullopt;
  }
  const auto from = onednn::dims_of(src), to = onednn::dims_of(dst);
  if (from[1] % kMostLanes != 0 || to[1] % kMostLanes != 0) {
    return std::nullopt;
  }
  const WinogradShape shape{.batch = from[0],
                            .height = from[2],
                            .width = from[3],
                            .channels = from[1],
                            .result_height = to[2],
                            .result_width = to[3],
                            .filters = to[1],
                            .zeros_above = window.padding_begin[0],
                            .zeros_left = window.padding_begin[1],
                            .bf16 = onednn::type_of(src) == DataType::bf16,
                            .result_bf16 = onednn::type_of(dst) == DataType::bf16,
                            .down = {1, static_cast<int>(window.kernel[0])},
                            .across = {1, static_cast<int>(window.kernel[1])}};
  return work == TiledWork::inference ? with_measured_tiles(shape)
                                      : tile_estimates(shape, work).front().tiles;
}

bool is_worth_transforming(const dnnl::primitive_desc_base& product) {
  return std::string_view(product.impl_info_str()).find("ref") == std::string_view::npos &&
         !uses_amx(product);
}

bool uses_amx(const dnnl::primitive_desc_base& primitive) {
  return std::string_view(primitive.impl_info_str()).find("amx") != std::string_view::npos;
}

}  // namespace headstart
