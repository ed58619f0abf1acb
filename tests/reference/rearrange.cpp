#include "reference/rearrange.h"

namespace headstart::reference {

namespace {

Shape cropped_shape(const Array& input, const Cropping2D& crop) {
  return {input.shape[0], input.shape[1] - crop.top - crop.bottom, input.shape[2] - crop.left - crop.right,
          input.shape[3]};
}

// The input element that output element i is.
std::int64_t cropped_from(const Array& input, const Cropping2D& crop, std::int64_t i) {
  const Shape out = cropped_shape(input, crop);
  const std::int64_t c = i % out[3];
  const std::int64_t w = i / out[3] % out[2];
  const std::int64_t h = i / out[3] / out[2] % out[1];
  const std::int64_t n = i / out[3] / out[2] / out[1];
  return ((n * input.shape[1] + h + crop.top) * input.shape[2] + w + crop.left) * out[3] + c;
}

std::int64_t shuffled_from(std::int64_t channels, int groups, std::int64_t i) {
  const std::int64_t c = i % channels;
  return i - c + c % groups * (channels / groups) + c / groups;
}

std::int64_t sliced_from(const Array& input, const ChannelSlice& slice, std::int64_t i) {
  return i / slice.count * input.shape.back() + slice.begin + i % slice.count;
}

}  // namespace

Array cropping(const Array& input, const Cropping2D& crop) {
  Array output(cropped_shape(input, crop));
  for (std::int64_t i = 0; i < output.size(); ++i) {
    output[i] = input[cropped_from(input, crop, i)];
  }
  return output;
}

Array cropping_backward(const Array& input, const Cropping2D& crop, const Array& diff_output) {
  Array diff_input(input.shape);
  for (std::int64_t i = 0; i < diff_output.size(); ++i) {
    diff_input[cropped_from(input, crop, i)] = diff_output[i];
  }
  return diff_input;
}

Array channel_shuffle(const Array& input, const ChannelShuffle& shuffle) {
  Array output(input.shape);
  for (std::int64_t i = 0; i < output.size(); ++i) {
    output[i] = input[shuffled_from(input.shape.back(), shuffle.groups, i)];
  }
  return output;
}

Array channel_shuffle_backward(const ChannelShuffle& shuffle, const Array& diff_output) {
  Array diff_input(diff_output.shape);
  for (std::int64_t i = 0; i < diff_output.size(); ++i) {
    diff_input[shuffled_from(diff_output.shape.back(), shuffle.groups, i)] = diff_output[i];
  }
  return diff_input;
}

Array channel_slice(const Array& input, const ChannelSlice& slice) {
  Shape shape = input.shape;
  shape.back() = slice.count;
  Array output(shape);
  for (std::int64_t i = 0; i < output.size(); ++i) {
    output[i] = input[sliced_from(input, slice, i)];
  }
  return output;
}

Array channel_slice_backward(const Array& input, const ChannelSlice& slice, const Array& diff_output) {
  Array diff_input(input.shape);
  for (std::int64_t i = 0; i < diff_output.size(); ++i) {
    diff_input[sliced_from(input, slice, i)] = diff_output[i];
  }
  return diff_input;
}

}  // namespace headstart::reference
