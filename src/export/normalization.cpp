// Normalisations, and layers of one number a channel.
#include <algorithm>
#include <vector>

#include "export/lowering.h"

namespace headstart {
namespace {

struct Statistics {
  std::string scale, shift, mean, variance;
};

std::vector<float> all(std::int64_t channels, float value) {
  return std::vector<float>(static_cast<std::size_t>(channels), value);
}

// (x - mean) / sqrt(variance + epsilon) * scale + shift. ONNX has it for channels first; a row of tokens is a
// sample.
OnnxValue batch_norm(Layer& layer, const Statistics& statistics, float epsilon) {
  const auto& shape = layer.shape();
  const bool rows = shape.size() == 2;
  auto x = layer.channels_first();
  if (rows) {
    x = reshape(layer.out, x, {-1, shape[1]});
  }
  const auto value = layer.out.add(
      "BatchNormalization", {x, statistics.scale, statistics.shift, statistics.mean, statistics.variance},
      {{"epsilon", epsilon}});
  if (rows) {
    return {reshape(layer.out, value, {-1, shape[0], shape[1]})};
  }
  return {value, shape.size() == 3 ? AxisOrder::channels_first : AxisOrder::channels_last};
}

// value * gamma + beta, where the layer has them.
OnnxValue affine(Layer& layer, OnnxValue value) {
  if (layer.has("gamma")) {
    value.name = layer.out.add("Mul", {value.name, layer.channel_parameter("gamma", value)});
  }
  if (layer.has("beta")) {
    value.name = layer.out.add("Add", {value.name, layer.channel_parameter("beta", value)});
  }
  return value;
}

// Keras divides by max(sqrt(variance), 1e-7).
Tensor at_least_tiny(const Tensor& variance) {
  constexpr float kSmallest = 1e-14F;
  Tensor result = variance;
  for (auto& value : result.values()) {
    value = std::max(value, kSmallest);
  }
  return result;
}

}  // namespace

OnnxValue lower(const BatchNormalization& op, Layer& layer) {
  const auto channels = layer.shape().back();
  const auto one_of = [&](const char* suffix, float otherwise) {
    return layer.has(suffix) ? layer.parameter(suffix, {channels})
                             : layer.out.constant({channels}, all(channels, otherwise));
  };
  return batch_norm(layer,
                    {one_of("gamma", 1.0F), one_of("beta", 0.0F), one_of("moving_mean", 0.0F),
                     one_of("moving_variance", 1.0F)},
                    op.epsilon);
}

OnnxValue lower(const Normalization&, Layer& layer) {
  const auto channels = layer.shape().back();
  const auto* variance = &layer.tensor("variance");
  return batch_norm(
      layer,
      {layer.out.constant({channels}, all(channels, 1.0F)),
       layer.out.constant({channels}, all(channels, 0.0F)), layer.parameter("mean", {channels}),
       layer.parameter("variance", {channels}, [variance] { return at_least_tiny(*variance); })},
      0.0F);
}

// In the form that runtimes know to replace by one operation, which ONNX has from operator set 17 on.
OnnxValue lower(const LayerNormalization& op, Layer& layer) {
  auto& out = layer.out;
  const std::vector<OnnxAttribute> last{{"axes", std::vector<std::int64_t>{-1}},
                                        {"keepdims", std::int64_t{1}}};
  const auto x = layer.channels_last();
  const auto centred = out.add("Sub", {x, out.add("ReduceMean", {x}, last)});
  const auto variance = out.add("ReduceMean", {out.add("Pow", {centred, out.number(2.0F)})}, last);
  const auto deviation = out.add("Sqrt", {out.add("Add", {variance, out.number(op.epsilon)})});
  return affine(layer, {out.add("Div", {centred, deviation})});
}

OnnxValue lower(const GroupNormalization& op, Layer& layer) {
  auto& out = layer.out;
  const auto& shape = layer.shape();
  const auto grouped = reshape(out, layer.channels_first(), {0, op.groups, -1});
  const auto normal = out.add("InstanceNormalization",
                              {grouped, out.constant({op.groups}, all(op.groups, 1.0F)),
                               out.constant({op.groups}, all(op.groups, 0.0F))},
                              {{"epsilon", op.epsilon}});
  return affine(layer, {reshape(out, normal, {0, shape[2], shape[0], shape[1]}), AxisOrder::channels_first});
}

OnnxValue lower(const LocalResponseNormalization& op, Layer& layer) {
  return {layer.out.add(
              "LRN", {layer.channels_first()},
              {{"size", std::int64_t{op.size}}, {"alpha", op.alpha}, {"beta", op.beta}, {"bias", op.k}}),
          AxisOrder::channels_first};
}

OnnxValue lower(const Scale&, Layer& layer) { return affine(layer, layer.input()); }

OnnxValue lower(const Rescaling& op, Layer& layer) {
  auto value = layer.input();
  value.name = layer.out.add("Mul", {value.name, layer.channel_constant(op.scale, value)});
  value.name = layer.out.add("Add", {value.name, layer.channel_constant(op.offset, value)});
  return value;
}

}  // namespace headstart
