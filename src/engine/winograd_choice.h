// Whether and how a convolution is computed by Winograd's filtering.
#pragma once

#include <optional>
#include <vector>

#include "engine/layout.h"
#include "engine/onednn.h"
#include "engine/winograd_tiles.h"

namespace headstart {

// What is computed by tiles: a convolution of an inference; of a training step, where the kernel changes from
// run to run, one forwards, which is nearly as exact as a direct one, for what a ReLU or a max pooling lets
// through hangs on the last digits; the gradient of its source; of its kernel.
enum class TiledWork { inference, forward, backward_data, backward_weights };

// The convolution with the tiles that are fastest; nothing where a direct one is, or where none fit: kernels
// of 3x3, 5x5, 1x3, 1x7 and these turned, stride 1, no dilation, no groups, channels and filters in multiples
// of 16. bf16 has tiles of 2 and 3 taps only. Source and result as oneDNN has them. Measured for an
// inference; estimated for training, where other rounding may lead another way.
std::optional<WinogradShape> winograd_shape(const LayerShape& layer, const onednn::Desc& src,
                                            const onednn::Desc& dst, TiledWork work);

// The shape with tiles, or nothing for a direct convolution, and what it costs in multiplications.
struct TileEstimate {
  std::optional<WinogradShape> tiles{};
  double cost = 0.0;
};
// Of all tiles that fit a shape whose tiles are still to be chosen, and directly; the fastest first.
std::vector<TileEstimate> tile_estimates(const WinogradShape& shape, TiledWork work);
// The fastest of those for an inference, by measurement where the estimates are close.
std::optional<WinogradShape> with_measured_tiles(const WinogradShape& shape);

// Whether these tiles, with bytes for values before and after them, are faster than a direct convolution of
// int8 is: the tiles multiply less, and without VNNI bytes are multiplied little faster. Measured.
bool are_faster_than_int8(const WinogradShape& tiles);

// Not where oneDNN has a reference kernel only, nor where tile registers (AMX) multiply faster than anything
// transforms.
bool is_worth_transforming(const dnnl::primitive_desc_base& product);
bool uses_amx(const dnnl::primitive_desc_base& primitive);

}  // namespace headstart
