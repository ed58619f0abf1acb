#include "engine/training_lowering.h"

#include <variant>

#include "engine/program_checks.h"
#include "graph/ancestors.h"
#include "graph/overloaded.h"
#include "headstart/error.h"

namespace headstart {

using onednn::Desc;

TrainingLowering::TrainingLowering(Emitter& emitter, const Graph& graph, const TrainingState& state,
                                   const TrainingProgram::Options& options)
    : emitter_(emitter),
      graph_(graph),
      state_(state),
      options_(options),
      nodes_(nodes_ending_in_logits(graph)),
      partition_(partition(graph, options.batch_norm, options.watch)),
      batch_(checked_batch(options.batch)),
      type_(options.precision == Precision::bf16 ? DataType::bf16 : DataType::f32),
      needed_(ancestors(nodes_, {graph.output()})),
      values_(nodes_.size()),
      backward_(nodes_.size()),
      diffs_(nodes_.size()) {
  if (partition_.frozen[static_cast<std::size_t>(graph.output())]) {
    throw Error("[engine] there is nothing to train; every layer of " + graph.name() +
                " is frozen; unfreeze some");
  }
  find_watched();
  std::vector<bool> computed(nodes_.size());
  std::vector<bool> must_exist(nodes_.size(), false);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    computed[i] = in_program(i);
    must_exist[i] = partition_.frozen[i] || is_watched(i);
  }
  const auto consumers = consumers_of(nodes_, computed);
  padding_ = absorbable_padding(nodes_, consumers, must_exist);
  row_activations_ = absorbable_activations(nodes_, consumers, must_exist);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto* norm = std::get_if<BatchNormalization>(&nodes_[i].op);
    if (norm != nullptr && norm->renorm) {
      row_activations_[i].reset();  // made of two passes
    }
  }
  find_sum_activations(consumers, must_exist);
  inner_activations_.resize(nodes_.size());
  only_readers_.resize(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (consumers[i].size() == 1 && !must_exist[i]) {
      only_readers_[i] = consumers[i].front();
    }
  }
  find_normalized_sums();
  absorbed_.assign(nodes_.size(), false);
  for (const auto& pad : padding_) {
    if (pad) {
      absorbed_[static_cast<std::size_t>(*pad)] = true;
    }
  }
  find_gradients_needed();
}

void TrainingLowering::find_sum_activations(const std::vector<std::vector<NodeId>>& consumers,
                                            const std::vector<bool>& must_exist) {
  sum_activations_.assign(nodes_.size(), std::nullopt);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (std::holds_alternative<Add>(nodes_[i].op) && !must_exist[i] && consumers[i].size() == 1) {
      const NodeId next = consumers[i].front();
      const auto* layer = std::get_if<ActivationLayer>(&node_at(next).op);
      if (layer != nullptr && eltwise_by_result(layer->activation)) {
        sum_activations_[i] = next;
      }
    }
  }
}

// Sums of two values, one of them a batch norm's that nothing else reads, with a clip behind them or nothing.
void TrainingLowering::find_normalized_sums() {
  summed_norms_.resize(nodes_.size());
  waiting_norms_.resize(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto& inputs = nodes_[i].inputs;
    const auto activation = row_activation_of(nodes_, sum_activations_[i]);
    if (!in_program(i) || !std::holds_alternative<Add>(nodes_[i].op) || inputs.size() != 2 ||
        inputs[0] == inputs[1] || activation.kind != RowActivation::Kind::clip) {
      continue;
    }
    for (const auto input : {std::min(inputs[0], inputs[1]), std::max(inputs[0], inputs[1])}) {
      const auto at = static_cast<std::size_t>(input);
      const auto* norm = std::get_if<BatchNormalization>(&nodes_[at].op);
      if (norm != nullptr && !norm->renorm && in_program(at) && only_readers_[at] == static_cast<NodeId>(i)) {
        summed_norms_[i] = input;
      }
    }
  }
}

