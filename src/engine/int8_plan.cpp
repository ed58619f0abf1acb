#include "engine/int8_plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>
#include <variant>

#include "engine/lowering.h"
#include "graph/overloaded.h"

namespace headstart {
namespace {

// Ops whose results are some of their inputs' values, or means of them, at the same scale.
bool passes_values_on(const Op& op) {
  return std::visit(
      Overloaded{
          [](const OneOf<MaxPooling2D, AveragePooling2D, ZeroPadding2D, Concatenate, Flatten, Reshape,
                         Dropout> auto&) { return true; },
          [](const OneOf<Input, Conv2D, DepthwiseConv2D, SeparableConv2D, Conv2DTranspose, Dense,
                         GlobalAveragePooling2D, GlobalMaxPooling2D, ActivationLayer, BatchNormalization,
                         LayerNormalization, Scale, Normalization, SelfAttention, WindowAttention, ClassToken,
                         PositionEmbedding, Cropping2D, ChannelShuffle, ChannelSlice, GroupNormalization,
                         LocalResponseNormalization, UpSampling2D, Add, Multiply, Rescaling> auto&) {
            return false;
          }},
      op);
}

class Planner {
 public:
  Planner(const FusedGraph& graph, const ValueRanges& ranges,
          const std::function<bool(const FusedLayer&)>& is_faster_in_float)
      : nodes_(graph.nodes),
        consumers_(graph.consumers),
        must_exist_(graph.must_exist),
        fusion_(graph.fusion),
        ranges_(ranges),
        is_faster_in_float_(is_faster_in_float),
        group_(nodes_.size()),
        plan_{.forms = std::vector<std::optional<Int8Form>>(nodes_.size()),
              .stored = std::vector<bool>(nodes_.size(), false),
              .computed = std::vector<bool>(nodes_.size(), false)} {
    std::iota(group_.begin(), group_.end(), std::size_t{0});
  }

  Int8Plan plan() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      plan_.computed[i] = fusion_.layer_at[i] && computes_int8(*fusion_.layer_at[i]);
    }
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      plan_.stored[i] = is_stored(i);
      if (plan_.stored[i] && passes_values_on(nodes_[i].op)) {
        for (const auto input : nodes_[i].inputs) {
          group_[root(static_cast<std::size_t>(input))] = root(i);
        }
      }
    }
    choose_forms();
    return std::move(plan_);
  }

 private:
  const Node& node_at(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  bool has_range(const std::string& name) const { return ranges_.contains(name); }

  bool computes_int8(const FusedLayer& layer) const {
    const auto& base = node_at(layer.base);
    const auto& input = node_at(base.inputs[0]);
    const bool padded = fusion_.absorbed[static_cast<std::size_t>(base.inputs[0])] &&
                        std::holds_alternative<ZeroPadding2D>(input.op);
    const auto* conv = std::get_if<Conv2D>(&base.op);
    const bool in_groups = conv != nullptr && conv->groups > 1;  // for which oneDNN has no fast kernels
    return !in_groups && has_range(padded ? node_at(input.inputs[0]).name : input.name) &&
           (!std::holds_alternative<SeparableConv2D>(base.op) || has_range(depthwise_name(base.name))) &&
           !is_faster_in_float_(layer);
  }

  // The layer that `consumer` is part of.
  std::optional<NodeId> tail_of(NodeId consumer) const {
    for (const auto& layer : fusion_.layer_at) {
      if (layer && (layer->base == consumer ||
                    std::any_of(layer->follow_ups.begin(), layer->follow_ups.end(),
                                [&](const FollowUp& follow_up) { return follow_up.node == consumer; }))) {
        return layer->tail;
      }
    }
    return std::nullopt;
  }

  bool takes_int8(NodeId consumer) const {
    const auto i = static_cast<std::size_t>(consumer);
    if (fusion_.absorbed[i] && std::holds_alternative<ZeroPadding2D>(nodes_[i].op)) {
      return takes_int8(consumers_[i].front());
    }
    if (const auto tail = tail_of(consumer)) {
      const bool summand = std::holds_alternative<Add>(nodes_[i].op);
      return summand ? plan_.stored[static_cast<std::size_t>(*tail)]
                     : plan_.computed[static_cast<std::size_t>(*tail)];
    }
    return plan_.stored[i];
  }

  // Whether the layer's kernel can bring its result to whole steps: by a linear operation, which has to be
  // the only one there (fusion.h).
  bool rounds(const FusedLayer& layer) const {
    const auto steps = eltwise_of(nodes_, layer);
    return activation_of(node_at(layer.base).op)->kind != Activation::Kind::softmax &&
           std::none_of(steps.begin(), steps.end(), [](const onednn::Eltwise& step) {
             return step.algorithm == dnnl::algorithm::eltwise_linear;
           });
  }

  bool is_stored(std::size_t i) const {
    const bool made = passes_values_on(nodes_[i].op) || is_gated(nodes_, static_cast<NodeId>(i)) ||
                      (plan_.computed[i] && rounds(*fusion_.layer_at[i]));
    return made && !fusion_.absorbed[i] && !must_exist_[i] && has_range(nodes_[i].name) &&
           !consumers_[i].empty() &&
           std::all_of(consumers_[i].begin(), consumers_[i].end(),
                       [&](NodeId consumer) { return takes_int8(consumer); });
  }

  std::size_t root(std::size_t i) const {
    while (group_[i] != i) {
      i = group_[i];
    }
    return i;
  }

  void choose_forms() {
    std::map<std::size_t, ValueRange> joint;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (has_range(nodes_[i].name)) {
        const auto& own = ranges_.at(nodes_[i].name);
        auto& range = joint[root(i)];
        range = {.low = std::min(range.low, own.low), .high = std::max(range.high, own.high)};
      }
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (const auto range = joint.find(root(i)); range != joint.end()) {
        plan_.forms[i] = int8_form(range->second);
      }
    }
  }

  const std::vector<Node>& nodes_;
  const std::vector<std::vector<NodeId>>& consumers_;
  const std::vector<bool>& must_exist_;
  const Fusion& fusion_;
  const ValueRanges& ranges_;
  const std::function<bool(const FusedLayer&)>& is_faster_in_float_;
  std::vector<std::size_t> group_;  // a node's next towards the one that stands for all at its scale
  Int8Plan plan_;
};

}  // namespace

Int8Form int8_form(const ValueRange& range) {
  return range.low < 0.0F ? Int8Form{.type = DataType::s8, .scale = std::max(-range.low, range.high) / 127.0F}
                          : Int8Form{.type = DataType::u8, .scale = range.high / 255.0F};
}

Int8Plan plan_int8(const FusedGraph& graph, const ValueRanges* ranges,
                   const std::function<bool(const FusedLayer&)>& is_faster_in_float) {
  const ValueRanges none;
  return Planner(graph, ranges != nullptr ? *ranges : none, is_faster_in_float).plan();
}

std::string depthwise_name(const std::string& separable) { return separable + " (depthwise)"; }

}  // namespace headstart
