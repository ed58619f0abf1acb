// Pooling, over windows and over whole images, and its opposite.
#include <limits>
#include <utility>
#include <vector>

#include "export/lowering.h"

namespace headstart {
namespace {

template <typename Pooling>
OnnxValue pool(const char* type, const Pooling& op, Layer& layer, std::vector<OnnxAttribute> attributes) {
  const auto& shape = layer.shape();
  const auto rows = resolve_padding(op.padding, true, shape[0], op.pool.height, op.strides.height, 1);
  const auto columns = resolve_padding(op.padding, false, shape[1], op.pool.width, op.strides.width, 1);
  attributes.push_back({"kernel_shape", std::vector<std::int64_t>{op.pool.height, op.pool.width}});
  attributes.push_back({"strides", std::vector<std::int64_t>{op.strides.height, op.strides.width}});
  attributes.push_back(
      {"pads", std::vector<std::int64_t>{rows.before, columns.before, rows.after, columns.after}});
  return {layer.out.add(type, {layer.channels_first()}, std::move(attributes)), AxisOrder::channels_first};
}

OnnxValue pool_globally(const char* first, const char* last, bool keep_dims, Layer& layer) {
  if (layer.input().order == AxisOrder::channels_last) {
    const auto value = layer.out.add(
        last, {layer.input().name},
        {{"axes", std::vector<std::int64_t>{1, 2}}, {"keepdims", std::int64_t{keep_dims ? 1 : 0}}});
    return {value};
  }
  const auto value = layer.out.add(first, {layer.input().name});
  if (keep_dims) {
    return {value, AxisOrder::channels_first};
  }
  return {layer.out.add("Flatten", {value}, {{"axis", std::int64_t{1}}})};
}

}  // namespace

// ONNX Runtime (1.30) fuses a Pad of zeros into the maximum behind it, whose own padding never wins. Of the
// smallest normal number it is left alone.
OnnxValue lower(const MaxPooling2D& op, Layer& layer) {
  constexpr std::size_t kPadValue = 2;
  auto* before = layer.out.maker(layer.channels_first());
  if (before != nullptr && before->type == "Pad") {
    before->inputs.at(kPadValue) = layer.out.number(std::numeric_limits<float>::min());
  }
  return pool("MaxPool", op, layer, {});
}

OnnxValue lower(const AveragePooling2D& op, Layer& layer) {
  return pool("AveragePool", op, layer, {{"count_include_pad", std::int64_t{op.count_padding ? 1 : 0}}});
}

OnnxValue lower(const GlobalAveragePooling2D& op, Layer& layer) {
  return pool_globally("GlobalAveragePool", "ReduceMean", op.keep_dims, layer);
}

OnnxValue lower(const GlobalMaxPooling2D& op, Layer& layer) {
  return pool_globally("GlobalMaxPool", "ReduceMax", op.keep_dims, layer);
}

OnnxValue lower(const UpSampling2D& op, Layer& layer) {
  const bool nearest = op.interpolation == UpSampling2D::Interpolation::nearest;
  std::vector<OnnxAttribute> attributes{
      {"mode", nearest ? "nearest" : "linear"},
      {"coordinate_transformation_mode", nearest ? "asymmetric" : "half_pixel"}};
  if (nearest) {
    attributes.push_back({"nearest_mode", "floor"});
  }
  const auto scales = layer.out.constant(
      {4}, {1.0F, 1.0F, static_cast<float>(op.size.height), static_cast<float>(op.size.width)});
  return {layer.out.add("Resize", {layer.channels_first(), "", scales}, std::move(attributes)),
          AxisOrder::channels_first};
}

}  // namespace headstart
