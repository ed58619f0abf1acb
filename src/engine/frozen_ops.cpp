// Pooling, elementwise and joining ops of the inference program.
#include <variant>

#include "engine/attention.h"
#include "engine/frozen_lowering.h"
#include "engine/int8_values.h"
#include "engine/lowering.h"
#include "engine/pooling.h"
#include "engine/window_attention.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;

Value FrozenLowering::pool(NodeId id, dnnl::algorithm algorithm, const onednn::Window& window) {
  const auto& node = node_at(id);
  const auto& src = passed_input(id);
  const auto dst = new_value(id);
  const auto channels = node.shape.back();
  const Shape spatial = node.shape.size() == 3 ? node.shape : Shape{1, 1, channels};
  const auto type = onednn::type_of(dst.desc);
  const auto spatial_desc = activation_desc(spatial, batch_, type);
  if (const auto shape = sliding_shape(src.desc, spatial_desc, window);
      algorithm == dnnl::algorithm::pooling_max && has_fast_max_pooling(shape, type)) {
    emitter_.emit(
        node.name, "pooling", {.reads = {src}, .writes = {dst}},
        [shape, bf16 = type == DataType::bf16, from = emitter_.memory(src), to = emitter_.memory(dst)] {
          max_pooling(shape, bf16, from.get_data_handle(), to.get_data_handle(), nullptr);
        });
    return dst;
  }
  if (emit_average_pooling(emitter_, {node.name, "pooling", algorithm, window}, src,
                           {.buffer = dst.buffer, .desc = spatial_desc})) {
    return dst;
  }
  const auto pd = onednn::pooling_forward(emitter_.engine(), prop_kind::forward_inference, algorithm,
                                          src.desc, spatial_desc, window, emitter_.attributes());
  emitter_.emit(node.name, "pooling", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst, spatial_desc)}});
  return dst;
}

// The zeros are there from the start; each run writes the middle.
Value FrozenLowering::pad(NodeId id, const ZeroPadding2D& op) {
  const auto& node = node_at(id);
  const auto& src = passed_input(id);
  auto dst = emitter_.persistent(activation_desc(node.shape, batch_, onednn::type_of(src.desc)));
  dst.scale = src.scale;
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

Value FrozenLowering::upsample(const Node& node, const UpSampling2D& op) {
  const auto& src = input_of(node);
  const auto dst = emitter_.value(desc_of(node.shape));
  const auto pd = onednn::resampling_forward(emitter_.engine(), interpolation_of(op), src.desc, dst.desc,
                                             emitter_.attributes());
  emitter_.emit(node.name, "resampling", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
  return dst;
}

Value FrozenLowering::attend(const Node& node, const SelfAttention& op) {
  const AttentionShape shape{
      .batch = batch_, .tokens = node.shape[0], .channels = node.shape[1], .heads = op.heads};
  return emit_attention(emitter_, node.name, input_of(node), shape).result;
}

Value FrozenLowering::attend_windows(const Node& node, const WindowAttention& op) {
  const WindowGrid grid(op, node.shape, batch_);
  const auto bias = loaded(grid.bias_desc(),
                           [grid, name = node.name + "/relative_position_bias_table"](const Parameters& p) {
                             std::vector<float> values(static_cast<std::size_t>(grid.bias_size()));
                             grid.fill_bias(p.at(name).data(), values.data());
                             return values;
                           });
  const auto windows = emit_into_windows(emitter_, node.name, input_of(node), grid);
  const auto attention = emit_attention(emitter_, node.name, windows, grid.attention_shape(), bias);
  return emit_from_windows(emitter_, node.name, attention.result, grid);
}

// The token is spread over the batch by adding it to zeros.
Value FrozenLowering::prepend_token(const Node& node) {
  const auto token =
      loaded(activation_desc({1, node.shape[1]}, 1, DataType::f32), node.name + "/class_token");
  const auto zeros = constant(desc_of({1, node.shape[1]}), 0.0F);
  const auto tokens = binary(node.name, dnnl::algorithm::binary_add, zeros, token);
  return concatenate(node, {tokens, input_of(node)}, emitter_.value(desc_of(node.shape)), 1);
}

Value FrozenLowering::add_position(const Node& node) {
  const auto position =
      loaded(activation_desc(node.shape, 1, DataType::f32), node.name + "/position_embedding");
  return binary(node.name, dnnl::algorithm::binary_add, input_of(node), position);
}

// Part of the input as a value of its own.
Value FrozenLowering::copied(const Node& node, const Desc& from, const Desc& to) {
  const auto dst = emitter_.value(desc_of(node.shape));
  emitter_.copy(node.name, emitter_.memory(input_of(node), from), emitter_.memory(dst, to));
  return dst;
}

Value FrozenLowering::shuffle(const Node& node, const ChannelShuffle& op) {
  const auto descs = shuffle_descs(input_of(node).desc, node.shape.back(), op.groups);
  return copied(node, descs.plain, descs.shuffled);
}

Value FrozenLowering::binary(const std::string& name, dnnl::algorithm algorithm, const Value& a,
                             const Value& b) {
  const auto dst = emitter_.value(a.desc);
  const auto pd =
      onednn::binary(emitter_.engine(), algorithm, a.desc, b.desc, dst.desc, emitter_.attributes());
  emitter_.emit(name, "binary", pd,
                {{DNNL_ARG_SRC_0, emitter_.memory(a)},
                 {DNNL_ARG_SRC_1, emitter_.memory(b)},
                 {DNNL_ARG_DST, emitter_.memory(dst)}});
  return dst;
}

Value FrozenLowering::fold_binary(const Node& node, dnnl::algorithm algorithm) {
  Value sum = input_of(node);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    Shape other = shape_of(node.inputs[i]);
    if (other.size() == 1 && node.shape.size() == 3) {
      other = {1, 1, other[0]};
    }
    sum = binary(node.name, algorithm, sum, view(value_of(node.inputs[i]), other));
  }
  return sum;
}

Value FrozenLowering::multiply(NodeId id) {
  return int8_.stored[static_cast<std::size_t>(id)] ? gate(id)
                                                    : fold_binary(node_at(id), dnnl::algorithm::binary_mul);
}

// The channels' gates of squeeze-and-excitation, on the way to int8.
Value FrozenLowering::gate(NodeId id) {
  const auto& node = node_at(id);
  const auto &src = input_of(node), &gates = value_of(node.inputs[1]);
  const auto dst = new_value(id);
  const auto layout = byte_layout(dst, onednn::type_of(src.desc));
  emitter_.emit(node.name, "gate", {.reads = {src, gates}, .writes = {dst}},
                [layout, images = batch_, rows = node.shape[0] * node.shape[1], channels = node.shape[2],
                 from = emitter_.memory(src), by = emitter_.memory(gates), to = emitter_.memory(dst)] {
                  gated_to_bytes({.data = from.get_data_handle(),
                                  .gates = by.get_data_handle(),
                                  .images = images,
                                  .rows = rows,
                                  .channels = channels},
                                 layout, to.get_data_handle());
                });
  return dst;
}

Value FrozenLowering::concatenate(const Node& node, const std::vector<Value>& srcs, const Value& dst,
                                  int axis) {
  emit_concat(emitter_, node.name, srcs, dst, axis);
  return dst;
}

}  // namespace headstart
