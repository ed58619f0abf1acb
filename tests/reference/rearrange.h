// Reference ops that pick, move and spread values.
#pragma once

#include "headstart/op.h"
#include "reference/array.h"

namespace headstart::reference {

Array cropping(const Array& input, const Cropping2D& crop);
Array cropping_backward(const Array& input, const Cropping2D& crop, const Array& diff_output);

Array channel_shuffle(const Array& input, const ChannelShuffle& shuffle);
Array channel_shuffle_backward(const ChannelShuffle& shuffle, const Array& diff_output);

Array channel_slice(const Array& input, const ChannelSlice& slice);
Array channel_slice_backward(const Array& input, const ChannelSlice& slice, const Array& diff_output);

// Every output pixel is a weighted mean of input pixels.
Array upsampling(const Array& input, const UpSampling2D& op);
Array upsampling_backward(const Array& input, const UpSampling2D& op, const Array& diff_output);

}  // namespace headstart::reference
