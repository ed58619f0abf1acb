#include "engine/fusion.h"

#include <algorithm>
#include <variant>

#include "engine/folding.h"
#include "engine/layout.h"
#include "engine/lowering.h"
#include "graph/overloaded.h"

namespace headstart {
namespace {

bool is_weighted(const Op& op) {
  return std::visit(
      Overloaded{
          [](const OneOf<Conv2D, DepthwiseConv2D, SeparableConv2D, Dense> auto&) { return true; },
          [](const OneOf<Input, Conv2DTranspose, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D,
                         GlobalMaxPooling2D, ZeroPadding2D, ActivationLayer, BatchNormalization,
                         LayerNormalization, Scale, Normalization, SelfAttention, WindowAttention, ClassToken,
                         PositionEmbedding, Cropping2D, ChannelShuffle, ChannelSlice, GroupNormalization,
                         LocalResponseNormalization, UpSampling2D, Add, Multiply, Concatenate, Flatten,
                         Reshape, Dropout, Rescaling> auto&) { return false; }},
      op);
}

bool is_elementwise(const Activation& activation) { return activation.kind != Activation::Kind::softmax; }

// The other summand when `add` may be fused into the layer that ends in `tail`: of two candidates the one
// that comes later in the graph takes the addition, since the other's value is there by then.
std::optional<NodeId> other_summand(const std::vector<Node>& nodes, NodeId add, NodeId tail) {
  const auto& inputs = nodes[static_cast<std::size_t>(add)].inputs;
  if (inputs.size() != 2 || inputs[0] == inputs[1] || tail != std::max(inputs[0], inputs[1])) {
    return std::nullopt;
  }
  return std::min(inputs[0], inputs[1]);
}

// Whether one kernel computes both right.
bool go_together(const onednn::Eltwise& a, const onednn::Eltwise& b) {
  return a.algorithm != b.algorithm || (a.alpha == b.alpha && a.beta == b.beta);
}

bool takes_activation(const FusedLayer& layer, const std::vector<Node>& nodes, const Activation& activation) {
  if (!is_elementwise(activation)) {
    return false;
  }
  const auto before = eltwise_of(nodes, layer);
  const auto steps = eltwise_of(activation);
  return std::all_of(steps.begin(), steps.end(), [&](const onednn::Eltwise& step) {
    return std::all_of(before.begin(), before.end(),
                       [&](const onednn::Eltwise& earlier) { return go_together(step, earlier); });
  });
}

// Tries to take `next` into the layer; false when it has to stay a step of its own.
bool absorb(FusedLayer& layer, const std::vector<Node>& nodes, NodeId next) {
  const auto& base = nodes[static_cast<std::size_t>(layer.base)].op;
  const auto& op = nodes[static_cast<std::size_t>(next)].op;
  if (only_scales_and_shifts(op)) {
    const auto* activation = activation_of(base);
    const bool linear = activation != nullptr && activation->kind == Activation::Kind::linear;
    if (!linear || layer.affine || !layer.follow_ups.empty()) {
      return false;
    }
    layer.affine = next;
    return true;
  }
  if (const auto* activation = std::get_if<ActivationLayer>(&op)) {
    if (!takes_activation(layer, nodes, activation->activation)) {
      return false;
    }
    layer.follow_ups.push_back({.node = next});
    return true;
  }
  if (std::holds_alternative<Add>(op)) {
    if (const auto other = other_summand(nodes, next, layer.tail)) {
      layer.follow_ups.push_back({.node = next, .other = *other});
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<onednn::Eltwise> eltwise_of(const std::vector<Node>& nodes, const FusedLayer& layer) {
  std::vector<onednn::Eltwise> all;
  const auto append = [&all](const Activation* activation) {
    if (activation != nullptr && is_elementwise(*activation)) {
      const auto steps = eltwise_of(*activation);
      all.insert(all.end(), steps.begin(), steps.end());
    }
  };
  append(activation_of(nodes[static_cast<std::size_t>(layer.base)].op));
  for (const auto& follow_up : layer.follow_ups) {
    append(activation_of(nodes[static_cast<std::size_t>(follow_up.node)].op));
  }
  return all;
}

Fusion fuse(const std::vector<Node>& nodes, const std::vector<std::vector<NodeId>>& consumers,
            const std::vector<bool>& needed, const std::vector<bool>& must_exist) {
  Fusion fusion{.layer_at = std::vector<std::optional<FusedLayer>>(nodes.size()),
                .absorbed = std::vector<bool>(nodes.size(), false)};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!needed[i] || !is_weighted(nodes[i].op)) {
      continue;
    }
    const auto id = static_cast<NodeId>(i);
    FusedLayer layer;
    layer.base = id;
    layer.tail = id;
    const auto* own = activation_of(nodes[i].op);
    const bool open = own == nullptr || is_elementwise(*own);
    while (open) {
      const auto tail = static_cast<std::size_t>(layer.tail);
      if (must_exist[tail] || consumers[tail].size() != 1 || !absorb(layer, nodes, consumers[tail][0])) {
        break;
      }
      fusion.absorbed[tail] = true;
      layer.tail = consumers[tail][0];
    }
    fusion.layer_at[static_cast<std::size_t>(layer.tail)] = layer;
  }
  return fusion;
}

}  // namespace headstart
