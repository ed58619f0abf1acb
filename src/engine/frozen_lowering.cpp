#include "engine/frozen_lowering.h"

#include <variant>

#include "engine/lowering.h"
#include "graph/ancestors.h"
#include "graph/overloaded.h"

namespace headstart {

using onednn::Desc;

FrozenLowering::FrozenLowering(Emitter& emitter, const Graph& graph, const std::vector<NodeId>& outputs,
                               const FrozenProgram::Options& options)
    : emitter_(emitter),
      nodes_(options.logits ? nodes_ending_in_logits(graph) : graph.nodes()),
      outputs_(outputs),
      sources_(options.sources.empty() ? std::vector<NodeId>{0} : options.sources),
      batch_(options.batch),
      type_(options.precision == Precision::bf16 ? DataType::bf16 : DataType::f32),
      needed_(ancestors(nodes_, outputs_, sources_)),
      done_(nodes_.size(), false),
      values_(nodes_.size()) {
  for (const auto source : sources_) {
    is_source_.resize(nodes_.size(), false);
    is_source_[static_cast<std::size_t>(source)] = true;
  }
  std::vector<bool> computed = needed_;  // sources are given, not computed
  for (const auto source : sources_) {
    computed[static_cast<std::size_t>(source)] = false;
  }
  consumers_ = consumers_of(nodes_, computed);
  must_exist_ = is_source_;
  for (const auto output : outputs_) {
    must_exist_[static_cast<std::size_t>(output)] = true;
  }
  fusion_ = fuse(nodes_, consumers_, computed, must_exist_);
  padding_ = absorbable_padding(nodes_, consumers_, must_exist_);
  clips_ = absorbable_clips(nodes_, consumers_, must_exist_);
  for (const auto& pad : padding_) {
    if (pad) {
      fusion_.absorbed[static_cast<std::size_t>(*pad)] = true;
    }
  }
}

LoweredInference FrozenLowering::lower() {
  lower_sources();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (needed_[i] && !is_source_[i] && !fusion_.absorbed[i]) {
      values_[i] = lower_node(static_cast<NodeId>(i));
      mark_done(static_cast<NodeId>(i));
    }
  }
  for (const auto output : outputs_) {
    const auto& node = node_at(output);
    const auto external = emitter_.external(activation_desc(node.shape, batch_, DataType::f32));
    emitter_.copy(node.name, emitter_.memory(value_of(output)), emitter_.memory(external));
    result_.outputs.push_back(external);
  }
  return std::move(result_);
}

void FrozenLowering::mark_done(NodeId id) {
  const auto done = [&](NodeId node) { done_[static_cast<std::size_t>(node)] = true; };
  done(id);
  if (const auto& layer = fusion_.layer_at[static_cast<std::size_t>(id)]) {
    done(layer->base);
    if (const auto pad = padding_[static_cast<std::size_t>(layer->base)]) {
      done(*pad);
    }
    if (layer->affine) {
      done(*layer->affine);
    }
    for (const auto& follow_up : layer->follow_ups) {
      done(follow_up.node);
    }
  }
}

// A value that nothing in the program reads but the caller is f32 at once.
Desc FrozenLowering::result_desc(NodeId id) const {
  const auto i = static_cast<std::size_t>(id);
  return activation_desc(nodes_[i].shape, batch_,
                         must_exist_[i] && consumers_[i].empty() ? DataType::f32 : type_);
}

void FrozenLowering::lower_sources() {
  for (const auto source : sources_) {
    const auto& node = node_at(source);
    const auto external = emitter_.external(activation_desc(node.shape, batch_, DataType::f32));
    result_.sources.push_back(external);
    values_[static_cast<std::size_t>(source)] = emitter_.reorder(node.name, external, desc_of(node.shape));
  }
}

Value FrozenLowering::lower_node(NodeId id) {
  const auto i = static_cast<std::size_t>(id);
  if (fusion_.layer_at[i]) {
    return lower_layer(*fusion_.layer_at[i]);
  }
  const auto& node = nodes_[i];
  using A = dnnl::algorithm;
  return std::visit(
      Overloaded{
          [](const OneOf<Input, Conv2D, DepthwiseConv2D, SeparableConv2D, Dense> auto&) -> Value {
            throw std::logic_error("sources and layers with weights are lowered elsewhere");
          },
          [&](const Conv2DTranspose& op) { return transposed(node, op); },
          [&](const MaxPooling2D& op) {
            return pool(
                node, A::pooling_max,
                pooling_window(op.pool, op.strides, op.padding, shape_of(node.inputs[0]), node.shape));
          },
          [&](const AveragePooling2D& op) {
            return pool(
                node, op.count_padding ? A::pooling_avg_include_padding : A::pooling_avg_exclude_padding,
                pooling_window(op.pool, op.strides, op.padding, shape_of(node.inputs[0]), node.shape));
          },
          [&](const GlobalAveragePooling2D&) {
            return pool(node, A::pooling_avg_exclude_padding, global_window(shape_of(node.inputs[0])));
          },
          [&](const GlobalMaxPooling2D&) {
            return pool(node, A::pooling_max, global_window(shape_of(node.inputs[0])));
          },
          [&](const ZeroPadding2D& op) { return pad(node, op); },
          [&](const ActivationLayer& op) {
            return clips_[static_cast<std::size_t>(node.inputs[0])] == id
                       ? input_of(node)
                       : activate(node.name, input_of(node), op.activation);
          },
          [&](const OneOf<BatchNormalization, Scale, Normalization> auto&) { return scale_and_shift(id); },
          [&](const LayerNormalization& op) { return normalize_rows(node, op); },
          [&](const GroupNormalization& op) { return normalize_groups(node, op); },
          [&](const LocalResponseNormalization& op) { return normalize_locally(node, op); },
          [&](const UpSampling2D& op) { return upsample(node, op); },
          [&](const SelfAttention& op) { return attend(node, op); },
          [&](const ClassToken&) { return prepend_token(node); },
          [&](const PositionEmbedding&) { return add_position(node); },
          [&](const Cropping2D& op) {
            const auto dst = desc_of(node.shape);
            return copied(node, image_of(input_of(node).desc, op.top, op.left, dst), dst);
          },
          [&](const ChannelShuffle& op) { return shuffle(node, op); },
          [&](const ChannelSlice& op) {
            const auto dst = desc_of(node.shape);
            return copied(node, channels_of(input_of(node).desc, op.begin, dst), dst);
          },
          [&](const Add&) { return fold_binary(node, A::binary_add); },
          [&](const Multiply&) { return fold_binary(node, A::binary_mul); },
          [&](const Concatenate&) {
            std::vector<Value> srcs;
            for (const auto input : node.inputs) {
              srcs.push_back(value_of(input));
            }
            return concatenate(node, srcs, channel_axis(node.shape));
          },
          [&](const OneOf<Flatten, Reshape> auto&) { return view(input_of(node), node.shape); },
          [&](const Dropout&) { return input_of(node); },
          [&](const Rescaling& op) {
            return op.scale.size() == 1 && op.offset.size() == 1 && !clips_[i]
                       ? eltwise(node.name, input_of(node), {A::eltwise_linear, op.scale[0], op.offset[0]})
                       : scale_and_shift(id);
          }},
      node.op);
}

Value FrozenLowering::view(const Value& value, const Shape& shape) const {
  return {value.buffer, activation_desc(shape, batch_, onednn::type_of(value.desc))};
}

}  // namespace headstart
