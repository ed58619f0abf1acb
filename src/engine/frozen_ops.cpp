// Pooling, normalisation, elementwise and joining ops of the inference program.
#include <algorithm>
#include <variant>

#include "engine/frozen_lowering.h"
#include "engine/lowering.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;

Value FrozenLowering::pool(const Node& node, dnnl::algorithm algorithm, const onednn::Window& window) {
  const auto& src = value_of(node.inputs[0]);
  const auto dst = emitter_.value(desc_of(node.shape));
  const auto channels = node.shape.back();
  const Shape spatial = node.shape.size() == 3 ? node.shape : Shape{1, 1, channels};
  const auto pd = onednn::pooling_forward(emitter_.engine(), prop_kind::forward_inference, algorithm,
                                          src.desc, desc_of(spatial), window, emitter_.attributes());
  emitter_.emit(
      node.name, "pooling", pd,
      {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst, desc_of(spatial))}});
  return dst;
}

// The zeros are there from the start; each run writes the middle.
Value FrozenLowering::pad(const Node& node, const ZeroPadding2D& op) {
  const auto& src = value_of(node.inputs[0]);
  const auto dst = emitter_.persistent(desc_of(node.shape));
  const auto middle =
      dst.desc.submemory_desc(onednn::dims_of(src.desc), {0, op.channels_before, op.top, op.left});
  emitter_.copy(node.name, emitter_.memory(src), emitter_.memory(dst, middle));
  return dst;
}

Value FrozenLowering::eltwise(const std::string& name, const Value& src, const onednn::Eltwise& eltwise) {
  const auto dst = emitter_.value(src.desc);
  const auto pd = onednn::eltwise_forward(emitter_.engine(), eltwise, src.desc, emitter_.attributes());
  emitter_.emit(name, "eltwise", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
  return dst;
}

Value FrozenLowering::activate(const std::string& name, const Value& src, const Activation& activation) {
  if (activation.kind == Activation::Kind::softmax) {
    const auto dst = emitter_.value(src.desc);
    const int axis =
        onednn::dims_of(src.desc).size() == 4 ? 1 : static_cast<int>(onednn::dims_of(src.desc).size()) - 1;
    const auto pd = onednn::softmax_forward(emitter_.engine(), src.desc, axis, emitter_.attributes());
    emitter_.emit(name, "softmax", pd,
                  {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
    return dst;
  }
  Value value = src;
  for (const auto& step : eltwise_of(activation)) {
    value = eltwise(name, value, step);
  }
  return value;
}

// A vector that is worked out anew when the parameters have changed.
dnnl::memory FrozenLowering::loaded_vector(std::int64_t count,
                                           std::function<std::vector<float>(const Parameters&)> values) {
  auto memory = emitter_.memory(emitter_.persistent(vector_desc(count)));
  result_.loaders.push_back([memory, values = std::move(values)](const Parameters& parameters) {
    std::ranges::copy(values(parameters), static_cast<float*>(memory.get_data_handle()));
  });
  return memory;
}

// As a batch norm with mean 0 and variance 1: the arithmetic of the folded form.
Value FrozenLowering::scale_and_shift(const Node& node) {
  const auto& src = input_of(node);
  const auto dst = emitter_.value(src.desc);
  const auto spatial = spatial_desc(node.shape, batch_, onednn::type_of(src.desc));
  using Flags = dnnl::normalization_flags;
  const auto flags = Flags::use_global_stats | Flags::use_scale | Flags::use_shift;
  const auto pd = onednn::batch_norm_forward(emitter_.engine(), prop_kind::forward_inference, spatial, 0.0F,
                                             flags, emitter_.attributes());
  const auto channels = node.shape.back();
  const auto constant = [&](float value) {
    return loaded_vector(channels, [=](const Parameters&) {
      return std::vector<float>(static_cast<std::size_t>(channels), value);
    });
  };
  const auto scale = [copy = node](const Parameters& p) { return inference_form(copy, p).scale; };
  const auto shift = [copy = node](const Parameters& p) { return inference_form(copy, p).shift; };
  emitter_.emit(node.name, "scale and shift", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src, spatial)},
                 {DNNL_ARG_DST, emitter_.memory(dst, spatial)},
                 {DNNL_ARG_MEAN, constant(0.0F)},
                 {DNNL_ARG_VARIANCE, constant(1.0F)},
                 {DNNL_ARG_SCALE, loaded_vector(channels, scale)},
                 {DNNL_ARG_SHIFT, loaded_vector(channels, shift)}});
  return dst;
}

Value FrozenLowering::normalize_rows(const Node& node, const LayerNormalization& op) {
  const auto& src = input_of(node);
  const auto dst = emitter_.value(src.desc);
  const auto channels = node.shape.back();
  const auto rows = matrix_desc(src.desc, channels);
  const auto pd = onednn::layer_norm_forward(emitter_.engine(), prop_kind::forward_inference, rows,
                                             op.epsilon, emitter_.attributes());
  const auto vector = [&](bool present, const std::string& name, float absent) {
    return loaded_vector(channels, [=](const Parameters& parameters) {
      if (!present) {
        return std::vector<float>(static_cast<std::size_t>(channels), absent);
      }
      const auto values = parameters.at(name).values();
      return std::vector<float>(values.begin(), values.end());
    });
  };
  emitter_.emit(node.name, "layer normalization", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src, rows)},
                 {DNNL_ARG_DST, emitter_.memory(dst, rows)},
                 {DNNL_ARG_SCALE, vector(op.scale, node.name + "/gamma", 1.0F)},
                 {DNNL_ARG_SHIFT, vector(op.center, node.name + "/beta", 0.0F)}});
  return dst;
}

Value FrozenLowering::fold_binary(const Node& node, dnnl::algorithm algorithm) {
  Value sum = value_of(node.inputs[0]);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    const auto& next = value_of(node.inputs[i]);
    const auto dst = emitter_.value(sum.desc);
    Shape other = shape_of(node.inputs[i]);
    if (other.size() == 1 && node.shape.size() == 3) {
      other = {1, 1, other[0]};
    }
    const auto src1 = desc_of(other);
    const auto pd =
        onednn::binary(emitter_.engine(), algorithm, sum.desc, src1, dst.desc, emitter_.attributes());
    emitter_.emit(node.name, "binary", pd,
                  {{DNNL_ARG_SRC_0, emitter_.memory(sum)},
                   {DNNL_ARG_SRC_1, emitter_.memory(next, src1)},
                   {DNNL_ARG_DST, emitter_.memory(dst)}});
    sum = dst;
  }
  return sum;
}

Value FrozenLowering::concatenate(const Node& node) {
  const auto dst = emitter_.value(desc_of(node.shape));
  std::vector<Value> srcs;
  srcs.reserve(node.inputs.size());
  for (const auto input : node.inputs) {
    srcs.push_back(value_of(input));
  }
  emit_concat(emitter_, node.name, srcs, dst);
  return dst;
}

}  // namespace headstart
