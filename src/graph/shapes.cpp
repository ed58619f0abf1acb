// Shape inference: the output shape of every op, and the padding that `same` stands for.
#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>

#include "graph/overloaded.h"
#include "headstart/error.h"
#include "headstart/graph.h"

namespace headstart {
namespace {

// Far above any network's, and low enough that no product of two of them overflows.
constexpr int kLargestNumber = 1 << 20;

void require_count(const std::vector<Shape>& inputs, std::size_t count) {
  if (inputs.size() != count) {
    throw Error("[shape] expected " + std::to_string(count) + " input(s); received " +
                std::to_string(inputs.size()) + "; connect the layer to as many");
  }
}

const Shape& single(const std::vector<Shape>& inputs) {
  require_count(inputs, 1);
  return inputs.front();
}

const Shape& image(const std::vector<Shape>& inputs) {
  const Shape& shape = single(inputs);
  if (shape.size() != 3) {
    throw Error("[shape] expected an input (height, width, channels); received " + to_string(shape) +
                "; place the layer before Flatten or global pooling");
  }
  return shape;
}

void require_between(const char* what, std::int64_t value, std::int64_t low) {
  if (value < low || value > kLargestNumber) {
    throw Error("[shape] expected " + std::string(what) + " from " + std::to_string(low) + " to " +
                std::to_string(kLargestNumber) + "; received " + std::to_string(value) +
                "; correct the layer");
  }
}

// What a kernel with gaps spans.
std::int64_t window_size(std::int64_t kernel, std::int64_t dilation) { return (kernel - 1) * dilation + 1; }

void require_window(const Size2& kernel, const Size2& strides, const Size2& dilation,
                    const Padding& padding) {
  require_between("a kernel height", kernel.height, 1);
  require_between("a kernel width", kernel.width, 1);
  require_between("a stride", std::min(strides.height, strides.width), 1);
  require_between("a stride", std::max(strides.height, strides.width), 1);
  require_between("a dilation", std::min(dilation.height, dilation.width), 1);
  require_between("a dilation", std::max(dilation.height, dilation.width), 1);
  require_between("a window's height", window_size(kernel.height, dilation.height), 1);
  require_between("a window's width", window_size(kernel.width, dilation.width), 1);
  for (const int side : {padding.top, padding.bottom, padding.left, padding.right}) {
    require_between("a padding", side, 0);
  }
}

struct Axis {
  bool vertical = true;
  std::int64_t input = 0;
  int kernel = 1, stride = 1, dilation = 1;
};

std::int64_t window_extent(const Padding& padding, const Axis& axis) {
  const AxisPadding pad =
      resolve_padding(padding, axis.vertical, axis.input, axis.kernel, axis.stride, axis.dilation);
  const std::int64_t padded = axis.input + pad.before + pad.after;
  const std::int64_t window = window_size(axis.kernel, axis.dilation);
  if (axis.input < 1 || padded < window) {
    throw Error("[shape] expected an input " + std::string(axis.vertical ? "height" : "width") +
                " of at least " + std::to_string(std::max<std::int64_t>(1, window - pad.before - pad.after)) +
                " for a window of " + std::to_string(window) + "; received " + std::to_string(axis.input) +
                "; use a larger input size");
  }
  return (padded - window) / axis.stride + 1;
}

// Height and width after a sliding window; the channels stay to be filled in.
Shape slide(const Shape& input, const Padding& padding, const Size2& kernel, const Size2& strides,
            const Size2& dilation, std::int64_t channels) {
  require_window(kernel, strides, dilation, padding);
  return {window_extent(padding, {true, input[0], kernel.height, strides.height, dilation.height}),
          window_extent(padding, {false, input[1], kernel.width, strides.width, dilation.width}), channels};
}

// A pooling window that lies in the padding alone would have no value.
Shape pool(const Shape& input, const Padding& padding, const Size2& window, const Size2& strides) {
  if (padding.kind == Padding::Kind::explicit_ && (std::max(padding.top, padding.bottom) >= window.height ||
                                                   std::max(padding.left, padding.right) >= window.width)) {
    throw Error("[shape] expected a pooling padding smaller than the window of " +
                std::to_string(window.height) + "x" + std::to_string(window.width) +
                "; received a larger one; reduce the padding");
  }
  return slide(input, padding, window, strides, {}, input[2]);
}

Shape convolve(const Conv2D& conv, const Shape& input) {
  require_between("filters", conv.filters, 1);
  require_between("groups", conv.groups, 1);
  if (input[2] % conv.groups != 0 || conv.filters % conv.groups != 0) {
    throw Error("[shape] expected groups that divide the input's channels and the filters; received " +
                std::to_string(conv.groups) + " for " + std::to_string(input[2]) + " channels and " +
                std::to_string(conv.filters) + " filters; choose a common divisor");
  }
  return slide(input, conv.padding, conv.kernel, conv.strides, conv.dilation, conv.filters);
}

void require_output_padding(std::int64_t cut, int stride) {
  if (-cut >= stride) {
    throw Error("[shape] expected an output padding (a negative cut) below the stride of " +
                std::to_string(stride) + "; received " + std::to_string(-cut) + "; reduce it");
  }
}

Shape spread(const Conv2DTranspose& conv, const Shape& input) {
  require_between("filters", conv.filters, 1);
  Padding cut = conv.padding;
  cut.bottom = std::max(cut.bottom, 0);
  cut.right = std::max(cut.right, 0);
  require_window(conv.kernel, conv.strides, conv.dilation, cut);
  require_output_padding(conv.padding.bottom, conv.strides.height);
  require_output_padding(conv.padding.right, conv.strides.width);
  Shape output{resolve_transposed(conv, true, input[0]).output,
               resolve_transposed(conv, false, input[1]).output, conv.filters};
  if (output[0] < 1 || output[1] < 1 || output[0] > kLargestNumber || output[1] > kLargestNumber) {
    throw Error("[shape] expected a transposed convolution to an image of 1 to " +
                std::to_string(kLargestNumber) + " pixels a side; received " + to_string(input) +
                " that gives " + to_string(output) + "; correct the layer");
  }
  return output;
}

Shape add(const std::vector<Shape>& inputs) {
  if (inputs.size() < 2) {
    throw Error("[shape] expected two or more inputs; received " + std::to_string(inputs.size()) +
                "; connect the layer to as many");
  }
  for (const Shape& shape : inputs) {
    if (shape != inputs.front()) {
      throw Error("[shape] expected inputs of one shape; received " + to_string(inputs.front()) + " and " +
                  to_string(shape) + "; add a projection");
    }
  }
  return inputs.front();
}

Shape multiply(const std::vector<Shape>& inputs) {
  require_count(inputs, 2);
  const Shape& first = inputs[0];
  const Shape& second = inputs[1];
  const bool per_channel =
      first.size() == 3 && (second == Shape{1, 1, first[2]} || second == Shape{first[2]});
  if (first != second && !per_channel) {
    throw Error("[shape] expected a second input of the first's shape or one value a channel; received " +
                to_string(first) + " and " + to_string(second) + "; match the channels");
  }
  return first;
}

Shape concatenate(const std::vector<Shape>& inputs) {
  if (inputs.size() < 2) {
    throw Error("[shape] expected two or more inputs; received " + std::to_string(inputs.size()) +
                "; connect the layer to as many");
  }
  Shape result = inputs.front();
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const Shape& shape = inputs[i];
    if (shape.size() != result.size() || shape.empty() ||
        !std::equal(shape.begin(), shape.end() - 1, result.begin())) {
      throw Error("[shape] expected inputs that differ in their last extent only; received " +
                  to_string(result) + " and " + to_string(shape) + "; match their height and width");
    }
    result.back() += shape.back();
  }
  return result;
}

Shape zero_pad(const ZeroPadding2D& padding, const Shape& input) {
  for (const int side : {padding.top, padding.bottom, padding.left, padding.right, padding.channels_before,
                         padding.channels_after}) {
    require_between("a padding", side, 0);
  }
  return {input[0] + padding.top + padding.bottom, input[1] + padding.left + padding.right,
          input[2] + padding.channels_before + padding.channels_after};
}

Shape crop(const Cropping2D& crop, const Shape& input) {
  for (const int side : {crop.top, crop.bottom, crop.left, crop.right}) {
    require_between("a cropping", side, 0);
  }
  Shape output{input[0] - crop.top - crop.bottom, input[1] - crop.left - crop.right, input[2]};
  if (output[0] < 1 || output[1] < 1) {
    throw Error("[shape] expected a cropping that leaves something of the image; received one that takes " +
                std::to_string(crop.top + crop.bottom) + "x" + std::to_string(crop.left + crop.right) +
                " of " + to_string(input) + "; use a larger input size");
  }
  return output;
}

Shape shuffle(const ChannelShuffle& op, const Shape& input) {
  require_between("groups", op.groups, 1);
  if (input.back() % op.groups != 0) {
    throw Error("[shape] expected groups that divide the channels; received " + std::to_string(op.groups) +
                " for " + std::to_string(input.back()) + "; choose a divisor");
  }
  return input;
}

Shape slice(const ChannelSlice& op, const Shape& input) {
  require_between("the first channel", op.begin, 0);
  require_between("the number of channels", op.count, 1);
  if (op.begin + op.count > input.back()) {
    throw Error("[shape] expected channels up to " + std::to_string(input.back()) + "; received " +
                std::to_string(op.begin) + " to " + std::to_string(op.begin + op.count) +
                "; correct the layer");
  }
  Shape output = input;
  output.back() = op.count;
  return output;
}

const Shape& tokens(const std::vector<Shape>& inputs) {
  const Shape& shape = single(inputs);
  if (shape.size() != 2) {
    throw Error("[shape] expected an input (tokens, channels); received " + to_string(shape) +
                "; reshape the image to rows");
  }
  return shape;
}

// Of the result: a third of the input's.
std::int64_t attended_channels(int heads, std::int64_t channels) {
  require_between("heads", heads, 1);
  if (channels % (3 * std::int64_t{heads}) != 0) {
    throw Error("[shape] expected queries, keys and values of " + std::to_string(heads) +
                " heads side by side; received " + std::to_string(channels) +
                " channels; use a multiple of three times the heads");
  }
  return channels / 3;
}

Shape attend(const SelfAttention& op, const Shape& input) {
  return {input[0], attended_channels(op.heads, input[1])};
}

Shape attend_windows(const WindowAttention& op, const Shape& input) {
  constexpr int kLargest = 64;  // its square is the side of a matrix of scores
  require_between("the window", op.window, 1);
  require_between("the shift", op.shift.height, 0);
  require_between("the shift", op.shift.width, 0);
  const int shift = std::max(op.shift.height, op.shift.width);
  if (op.window > kLargest || shift >= op.window) {
    throw Error("[shape] expected a window of up to " + std::to_string(kLargest) +
                " pixels and a shift of less than a window; received " + std::to_string(op.window) + " and " +
                std::to_string(shift) + "; correct the layer");
  }
  if (input[0] % op.window != 0 || input[1] % op.window != 0) {
    throw Error("[shape] expected an image of whole windows of " + std::to_string(op.window) +
                " pixels; received " + to_string(input) + "; pad it with zeros");
  }
  return {input[0], input[1], attended_channels(op.heads, input[2])};
}

Shape normalise_groups(const GroupNormalization& op, const Shape& input) {
  require_between("groups", op.groups, 1);
  if (!(op.epsilon > 0.0F) || input[2] % op.groups != 0) {
    throw Error("[shape] expected a positive epsilon and groups that divide the channels; received " +
                std::to_string(op.epsilon) + " and " + std::to_string(op.groups) + " for " +
                std::to_string(input[2]) + " channels; correct the layer");
  }
  return input;
}

Shape normalise_locally(const LocalResponseNormalization& op, const Shape& input) {
  require_between("the size", op.size, 1);
  if (op.size % 2 == 0 || !(op.k > 0.0F) || !(op.alpha >= 0.0F)) {
    throw Error("[shape] expected an odd size, a positive k and an alpha from 0; received " +
                std::to_string(op.size) + ", " + std::to_string(op.k) + " and " + std::to_string(op.alpha) +
                "; correct the layer");
  }
  return input;
}

Shape upsample(const UpSampling2D& op, const Shape& input) {
  require_between("a factor", std::min(op.size.height, op.size.width), 1);
  require_between("a factor", std::max(op.size.height, op.size.width), 1);
  return {input[0] * op.size.height, input[1] * op.size.width, input[2]};
}

const Shape& positive(const Shape& shape) {
  if (shape.empty() ||
      std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 1; })) {
    throw Error("[shape] expected positive extents; received " + to_string(shape) + "; correct the layer");
  }
  element_count(shape);
  return shape;
}

