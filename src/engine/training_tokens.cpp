// The ops of vision transformers in the training program.
#include "engine/attention.h"
#include "engine/kernels.h"
#include "engine/training_lowering.h"
#include "engine/window_attention.h"

namespace headstart {

Value TrainingLowering::attend(NodeId id, const SelfAttention& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const AttentionShape shape{
      .batch = batch_, .tokens = node.shape[0], .channels = node.shape[1], .heads = op.heads};
  const auto attention = emit_attention(emitter_, node.name, value_of(input), shape);
  on_backward(id, [=, this](const Value& diff) {
    add_gradient(input, emit_attention_backward(emitter_, node_at(id).name, attention, diff).src);
  });
  return attention.result;
}

Value TrainingLowering::attend_windows(NodeId id, const WindowAttention& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const WindowGrid grid(op, node.shape, batch_);
  const std::string name = node.name + "/relative_position_bias_table";
  const auto table = parameter(name, vector_desc(grid.table_size()));
  const auto bias = emit_window_bias(emitter_, node.name, table, grid);
  const auto windows = emit_into_windows(emitter_, node.name, value_of(input), grid);
  const auto attention = emit_attention(emitter_, node.name, windows, grid.attention_shape(), bias);
  on_backward(id, [=, this](const Value& diff) {
    const auto& label = node_at(id).name;
    const auto gradients =
        emit_attention_backward(emitter_, label, attention, emit_into_windows(emitter_, label, diff, grid));
    if (node_at(id).trainable) {
      emit_table_gradient(emitter_, label, gradients.scores, gradient(name, vector_desc(grid.table_size())),
                          grid);
    }
    if (wants_gradient(input)) {
      add_gradient(input, emit_from_windows(emitter_, label, gradients.src, grid));
    }
  });
  return emit_from_windows(emitter_, node.name, attention.result, grid);
}

// `rows` (batch, ...) are the gradients of a parameter that every sample shares.
void TrainingLowering::gradient_of_shared_rows(NodeId id, const char* parameter, const Value& rows) {
  const auto& node = node_at(id);
  const auto f32 = onednn::Desc(onednn::dims_of(rows.desc), DataType::f32, dnnl::memory::format_tag::abc);
  const auto exact = emitter_.value(f32);
  emitter_.copy(node.name, emitter_.memory(rows), emitter_.memory(exact));
  const auto columns = static_cast<std::int64_t>(f32.get_size() / sizeof(float)) / batch_;
  const auto sum = gradient(node.name + parameter, vector_desc(columns));
  const auto from = emitter_.memory(exact);
  const auto to = emitter_.memory(sum);
  emitter_.emit(node.name, "sum over the batch", {.reads = {exact}, .writes = {sum}},
                [from, to, columns, batch = batch_] {
                  sum_rows(static_cast<const float*>(from.get_data_handle()), batch, columns,
                           static_cast<float*>(to.get_data_handle()));
                });
}

// The token is spread over the batch by adding it to zeros.
Value TrainingLowering::prepend_token(NodeId id) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto token =
      parameter(node.name + "/class_token", activation_desc({1, node.shape[1]}, 1, DataType::f32));
  const auto zeros = emitter_.persistent(desc_of({1, node.shape[1]}));
  const auto tokens = binary(node.name, dnnl::algorithm::binary_add, zeros, token, emitter_.attributes());
  on_backward(id, [=, this](const Value& diff) {
    if (node_at(id).trainable) {
      const auto first = diff.desc.submemory_desc(onednn::dims_of(tokens.desc), {0, 0, 0});
      gradient_of_shared_rows(id, "/class_token", {diff.buffer, first});
    }
    if (wants_gradient(input)) {
      const auto diff_src = emitter_.value(src.desc);
      const auto rest = diff.desc.submemory_desc(onednn::dims_of(src.desc), {0, 1, 0});
      emitter_.copy(node_at(id).name, emitter_.memory(diff, rest), emitter_.memory(diff_src));
      add_gradient(input, diff_src);
    }
  });
  return joined(node.name, {tokens, src}, node.shape, 1);
}

Value TrainingLowering::add_position(NodeId id) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto position =
      parameter(node.name + "/position_embedding", activation_desc(node.shape, 1, DataType::f32));
  on_backward(id, [=, this](const Value& diff) {
    if (node_at(id).trainable) {
      gradient_of_shared_rows(id, "/position_embedding", diff);
    }
    add_gradient(input, diff);
  });
  return binary(node.name, dnnl::algorithm::binary_add, value_of(input), position, emitter_.attributes());
}

}  // namespace headstart
