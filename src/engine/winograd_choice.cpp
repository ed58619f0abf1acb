#include "engine/winograd_choice.h"

#include <algorithm>
#include <string_view>

namespace headstart {
namespace {

using onednn::Desc;

// Estimates in multiplications of the type, measured on a CPU with AVX-512: what it costs to read a weight
// from memory, to make it from the kernel, to transform a value (a gradient's transforms do not stay in the
// second cache), to begin a product, shared by its rows; how much faster direct convolutions multiply.
constexpr double kReadWeight = 24.0;
constexpr double kMakeWeight = 10.0;
constexpr double kTransformF32 = 11.0, kTransformBf16 = 18.0;
constexpr double kGradientTransform = 1.4;
constexpr double kBeginProduct = 400.0;
constexpr double kSlowerProducts = 1.15;
constexpr double kWorthIt = 0.95;

double direct_cost(const WinogradShape& s, double weight) {
  const auto pixels = static_cast<double>(s.batch * s.result_height * s.result_width);
  return kWorthIt * 9.0 * static_cast<double>(s.channels * s.filters) * (pixels + weight);
}

double tiled_cost(WinogradShape s, int tile, double weight, double transform_factor) {
  s.tile = tile;
  const auto kernel = static_cast<double>(s.channels * s.filters);
  const double transform = (s.bf16 ? kTransformBf16 : kTransformF32) * transform_factor *
                           static_cast<double>(s.channels + s.filters);
  const double row = kSlowerProducts * kernel + transform + kBeginProduct;
  return static_cast<double>(s.positions()) * (row * static_cast<double>(s.tiles()) + weight * kernel);
}

}  // namespace

std::optional<WinogradShape> winograd_shape(const LayerShape& layer, const Desc& src, const Desc& dst) {
  const auto& window = layer.window;
  const auto floating = [](DataType type) { return type == DataType::f32 || type == DataType::bf16; };
  if (onednn::dims_of(layer.user_weights).size() != 4 || window.kernel != onednn::Dims{3, 3} ||
      window.strides != onednn::Dims{1, 1} || window.dilates != onednn::Dims{0, 0} ||
      !floating(onednn::type_of(src)) || !floating(onednn::type_of(dst))) {
    return std::nullopt;
  }
  const auto from = onednn::dims_of(src), to = onednn::dims_of(dst);
  if (from[1] % kMostLanes != 0 || to[1] % kMostLanes != 0) {
    return std::nullopt;
  }
  return WinogradShape{.batch = from[0],
                       .height = from[2],
                       .width = from[3],
                       .channels = from[1],
                       .result_height = to[2],
                       .result_width = to[3],
                       .filters = to[1],
                       .zeros_above = window.padding_begin[0],
                       .zeros_left = window.padding_begin[1],
                       .bf16 = onednn::type_of(src) == DataType::bf16,
                       .result_bf16 = onednn::type_of(dst) == DataType::bf16};
}

namespace {

// `largest`: side of the tiles that may be.
int fastest_tile(const WinogradShape& shape, int largest, double weight, double transform_factor) {
  const double direct = direct_cost(shape, weight);
  const double of_2 = tiled_cost(shape, 2, weight, transform_factor);
  const bool rounds = shape.bf16 || shape.result_bf16;
  if (largest == 4 && !rounds && tiled_cost(shape, 4, weight, transform_factor) < std::min(direct, of_2)) {
    return 4;
  }
  return of_2 < direct ? 2 : 0;
}

constexpr double kNewWeight = kReadWeight + kMakeWeight;

}  // namespace

int winograd_tile(const WinogradShape& shape) { return fastest_tile(shape, 4, kReadWeight, 1.0); }

int forward_tile(const WinogradShape& shape) { return fastest_tile(shape, 2, kNewWeight, 1.0); }

int backward_tile(const WinogradShape& shape) { return fastest_tile(shape, 4, kNewWeight, 1.0); }

int gradient_tile(const WinogradShape& shape) {
  return fastest_tile(shape, 4, kNewWeight, kGradientTransform);
}

bool is_worth_transforming(const dnnl::primitive_desc_base& product) {
  const std::string_view name = product.impl_info_str();
  return name.find("ref") == std::string_view::npos && name.find("amx") == std::string_view::npos;
}

bool uses_avx512(const dnnl::primitive_desc_base& primitive) {
  return std::string_view(primitive.impl_info_str()).find("avx512") != std::string_view::npos;
}

}  // namespace headstart