Shape reshape(const Reshape& op, const Shape& input) {
  if (element_count(positive(op.shape)) != element_count(input)) {
    throw Error("[shape] expected a shape of " + std::to_string(element_count(input)) +
                " elements; received " + to_string(op.shape) + "; keep the number of elements");
  }
  return op.shape;
}

Shape dense(const Dense& op, const Shape& input) {
  require_between("units", op.units, 1);
  Shape shape = input;
  shape.back() = op.units;
  return shape;
}

Shape drop(const Dropout& op, const Shape& input) {
  if (!(op.rate >= 0.0F && op.rate < 1.0F)) {
    throw Error("[shape] expected a dropout rate from 0 to below 1; received " + std::to_string(op.rate) +
                "; correct the layer");
  }
  return input;
}

Shape rescale(const Rescaling& op, const Shape& input) {
  for (const std::vector<float>* constants : {&op.scale, &op.offset}) {
    if (constants->size() != 1 && static_cast<std::int64_t>(constants->size()) != input.back()) {
      throw Error("[shape] expected one constant or " + std::to_string(input.back()) +
                  ", one for each channel; received " + std::to_string(constants->size()) +
                  "; correct the layer");
    }
  }
  return input;
}

Shape normalise(const BatchNormalization& op, const Shape& input) {
  if (!(op.epsilon > 0.0F) || !(op.momentum >= 0.0F && op.momentum <= 1.0F)) {
    throw Error("[shape] expected a positive epsilon and a momentum from 0 to 1; received " +
                std::to_string(op.epsilon) + " and " + std::to_string(op.momentum) + "; correct the layer");
  }
  if (op.renorm && (!(op.renorm_scale >= 1.0F) || !(op.renorm_shift >= 0.0F))) {
    throw Error("[shape] expected a renorm scale from 1 and a renorm shift from 0; received " +
                std::to_string(op.renorm_scale) + " and " + std::to_string(op.renorm_shift) +
                "; correct the layer");
  }
  return input;
}

