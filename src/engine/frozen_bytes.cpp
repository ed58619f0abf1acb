// 1x1 convolutions of the inference program that multiply bytes, with what is fused into them.
#include <memory>
#include <utility>
#include <variant>

#include "engine/frozen_lowering.h"
#include "engine/lowering.h"

namespace headstart {

// Nothing when the layer does more than an activation and an addition with a clip behind it.
std::optional<FrozenLowering::BytesEnding> FrozenLowering::bytes_ending(const FusedLayer& layer) const {
  BytesEnding result;
  int activations = 0;
  const auto append = [&](const Activation& activation) {
    if (activation.kind == Activation::Kind::linear) {
      return true;
    }
    const auto rows = as_row_activation(activation);
    if (!rows || ++activations > 1) {
      return false;
    }
    if (result.summand < 0) {
      result.ending.first = *rows;
    } else {
      result.ending.second = {rows->low, rows->high};
    }
    return result.summand < 0 || rows->kind == RowActivation::Kind::clip;
  };
  if (!append(own_activation(layer))) {
    return std::nullopt;
  }
  for (const auto& follow_up : layer.follow_ups) {
    if (follow_up.other < 0) {
      if (!append(std::get<ActivationLayer>(node_at(follow_up.node).op).activation)) {
        return std::nullopt;
      }
    } else if (std::exchange(result.summand, follow_up.other) >= 0) {
      return std::nullopt;
    } else {
      activations = 0;
    }
  }
  return result;
}

std::optional<Value> FrozenLowering::convolution_of_bytes(const FusedLayer& layer,
                                                          const ConvolutionGeometry& geometry,
                                                          const PaddedInput& input,
                                                          const WeightNames& names) {
  const auto& node = node_at(layer.base);
  const auto& src = input.value;
  const bool has_sign = byte_layout(src).has_sign;
  // Padding and strides together may keep the size.
  const bool is_1x1 = geometry.kernel == Size2{1, 1} && geometry.strides == Size2{1, 1} &&
                      geometry.groups == 1 && input.shape.size() == 3 && input.shape[0] == node.shape[0] &&
                      input.shape[1] == node.shape[1];
  if (!is_int8(src) || !is_1x1 || !ByteProduct::is_for_this_cpu()) {
    return std::nullopt;
  }
  const ByteProduct product({.rows = batch_ * input.shape[0] * input.shape[1],
                             .channels = geometry.channels,
                             .filters = geometry.filters,
                             .has_sign = has_sign});
  auto whole = bytes_ending(layer);
  if (!product.fits() || !whole || activation_of(node.op)->kind == Activation::Kind::softmax) {
    return std::nullopt;
  }
  const bool has_curve = whole->ending.first.kind != RowActivation::Kind::clip;
  if (!has_sign && !has_curve) {
    return std::nullopt;
  }
  auto& ending = whole->ending;
  const auto dst = result_value(layer.tail);
  ending.is_float = !is_int8(dst);
  ending.result_layout = byte_layout(dst);
  Access access{.reads = {src}, .writes = {dst}};
  dnnl::memory summand;
  if (whole->summand >= 0) {
    const auto& other = ending.is_float ? value_of(whole->summand) : int8_of(whole->summand);
    ending.summand_layout = byte_layout(other);
    access.reads.push_back(other);
    summand = emitter_.memory(other);
  }
  const auto shape = convolution_shape(geometry, input.shape, input.zeros, DataType::s8);
  const auto packed = emitter_.weights(bytes_desc(product.packed_bytes()));
  access.reads.push_back(packed);
  result_.loaders.push_back(
      [product, to = emitter_.memory(packed),
       weights = std::make_shared<Int8Weights>(int8_weights(names, shape, src.scale))](const Parameters&) {
        const auto [own, factors] = std::move(*weights);
        product.pack(own.kernel, factors, own.bias, to.get_data_handle());
      });
  emitter_.emit(label(layer), "convolution", access,
                [product, ending, summand, from = emitter_.memory(src), weights = emitter_.memory(packed),
                 to = emitter_.memory(dst)]() mutable {
                  ending.summand = summand ? summand.get_data_handle() : nullptr;
                  product.run(from.get_data_handle(), weights.get_data_handle(), ending,
                              to.get_data_handle());
                },
                {.multiplications = product.multiplications()});
  return dst;
}

}  // namespace headstart