void TrainingLowering::find_watched() {
  watch_of_.assign(nodes_.size(), std::nullopt);
  for (const auto id : options_.watch) {
    const auto i = static_cast<std::size_t>(id);
    if (!needed_[i]) {
      throw Error("[engine] expected to watch a layer that the output depends on; received " +
                  nodes_[i].name);
    }
    if (!is_watched(i)) {
      const auto desc = activation_desc(nodes_[i].shape, batch_, DataType::f32);
      watch_of_[i] = watched_.size();
      watched_.push_back({.id = id, .value = emitter_.external(desc), .gradient = emitter_.external(desc)});
    }
  }
}

void TrainingLowering::find_gradients_needed() {
  needs_gradient_.assign(nodes_.size(), false);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    bool needs = is_watched(i);
    if (!in_program(i)) {
      needs_gradient_[i] = needs;
      continue;
    }
    if (nodes_[i].trainable) {
      for (const auto& spec : parameter_specs(graph_, static_cast<NodeId>(i))) {
        needs = needs || spec.trainable;
      }
    }
    for (const auto input : nodes_[i].inputs) {
      needs = needs || wants_gradient(input);
    }
    needs_gradient_[i] = needs;
  }
}

Value TrainingLowering::parameter(const std::string& name, const Desc& desc) {
  parameters_.push_back({name, emitter_.external(desc)});
  return parameters_.back().value;
}

Value TrainingLowering::gradient(const std::string& name, const Desc& desc) {
  gradients_.push_back({name, emitter_.external(desc)});
  return gradients_.back().value;
}

Value TrainingLowering::view(const Value& value, const Shape& shape) const {
  return {value.buffer, activation_desc(shape, batch_, onednn::type_of(value.desc))};
}

// Gradients are never changed in place, so one value may be the gradient of several nodes.
void TrainingLowering::add_gradient(NodeId id, const Value& diff) {
  if (!wants_gradient(id)) {
    return;
  }
  auto& sum = diffs_[static_cast<std::size_t>(id)];
  sum = sum ? binary(node_at(id).name, dnnl::algorithm::binary_add, *sum, diff, emitter_.attributes()) : diff;
}

void TrainingLowering::offer_activation(NodeId id, const Activation& activation) {
  const auto i = static_cast<std::size_t>(id);
  const auto by_result = eltwise_by_result(activation);
  if (by_result && only_readers_[i]) {
    inner_activations_[i] = {.activation = activation, .by_result = *by_result};
  }
}

// Null where there is none.
TrainingLowering::InnerActivation* TrainingLowering::offered_activation(NodeId id) {
  auto* found = id < 0 ? nullptr : &inner_activations_[static_cast<std::size_t>(id)];
  return found != nullptr && found->has_value() ? &**found : nullptr;
}

bool TrainingLowering::is_activation_done(NodeId id) {
  const auto* offered = offered_activation(id);
  return offered != nullptr && offered->is_done;
}

void TrainingLowering::keep_value(std::size_t i) {
  if (is_watched(i)) {
    emitter_.copy(nodes_[i].name, emitter_.memory(values_[i]),
                  emitter_.memory(watched_[*watch_of_[i]].value));
  }
}

void TrainingLowering::keep_gradient(std::size_t i) {
  if (is_watched(i)) {
    emitter_.copy(nodes_[i].name, emitter_.memory(*diffs_[i]),
                  emitter_.memory(watched_[*watch_of_[i]].gradient));
  }
}

void TrainingLowering::lower_forward() {
  for (const auto id : partition_.boundary) {
    const auto& node = node_at(id);
    const auto external = emitter_.external(activation_desc(node.shape, batch_, DataType::f32));
    boundary_values_.push_back(external);
    values_[static_cast<std::size_t>(id)] = emitter_.reorder(node.name, external, desc_of(node.shape));
    keep_value(static_cast<std::size_t>(id));
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (in_program(i) && !absorbed_[i]) {
      values_[i] = lower_node(static_cast<NodeId>(i));
      keep_value(i);
    }
  }
  const auto output = graph_.output();
  logits_ = emitter_.external(activation_desc(shape_of(output), batch_, DataType::f32));
  emitter_.copy(node_at(output).name, emitter_.memory(value_of(output)), emitter_.memory(logits_));
}