Shape normalise_rows(const LayerNormalization& op, const Shape& input) {
  if (!(op.epsilon > 0.0F)) {
    throw Error("[shape] expected a positive epsilon; received " + std::to_string(op.epsilon) +
                "; correct the layer");
  }
  return input;
}

Shape pool_globally(bool keep_dims, const Shape& input) {
  return keep_dims ? Shape{1, 1, input[2]} : Shape{input[2]};
}

Shape depthwise_shape(const Size2& kernel, const Size2& strides, const Size2& dilation,
                      const Padding& padding, int multiplier, const Shape& input) {
  require_between("a depth multiplier", multiplier, 1);
  return slide(input, padding, kernel, strides, dilation, input[2] * multiplier);
}

}  // namespace

AxisPadding resolve_padding(const Padding& padding, bool vertical, std::int64_t input, int kernel, int stride,
                            int dilation) {
  switch (padding.kind) {
    case Padding::Kind::valid:
      return {};
    case Padding::Kind::explicit_:
      return vertical ? AxisPadding{padding.top, padding.bottom} : AxisPadding{padding.left, padding.right};
    case Padding::Kind::same:
      break;
  }
  const std::int64_t output = (input + stride - 1) / stride;
  const std::int64_t window = window_size(kernel, dilation);
  const std::int64_t total = std::max<std::int64_t>(0, (output - 1) * stride + window - input);
  return {static_cast<int>(total / 2), static_cast<int>(total - total / 2)};
}

