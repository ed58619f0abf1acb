// Reference ops that pick and move values: every output element is one element of the input.
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

}  // namespace headstart::reference
