// Convolutions of the inference program by Winograd's filtering, with what is fused into them.
#include <algorithm>
#include <variant>
#include <vector>

#include "engine/frozen_lowering.h"
#include "engine/lowering.h"
#include "engine/winograd_choice.h"

namespace headstart {

// Nothing when the layer does more than an addition with a clip before and after it.
std::optional<FrozenLowering::TiledEnding> FrozenLowering::tiled_ending(const FusedLayer& layer) const {
  TiledEnding result;
  const auto append = [&result](const Activation& activation) {
    const auto rows = as_row_activation(activation);
    if (!rows || rows->kind != RowActivation::Kind::clip) {
      return activation.kind == Activation::Kind::linear;
    }
    auto& clip = result.addition ? result.ending.second : result.ending.first;
    clip = {std::clamp(rows->low, clip.low, clip.high), std::clamp(rows->high, clip.low, clip.high)};
    return true;
  };
  const auto whole = ending(layer);
  if (!append(whole.activation)) {
    return std::nullopt;
  }
  for (const auto& follow_up : whole.follow_ups) {
    if (follow_up.other < 0) {
      if (!append(std::get<ActivationLayer>(node_at(follow_up.node).op).activation)) {
        return std::nullopt;
      }
      continue;
    }
    if (result.addition) {
      return std::nullopt;
    }
    result.addition = follow_up;
  }
  return result;
}

bool FrozenLowering::convolution_by_tiles(const FusedLayer& layer, const LayerShape& shape, const Value& src,
                                          const Destination& destination, const WeightNames& names) {
  const auto tiled = winograd_shape(shape, src.desc, destination.value.desc, TiledWork::inference);
  if (!tiled) {
    return false;
  }
  auto ending = tiled_ending(layer);
  if (ending && ending->addition) {
    ending->summand =
        ending->addition->node == destination.add ? *destination.summand : value_of(ending->addition->other);
  }
  if (!ending || (ending->summand && ending->summand->desc != destination.value.desc)) {
    return false;
  }
  const auto convolution = WinogradConvolution::make(emitter_.engine(), *tiled);
  if (convolution) {
    emit_by_tiles(label(layer), convolution, shape, src, destination.value, names, *ending);
  }
  return convolution != nullptr;
}

// Whether a layer that could multiply int8 is done sooner by tiles.
bool FrozenLowering::tiles_beat_int8(const FusedLayer& layer) const {
  const auto& node = node_at(layer.base);
  const auto* conv = std::get_if<Conv2D>(&node.op);
  if (conv == nullptr || !tiled_ending(layer)) {
    return false;
  }
  const auto padded = padded_node(layer);
  const Shape& input = shape_of(padded.input);
  const auto shape = convolution_shape(geometry_of(*conv, input.back()), input, padded.zeros, type_);
  const auto tiled = winograd_shape(shape, desc_of(input), desc_of(node.shape), TiledWork::inference);
  return tiled && are_faster_than_int8(*tiled);
}

void FrozenLowering::emit_by_tiles(const std::string& name,
                                   const std::shared_ptr<WinogradConvolution>& convolution,
                                   const LayerShape& shape, const Value& src, const Value& dst,
                                   const WeightNames& names, const TiledEnding& tiled) {
  const auto weights = emitter_.weights(convolution->weights_desc());
  const auto bias = emitter_.weights(vector_desc(shape.filters));
  const auto scratch = emitter_.value(convolution->scratch_desc());
  const std::optional<Node> affine = names.affine != nullptr ? std::optional(*names.affine) : std::nullopt;
  result_.loaders.push_back([=, kernel = emitter_.memory(weights), sums = emitter_.memory(bias),
                             filters = shape.filters](const Parameters& parameters) {
    auto own = names;
    own.affine = affine ? &*affine : nullptr;
    const auto folded_weights = folded(own, filters, parameters);
    convolution->load_kernel(folded_weights.kernel.data(), kernel.get_data_handle());
    std::copy(folded_weights.bias.begin(), folded_weights.bias.end(), floats(sums));
  });
  Access access{.reads = {src, weights, bias}, .writes = {dst, scratch}};
  dnnl::memory summand;
  if (tiled.summand) {
    access.reads.push_back(*tiled.summand);
    summand = emitter_.memory(*tiled.summand);
  }
  emitter_.emit(name, "convolution", access,
                [convolution, ending = tiled.ending, summand, from = emitter_.memory(src),
                 weights = emitter_.memory(weights), bias = emitter_.memory(bias),
                 scratch = emitter_.memory(scratch), to = emitter_.memory(dst)]() mutable {
                  ending.bias = floats(bias);
                  ending.summand = summand ? summand.get_data_handle() : nullptr;
                  convolution->run(from.get_data_handle(), weights.get_data_handle(), ending,
                                   scratch.get_data_handle(), to.get_data_handle());
                },
                {.implementation = convolution->name(), .multiplications = convolution->multiplications()});
}

}  // namespace headstart