void TrainingLowering::lower_backward() {
  const auto output = graph_.output();
  diff_logits_ = emitter_.external(activation_desc(shape_of(output), batch_, DataType::f32));
  add_gradient(output, emitter_.reorder(node_at(output).name, diff_logits_, desc_of(shape_of(output))));
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    if (!needs_gradient_[i] || !diffs_[i]) {
      continue;
    }
    keep_gradient(i);
    if (backward_[i]) {
      backward_[i](*diffs_[i]);
    }
  }
}

Value TrainingLowering::lower_node(NodeId id) {
  const auto& node = node_at(id);
  const auto& input = shape_of(node.inputs[0]);
  using A = dnnl::algorithm;
  return std::visit(
      Overloaded{[](const Input&) -> Value { throw std::logic_error("the input is never trainable"); },
                 [&](const Conv2D& op) {
                   return convolution(id, geometry_of(op, input.back()), op.use_bias, op.activation,
                                      op.weight_normalization);
                 },
                 [&](const DepthwiseConv2D& op) {
                   return convolution(id, geometry_of(op, input.back()), op.use_bias, op.activation, false);
                 },
                 [&](const Conv2DTranspose& op) { return transposed(id, op); },
                 [&](const SeparableConv2D& op) { return separable(id, op); },
                 [&](const Dense& op) { return dense(id, op); },
                 [&](const MaxPooling2D& op) {
                   return pool(id, A::pooling_max,
                               pooling_window(op.pool, op.strides, op.padding, input, node.shape));
                 },
                 [&](const AveragePooling2D& op) {
                   return pool(
                       id, op.count_padding ? A::pooling_avg_include_padding : A::pooling_avg_exclude_padding,
                       pooling_window(op.pool, op.strides, op.padding, input, node.shape));
                 },
                 [&](const GlobalAveragePooling2D&) { return average_image(id); },
                 [&](const GlobalMaxPooling2D&) { return pool(id, A::pooling_max, global_window(input)); },
                 [&](const ZeroPadding2D& op) { return pad(id, op); },
                 [&](const ActivationLayer& op) {
                   const auto before = static_cast<std::size_t>(node.inputs[0]);
                   return row_activations_[before] == id || sum_activations_[before] == id
                              ? same(id)
                              : activate(id, op.activation);
                 },
                 [&](const BatchNormalization& op) { return normalize(id, op); },
                 [&](const LayerNormalization& op) { return normalize_rows(id, op); },
                 [&](const Scale&) { return scale(id); },
                 [&](const Normalization&) { return standardize(id); },
                 [&](const GroupNormalization& op) { return normalize_groups(id, op); },
                 [&](const LocalResponseNormalization& op) { return normalize_locally(id, op); },
                 [&](const UpSampling2D& op) { return upsample(id, op); },
                 [&](const SelfAttention& op) { return attend(id, op); },
                 [&](const WindowAttention& op) { return attend_windows(id, op); },
                 [&](const ClassToken&) { return prepend_token(id); },
                 [&](const PositionEmbedding&) { return add_position(id); },
                 [&](const Cropping2D& op) {
                   return part(id, image_of(desc_of(input), op.top, op.left, desc_of(node.shape)));
                 },
                 [&](const ChannelShuffle& op) { return shuffle(id, op); },
                 [&](const ChannelSlice& op) {
                   return part(id, channels_of(desc_of(input), op.begin, desc_of(node.shape)));
                 },
                 [&](const Add&) { return add(id); },
                 [&](const Multiply&) { return multiply(id); },
                 [&](const Concatenate&) { return concatenate(id); },
                 [&](const OneOf<Flatten, Reshape> auto&) { return same(id); },
                 [&](const Dropout& op) { return is_random(node) ? dropout(id, op) : same(id); },
                 [&](const Rescaling&) { return rescale(id); }},
      node.op);
}

}  // namespace headstart
