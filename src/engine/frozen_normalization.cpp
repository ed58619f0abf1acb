// Normalising ops of the inference program, and values that follow the parameters.
#include <algorithm>

#include "engine/frozen_lowering.h"
#include "engine/lowering.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;
using Flags = dnnl::normalization_flags;

// A value that is worked out anew when the parameters have changed.
Value FrozenLowering::loaded(const Desc& desc, std::function<std::vector<float>(const Parameters&)> values) {
  auto value = emitter_.weights(desc);
  result_.loaders.push_back(
      [memory = emitter_.memory(value), values = std::move(values)](const Parameters& parameters) {
        std::ranges::copy(values(parameters), static_cast<float*>(memory.get_data_handle()));
      });
  return value;
}

Value FrozenLowering::loaded(const Desc& desc, const std::string& parameter) {
  return loaded(desc, [parameter](const Parameters& parameters) {
    const auto values = parameters.at(parameter).values();
    return std::vector<float>(values.begin(), values.end());
  });
}

Value FrozenLowering::constant(const Desc& desc, float value) {
  auto constant = emitter_.weights(desc);
  std::fill_n(static_cast<float*>(emitter_.memory(constant).get_data_handle()),
              desc.get_size() / sizeof(float), value);
  return constant;
}

FrozenLowering::ScaleAndShift FrozenLowering::affine(const Node& node, bool has_gamma, bool has_beta) {
  const auto vector = vector_desc(node.shape.back());
  return {.scale = has_gamma ? loaded(vector, node.name + "/gamma") : constant(vector, 1.0F),
          .shift = has_beta ? loaded(vector, node.name + "/beta") : constant(vector, 0.0F)};
}

Value FrozenLowering::scale_and_shift(NodeId id) {
  const auto& node = node_at(id);
  const auto vector = vector_desc(node.shape.back());
  const auto scale =
      loaded(vector, [copy = node](const Parameters& p) { return inference_form(copy, p).scale; });
  const auto shift =
      loaded(vector, [copy = node](const Parameters& p) { return inference_form(copy, p).shift; });
  return scale_and_shift(node, input_of(node), {.scale = scale, .shift = shift},
                         row_activation_of(nodes_, row_activations_[static_cast<std::size_t>(id)]));
}

Value FrozenLowering::scale_and_shift(const Node& node, const Value& src, const ScaleAndShift& affine,
                                      const RowActivation& activation) {
  const auto dst = emitter_.value(src.desc);
  emitter_.emit(
      node.name, "scale and shift", {.reads = {src, affine.scale, affine.shift}, .writes = {dst}},
      [channels = node.shape.back(), activation, from = emitter_.memory(src), to = emitter_.memory(dst),
       scale = emitter_.memory(affine.scale), shift = emitter_.memory(affine.shift)] {
        scale_and_activate(rows_of(from, channels), floats(scale), floats(shift), activation,
                           rows_of(to, channels));
      });
  return dst;
}

Value FrozenLowering::normalize_rows(const Node& node, const LayerNormalization& op) {
  const auto& src = input_of(node);
  const auto dst = emitter_.value(src.desc);
  const auto rows = matrix_desc(src.desc, node.shape.back());
  const auto pd =
      onednn::layer_norm_forward(emitter_.engine(), prop_kind::forward_inference, rows, op.epsilon,
                                 Flags::use_scale | Flags::use_shift, emitter_.attributes());
  const auto terms = affine(node, op.scale, op.center);
  emitter_.emit(node.name, "layer normalization", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src, rows)},
                 {DNNL_ARG_DST, emitter_.memory(dst, rows)},
                 {DNNL_ARG_SCALE, emitter_.memory(terms.scale)},
                 {DNNL_ARG_SHIFT, emitter_.memory(terms.shift)}});
  return dst;
}

// Groups in one piece are rows of a layer norm.
Value FrozenLowering::normalize_groups(const Node& node, const GroupNormalization& op) {
  const auto& src = input_of(node);
  const auto descs = group_descs(node.shape, batch_, op.groups, type_);
  const auto rows = matrix_desc(descs.grouped, element_count(node.shape) / op.groups);
  const auto grouped = emitter_.value(descs.grouped);
  emitter_.copy(node.name, emitter_.memory(src, descs.plain), emitter_.memory(grouped));
  const auto unit = emitter_.value(descs.grouped);
  const auto pd = onednn::layer_norm_forward(emitter_.engine(), prop_kind::forward_inference, rows,
                                             op.epsilon, Flags::none, emitter_.attributes());
  emitter_.emit(
      node.name, "layer normalization", pd,
      {{DNNL_ARG_SRC, emitter_.memory(grouped, rows)}, {DNNL_ARG_DST, emitter_.memory(unit, rows)}});
  const auto plain = emitter_.value(src.desc);
  emitter_.copy(node.name, emitter_.memory(unit), emitter_.memory(plain, descs.plain));
  return scale_and_shift(node, plain, affine(node, op.scale, op.center), {});
}

Value FrozenLowering::normalize_locally(const Node& node, const LocalResponseNormalization& op) {
  const auto& src = input_of(node);
  const auto dst = emitter_.value(src.desc);
  const auto pd = onednn::lrn_forward(emitter_.engine(), prop_kind::forward_inference, src.desc, lrn_of(op),
                                      emitter_.attributes());
  emitter_.emit(node.name, "local response normalization", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
  return dst;
}

}  // namespace headstart
