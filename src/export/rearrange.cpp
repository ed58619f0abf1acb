// Ops that join, pick and move values: in whatever order of axes they come, as far as that is no matter.
#include <algorithm>
#include <vector>

#include "export/lowering.h"

namespace headstart {
namespace {

using Axes = std::vector<std::int64_t>;

// Numbers for the axes of a value: one each for the batch, the image's rows and columns, and the channels.
Axes in_axes(const OnnxValue& value, std::int64_t batch, const Axes& image, std::int64_t channels) {
  Axes result{batch};
  if (value.order == AxisOrder::channels_first) {
    result.push_back(channels);
  }
  result.insert(result.end(), image.begin(), image.end());
  if (value.order == AxisOrder::channels_last) {
    result.push_back(channels);
  }
  return result;
}

std::int64_t channel_axis(const OnnxValue& value, const Shape& shape) {
  return value.order == AxisOrder::channels_first ? 1 : static_cast<std::int64_t>(shape.size());
}

OnnxValue slice(Layer& layer, const Axes& begins, const Axes& ends, const Axes& axes) {
  auto value = layer.input();
  value.name = layer.out.add(
      "Slice", {value.name, layer.out.integers(begins), layer.out.integers(ends), layer.out.integers(axes)});
  return value;
}

// In the order of the channels last, in which the elements are as they are with us.
OnnxValue reshape_rows(Layer& layer, const Shape& to) {
  const auto& from = layer.shape();
  const bool one_pixel = from.size() == 3 && from[0] * from[1] == 1;
  const auto x = one_pixel ? layer.input().name : layer.channels_last();
  if (to.size() == 1) {
    return {layer.out.add("Flatten", {x}, {{"axis", std::int64_t{1}}})};
  }
  if (to.size() == 3 && to[0] * to[1] == 1) {
    return {reshape(layer.out, x, {0, to[2], 1, 1}), AxisOrder::channels_first};
  }
  Axes shape{0};
  shape.insert(shape.end(), to.begin(), to.end());
  return {reshape(layer.out, x, shape)};
}

}  // namespace

OnnxValue lower(const ActivationLayer& op, Layer& layer) {
  auto value = layer.input();
  value.name = activate(layer.out, value.name, op.activation, channel_axis(value, layer.shape()));
  return value;
}

OnnxValue lower(const Add&, Layer& layer) {
  const auto order = layer.common_order();
  auto sum = layer.in_order(order, 0);
  for (std::size_t i = 1; i < layer.inputs(); ++i) {
    sum = layer.out.add("Add", {sum, layer.in_order(order, i)});
  }
  return {sum, order};
}

OnnxValue lower(const Multiply&, Layer& layer) {
  const auto order = layer.shape(0).size() == 3 ? layer.common_order() : AxisOrder::channels_last;
  const auto first = layer.in_order(order, 0);
  auto second = layer.in_order(order, 1);
  if (layer.shape(0).size() == 3 && layer.shape(1).size() == 1) {
    second = reshape(layer.out, second, in_axes({second, order}, 0, {1, 1}, layer.shape(1)[0]));
  }
  return {layer.out.add("Mul", {first, second}), order};
}

OnnxValue lower(const Concatenate&, Layer& layer) {
  const auto order = layer.common_order();
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < layer.inputs(); ++i) {
    parts.push_back(layer.in_order(order, i));
  }
  const auto axis = channel_axis({"", order}, layer.shape());
  return {layer.out.add("Concat", std::move(parts), {{"axis", axis}}), order};
}

OnnxValue lower(const ChannelShuffle& op, Layer& layer) {
  auto value = layer.input();
  const auto& shape = layer.shape();
  const auto channels = shape.back();
  const auto at = channel_axis(value, shape);
  auto whole = in_axes(value, 0, {shape.begin(), shape.end() - 1}, channels);
  auto grouped = whole;
  grouped[static_cast<std::size_t>(at)] = channels / op.groups;
  grouped.insert(grouped.begin() + at, op.groups);
  Axes permutation(grouped.size());
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    permutation[i] = static_cast<std::int64_t>(i);
  }
  std::swap(permutation[static_cast<std::size_t>(at)], permutation[static_cast<std::size_t>(at) + 1]);
  const auto swapped = transpose(layer.out, reshape(layer.out, value.name, grouped), permutation);
  value.name = reshape(layer.out, swapped, whole);
  return value;
}

OnnxValue lower(const ChannelSlice& op, Layer& layer) {
  return slice(layer, {op.begin}, {op.begin + op.count}, {channel_axis(layer.input(), layer.shape())});
}

OnnxValue lower(const ZeroPadding2D& op, Layer& layer) {
  auto value = layer.input();
  auto pads = in_axes(value, 0, {op.top, op.left}, op.channels_before);
  const auto after = in_axes(value, 0, {op.bottom, op.right}, op.channels_after);
  pads.insert(pads.end(), after.begin(), after.end());
  value.name = layer.out.add("Pad", {value.name, layer.out.integers(pads), layer.out.number(0.0F)},
                             {{"mode", "constant"}});
  return value;
}

OnnxValue lower(const Cropping2D& op, Layer& layer) {
  const auto& shape = layer.shape();
  const auto first = layer.input().order == AxisOrder::channels_first ? 2 : 1;
  return slice(layer, {op.top, op.left}, {shape[0] - op.bottom, shape[1] - op.right}, {first, first + 1});
}

OnnxValue lower(const Flatten&, Layer& layer) { return reshape_rows(layer, layer.node().shape); }
OnnxValue lower(const Reshape& op, Layer& layer) { return reshape_rows(layer, op.shape); }
OnnxValue lower(const Dropout&, Layer& layer) { return layer.input(); }

}  // namespace headstart
