// Whether and how a convolution is computed by Winograd's filtering.
#pragma once

#include <optional>

#include "engine/layout.h"
#include "engine/onednn.h"
#include "engine/winograd_tiles.h"

namespace headstart {

// The shape of a convolution that can be: 3x3, stride 1, no dilation, no groups, channels and filters in
// multiples of 16. Source and result as oneDNN has them.
std::optional<WinogradShape> winograd_shape(const LayerShape& layer, const onednn::Desc& src,
                                            const onednn::Desc& dst);

// The side of the tiles that makes an inference fastest, 2 or 4; 0: a direct convolution is.
int winograd_tile(const WinogradShape& shape);
// Whether a training step, where the kernel changes from run to run, is faster by tiles. Those are of 2x2
// only, whose results are as exact as direct ones.
bool is_worth_tiles_in_training(const WinogradShape& shape);
bool is_worth_gradient_tiles(const WinogradShape& shape);  // of the kernel

// Not where oneDNN has a reference kernel only, nor where tile registers (AMX) multiply faster than anything
// transforms.
bool is_worth_transforming(const dnnl::primitive_desc_base& product);

}  // namespace headstart