TransposedAxis resolve_transposed(const Conv2DTranspose& op, bool vertical, std::int64_t input) {
  const int stride = vertical ? op.strides.height : op.strides.width;
  const int dilation = vertical ? op.dilation.height : op.dilation.width;
  const std::int64_t window = window_size(vertical ? op.kernel.height : op.kernel.width, dilation);
  const std::int64_t beyond = std::max<std::int64_t>(window - stride, 0);
  switch (op.padding.kind) {
    case Padding::Kind::same:
      return {static_cast<int>(beyond / 2), input * stride};
    case Padding::Kind::valid:
      return {0, input * stride + beyond};
    case Padding::Kind::explicit_:
      break;
  }
  const int before = vertical ? op.padding.top : op.padding.left;
  const int after = vertical ? op.padding.bottom : op.padding.right;
  return {before, (input - 1) * stride + window - before - after};
}

Shape infer_shape(const Op& op, const std::vector<Shape>& inputs) {
  return std::visit(
      Overloaded{
          [&](const Input& input) {
            require_count(inputs, 0);
            return positive(input.shape);
          },
          [&](const Conv2D& conv) { return convolve(conv, image(inputs)); },
          [&](const Conv2DTranspose& conv) { return spread(conv, image(inputs)); },
          [&](const DepthwiseConv2D& conv) {
            return depthwise_shape(conv.kernel, conv.strides, conv.dilation, conv.padding,
                                   conv.depth_multiplier, image(inputs));
          },
          [&](const SeparableConv2D& conv) {
            require_between("filters", conv.filters, 1);
            Shape shape = depthwise_shape(conv.kernel, conv.strides, conv.dilation, conv.padding,
                                          conv.depth_multiplier, image(inputs));
            shape[2] = conv.filters;
            return shape;
          },
          [&](const Dense& layer) { return dense(layer, single(inputs)); },
          [&](const OneOf<MaxPooling2D, AveragePooling2D> auto& pooling) {
            return pool(image(inputs), pooling.padding, pooling.pool, pooling.strides);
          },
          [&](const OneOf<GlobalAveragePooling2D, GlobalMaxPooling2D> auto& pooling) {
            return pool_globally(pooling.keep_dims, image(inputs));
          },
          [&](const ZeroPadding2D& padding) { return zero_pad(padding, image(inputs)); },
          [&](const OneOf<ActivationLayer, Scale, Normalization> auto&) { return single(inputs); },
          [&](const Rescaling& rescaling) { return rescale(rescaling, single(inputs)); },
          [&](const BatchNormalization& normalization) { return normalise(normalization, single(inputs)); },
          [&](const LayerNormalization& layer) { return normalise_rows(layer, single(inputs)); },
          [&](const SelfAttention& layer) { return attend(layer, tokens(inputs)); },
          [&](const WindowAttention& layer) { return attend_windows(layer, image(inputs)); },
          [&](const ClassToken&) {
            return Shape{tokens(inputs)[0] + 1, tokens(inputs)[1]};
          },
          [&](const PositionEmbedding&) { return tokens(inputs); },
          [&](const Cropping2D& layer) { return crop(layer, image(inputs)); },
          [&](const ChannelShuffle& layer) { return shuffle(layer, single(inputs)); },
          [&](const ChannelSlice& layer) { return slice(layer, single(inputs)); },
          [&](const GroupNormalization& layer) { return normalise_groups(layer, image(inputs)); },
          [&](const LocalResponseNormalization& layer) { return normalise_locally(layer, image(inputs)); },
          [&](const UpSampling2D& layer) { return upsample(layer, image(inputs)); },
          [&](const Add&) { return add(inputs); },
          [&](const Multiply&) { return multiply(inputs); },
          [&](const Concatenate&) { return concatenate(inputs); },
          [&](const Flatten&) { return Shape{element_count(single(inputs))}; },
          [&](const Reshape& layer) { return reshape(layer, single(inputs)); },
          [&](const Dropout& dropout) { return drop(dropout, single(inputs)); }},
      op);
}

}  // namespace headstart
