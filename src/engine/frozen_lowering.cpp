#include "engine/frozen_lowering.h"

#include <variant>

#include "engine/int8_values.h"
#include "engine/lowering.h"
#include "graph/ancestors.h"
#include "graph/overloaded.h"
#include "headstart/error.h"

namespace headstart {

using onednn::Desc;

FrozenLowering::FrozenLowering(Emitter& emitter, const Graph& graph, const Parameters& parameters,
                               const std::vector<NodeId>& outputs, const FrozenProgram::Options& options,
                               RangeObserver* observer)
    : emitter_(emitter),
      parameters_(parameters),
      ranges_(options.ranges),
      observer_(observer),
      nodes_(options.logits ? nodes_ending_in_logits(graph) : graph.nodes()),
      outputs_(outputs),
      sources_(options.sources.empty() ? std::vector<NodeId>{0} : options.sources),
      batch_(options.batch),
      type_(options.precision == Precision::bf16 ? DataType::bf16 : DataType::f32),
      needed_(ancestors(nodes_, outputs_, sources_)),
      done_(nodes_.size(), false),
      values_(nodes_.size()),
      as_float_(nodes_.size()),
      as_int8_(nodes_.size()) {
  for (const auto source : sources_) {
    is_source_.resize(nodes_.size(), false);
    is_source_[static_cast<std::size_t>(source)] = true;
  }
  std::vector<bool> computed = needed_;  // sources are given, not computed
  for (const auto source : sources_) {
    computed[static_cast<std::size_t>(source)] = false;
  }
  consumers_ = consumers_of(nodes_, computed);
  if (options.logits && output_activation(graph) != OutputActivation::none &&
      !consumers_[static_cast<std::size_t>(graph.output())].empty()) {
    throw Error("[engine] expected logits of an output that no other node reads; received one that " +
                node_at(consumers_[static_cast<std::size_t>(graph.output())].front()).name +
                " reads; ask for probabilities");
  }
  must_exist_ = is_source_;
  for (const auto output : outputs_) {
    must_exist_[static_cast<std::size_t>(output)] = true;
  }
  fusion_ = fuse(nodes_, consumers_, computed, must_exist_);
  padding_ = absorbable_padding(nodes_, consumers_, must_exist_);
  row_activations_ = absorbable_activations(nodes_, consumers_, must_exist_);
  for (const auto& pad : padding_) {
    if (pad) {
      fusion_.absorbed[static_cast<std::size_t>(*pad)] = true;
    }
  }
  int8_ = plan_int8({nodes_, consumers_, must_exist_, fusion_}, ranges_,
                    [this](const FusedLayer& layer) { return tiles_beat_int8(layer); });
}

LoweredInference FrozenLowering::lower() {
  lower_sources();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (needed_[i] && !is_source_[i] && !fusion_.absorbed[i]) {
      values_[i] = lower_node(static_cast<NodeId>(i));
      observe(nodes_[i].name, values_[i]);
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

// Room for the result of a layer that can store what it likes. A value that nothing in the program reads but
// the caller is f32 at once.
Value FrozenLowering::result_value(NodeId id) {
  const auto i = static_cast<std::size_t>(id);
  return must_exist_[i] && consumers_[i].empty()
             ? emitter_.value(activation_desc(nodes_[i].shape, batch_, DataType::f32))
             : new_value(id);
}

// Room for a node's value, as int8 where it is stored so.
Value FrozenLowering::new_value(NodeId id) {
  const auto i = static_cast<std::size_t>(id);
  if (!int8_.stored[i]) {
    return emitter_.value(desc_of(nodes_[i].shape));
  }
  auto value = emitter_.value(activation_desc(nodes_[i].shape, batch_, int8_.forms[i]->type));
  value.scale = int8_.forms[i]->scale;
  return value;
}

const Value& FrozenLowering::value_of(NodeId id) {
  const auto i = static_cast<std::size_t>(id);
  if (!is_int8(values_[i])) {
    return values_[i];
  }
  if (!as_float_[i]) {
    as_float_[i] = emitter_.value(desc_of(nodes_[i].shape));
    convert(nodes_[i].name, values_[i], *as_float_[i]);
  }
  return *as_float_[i];
}

const Value& FrozenLowering::int8_of(NodeId id) {
  const auto i = static_cast<std::size_t>(id);
  if (is_int8(values_[i])) {
    return values_[i];
  }
  if (!as_int8_[i]) {
    const auto& form = int8_.forms[i].value();
    as_int8_[i] = emitter_.value(activation_desc(nodes_[i].shape, batch_, form.type));
    as_int8_[i]->scale = form.scale;
    convert(nodes_[i].name, values_[i], *as_int8_[i]);
  }
  return *as_int8_[i];
}

const Value& FrozenLowering::passed_input(NodeId id, std::size_t input) {
  const auto from = node_at(id).inputs[input];
  return int8_.stored[static_cast<std::size_t>(id)] ? int8_of(from) : value_of(from);
}

ByteLayout FrozenLowering::byte_layout(const Value& bytes, DataType other) {
  return {.scale = bytes.scale,
          .has_sign = onednn::type_of(bytes.desc) == DataType::s8,
          .bf16 = other == DataType::bf16};
}

// Floating-point values as int8, or int8 as such.
void FrozenLowering::convert(const std::string& name, const Value& from, const Value& to) {
  const bool quantizes = is_int8(to);
  const auto& bytes = quantizes ? to : from;
  const auto layout = byte_layout(bytes, onednn::type_of((quantizes ? from : to).desc));
  emitter_.emit(name, quantizes ? "quantization" : "dequantization", {.reads = {from}, .writes = {to}},
                [from = emitter_.memory(from), to = emitter_.memory(to), layout, quantizes,
                 count = static_cast<std::int64_t>(bytes.desc.get_size())] {
                  (quantizes ? values_to_bytes : bytes_to_values)(from.get_data_handle(), count, layout,
                                                                  to.get_data_handle());
                });
}

void FrozenLowering::observe(const std::string& name, const Value& value) {
  if (observer_ != nullptr && onednn::type_of(value.desc) == DataType::f32) {
    emitter_.emit(name, "observation", {.reads = {value}},
                  [counts = &(*observer_)[name], memory = emitter_.memory(value),
                   count = value.desc.get_size() / sizeof(float)] { counts->add(floats(memory), count); });
  }
}

void FrozenLowering::lower_sources() {
  for (const auto source : sources_) {
    const auto& node = node_at(source);
    const auto external = emitter_.external(activation_desc(node.shape, batch_, DataType::f32));
    result_.sources.push_back(external);
    const auto i = static_cast<std::size_t>(source);
    if (int8_.stored[i]) {
      values_[i] = new_value(source);
      convert(node.name, external, values_[i]);
    } else {
      values_[i] = emitter_.reorder(node.name, external, desc_of(node.shape));
    }
    observe(node.name, values_[i]);
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
                id, A::pooling_max,
                pooling_window(op.pool, op.strides, op.padding, shape_of(node.inputs[0]), node.shape));
          },
          [&](const AveragePooling2D& op) {
            return pool(
                id, op.count_padding ? A::pooling_avg_include_padding : A::pooling_avg_exclude_padding,
                pooling_window(op.pool, op.strides, op.padding, shape_of(node.inputs[0]), node.shape));
          },
          [&](const GlobalAveragePooling2D&) {
            return pool(id, A::pooling_avg_exclude_padding, global_window(shape_of(node.inputs[0])));
          },
          [&](const GlobalMaxPooling2D&) {
            return pool(id, A::pooling_max, global_window(shape_of(node.inputs[0])));
          },
          [&](const ZeroPadding2D& op) { return pad(id, op); },
          [&](const ActivationLayer& op) {
            return row_activations_[static_cast<std::size_t>(node.inputs[0])] == id
                       ? input_of(node)
                       : activate(node.name, input_of(node), op.activation);
          },
          [&](const OneOf<BatchNormalization, Scale, Normalization> auto&) { return scale_and_shift(id); },
          [&](const LayerNormalization& op) { return normalize_rows(node, op); },
          [&](const GroupNormalization& op) { return normalize_groups(node, op); },
          [&](const LocalResponseNormalization& op) { return normalize_locally(node, op); },
          [&](const UpSampling2D& op) { return upsample(node, op); },
          [&](const SelfAttention& op) { return attend(node, op); },
          [&](const WindowAttention& op) { return attend_windows(node, op); },
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
          [&](const Multiply&) { return multiply(id); },
          [&](const Concatenate&) {
            std::vector<Value> srcs;
            for (std::size_t input = 0; input < node.inputs.size(); ++input) {
              srcs.push_back(passed_input(id, input));
            }
            return concatenate(node, srcs, new_value(id), channel_axis(node.shape));
          },
          [&](const OneOf<Flatten, Reshape> auto&) { return view(passed_input(id), node.shape); },
          [&](const Dropout&) { return passed_input(id); },
          [&](const Rescaling& op) {
            return op.scale.size() == 1 && op.offset.size() == 1 && !row_activations_[i]
                       ? eltwise(node.name, input_of(node), {A::eltwise_linear, op.scale[0], op.offset[0]})
                       : scale_and_shift(id);
          }},
      node.op);
}

Value FrozenLowering::view(const Value& value, const Shape& shape) const {
  return {value.buffer, activation_desc(shape, batch_, onednn::type_of(value.desc)), value.scale};
}

}  // namespace headstart
