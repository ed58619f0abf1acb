#include "reference/rearrange.h"

#include <algorithm>

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

struct Tap {
  std::int64_t index = 0;
  double weight = 1.0;
};

// What output coordinate `o` reads along an axis of `extent` enlarged by `factor`.
std::vector<Tap> taps(const UpSampling2D& op, std::int64_t extent, int factor, std::int64_t o) {
  if (op.interpolation == UpSampling2D::Interpolation::nearest) {
    return {{o / factor, 1.0}};
  }
  const double position = std::max(0.0, (static_cast<double>(o) + 0.5) / factor - 0.5);
  const auto low = static_cast<std::int64_t>(position);
  const double weight = position - static_cast<double>(low);
  return {{low, 1.0 - weight}, {std::min(low + 1, extent - 1), weight}};
}

// Calls visit(input index, output index, weight).
template <typename Visit>
void for_each_tap(const Shape& in, const UpSampling2D& op, Visit visit) {
  const std::int64_t height = in[1] * op.size.height;
  const std::int64_t width = in[2] * op.size.width;
  for (std::int64_t n = 0; n < in[0]; ++n) {
    for (std::int64_t h = 0; h < height; ++h) {
      for (std::int64_t w = 0; w < width; ++w) {
        for (const Tap& row : taps(op, in[1], op.size.height, h)) {
          for (const Tap& column : taps(op, in[2], op.size.width, w)) {
            for (std::int64_t c = 0; c < in[3]; ++c) {
              visit(((n * in[1] + row.index) * in[2] + column.index) * in[3] + c,
                    ((n * height + h) * width + w) * in[3] + c, row.weight * column.weight);
            }
          }
        }
      }
    }
  }
}

}  // namespace

Array upsampling(const Array& input, const UpSampling2D& op) {
  const Shape& in = input.shape;
  Array output({in[0], in[1] * op.size.height, in[2] * op.size.width, in[3]});
  for_each_tap(in, op,
               [&](std::int64_t i, std::int64_t o, double weight) { output[o] += weight * input[i]; });
  return output;
}

Array upsampling_backward(const Array& input, const UpSampling2D& op, const Array& diff_output) {
  Array diff_input(input.shape);
  for_each_tap(input.shape, op, [&](std::int64_t i, std::int64_t o, double weight) {
    diff_input[i] += weight * diff_output[o];
  });
  return diff_input;
}

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
