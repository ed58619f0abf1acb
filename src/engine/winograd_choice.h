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

// The side of the tiles that is fastest: 2 or 4, which is for f32 alone; 0: a direct convolution is. Of an
// inference.
int winograd_tile(const WinogradShape& shape);
// Of a training step, where the kernel changes from run to run: forwards, whose tiles are of 2x2 only, as
// exact as direct convolutions, for what a ReLU or a max pooling lets through hangs on the last digits;
// backwards; and of the gradient of the kernel.
int forward_tile(const WinogradShape& shape);
int backward_tile(const WinogradShape& shape);
int gradient_tile(const WinogradShape& shape);

// Not where oneDNN has a reference kernel only, nor where tile registers (AMX) multiply faster than anything
// transforms.
bool is_worth_transforming(const dnnl::primitive_desc_base& product);
bool uses_avx512(const dnnl::primitive_desc_base& primitive);

}  // namespace headstart
