// Convolutions of the training program by Winograd's filtering: forwards, and the gradient of their
// source, which is such a convolution too.
#include "engine/training_lowering.h"
#include "engine/winograd.h"
#include "engine/winograd_choice.h"
#include "engine/winograd_gradient.h"

namespace headstart {

// The kernel transformed anew at every pass.
Value TrainingLowering::tiled_kernel(const Layer& layer,
                                     const std::shared_ptr<WinogradConvolution>& convolution) {
  const auto master = master_weights(layer);
  const auto weights = emitter_.value(convolution->weights_desc());
  emitter_.emit(node_at(layer.id).name, "kernel transform", {.reads = {master}, .writes = {weights}},
                [convolution, kernel = emitter_.memory(master), weights = emitter_.memory(weights)] {
                  convolution->load_kernel(floats(kernel), weights.get_data_handle());
                });
  return weights;
}

void TrainingLowering::emit_by_tiles(const Layer& layer, const std::string& kind, const TiledPass& pass) {
  const auto weights = tiled_kernel(layer, pass.convolution);
  const auto scratch = emitter_.value(pass.convolution->scratch_desc());
  Access access{.reads = {pass.src, weights}, .writes = {pass.dst, scratch}};
  const auto read = [&](const std::optional<Value>& value) {
    if (!value) {
      return dnnl::memory();
    }
    access.reads.push_back(*value);
    return emitter_.memory(*value);
  };
  const auto bias = read(pass.bias), clipped = read(pass.clipped);
  emitter_.emit(
      node_at(layer.id).name, kind, access,
      [convolution = pass.convolution, ending = pass.ending, bias, clipped, from = emitter_.memory(pass.src),
       weights = emitter_.memory(weights), scratch = emitter_.memory(scratch),
       to = emitter_.memory(pass.dst)]() mutable {
        ending.bias = bias ? floats(bias) : nullptr;
        ending.clipped = clipped ? clipped.get_data_handle() : nullptr;
        convolution->run(from.get_data_handle(), weights.get_data_handle(), ending, scratch.get_data_handle(),
                         to.get_data_handle());
      },
      {.implementation = pass.convolution->name(), .multiplications = pass.convolution->multiplications()});
}

// The convolution from `src` to `dst`, if tiles are faster.
std::optional<WinogradShape> TrainingLowering::tiled_shape(const Layer& layer, const Value& src,
                                                           const Value& dst, TiledWork work) const {
  return layer.kind == Layer::Kind::convolution ? winograd_shape(layer.shape, src.desc, dst.desc, work)
                                                : std::nullopt;
}

bool TrainingLowering::forward_by_tiles(const Layer& layer, const Value& dst) {
  const auto activation = layer.fused ? as_row_activation(*layer.fused) : std::optional(RowActivation{});
  const auto shape = tiled_shape(layer, layer.src, dst, TiledWork::forward);
  if (!activation || activation->kind != RowActivation::Kind::clip || !shape) {
    return false;
  }
  const auto convolution = WinogradConvolution::make(emitter_.engine(), *shape);
  if (!convolution) {
    return false;
  }
  TiledPass pass{.convolution = convolution,
                 .src = layer.src,
                 .dst = dst,
                 .ending = {.first = {activation->low, activation->high}}};
  if (!layer.bias.empty()) {
    pass.bias = parameter(layer.bias, vector_desc(layer.shape.filters));
  }
  emit_by_tiles(layer, "convolution forward", pass);
  return true;
}

bool TrainingLowering::backward_data_by_tiles(const Layer& layer, const Value& diff, const Value& diff_src) {
  auto shape = tiled_shape(layer, diff, diff_src, TiledWork::backward_data);
  if (!shape) {
    return false;
  }
  shape->zeros_above = shape->down.taps - 1 - shape->zeros_above;
  shape->zeros_left = shape->across.taps - 1 - shape->zeros_left;
  const auto convolution = WinogradConvolution::make(emitter_.engine(), *shape, true);
  if (!convolution) {
    return false;
  }
  TiledPass pass{.convolution = convolution, .src = diff, .dst = diff_src};
  if (auto* offered = offered_activation(layer.input)) {
    const auto clip = as_row_activation(offered->activation);
    if (clip && clip->kind == RowActivation::Kind::clip) {
      pass.clipped = layer.src;
      pass.ending.clipped_by = {clip->low, clip->high};
      offered->is_done = true;
    }
  }
  emit_by_tiles(layer, "convolution backward data", pass);
  return true;
}

bool TrainingLowering::backward_weights_by_tiles(const Layer& layer, const Value& diff) {
  const auto shape = tiled_shape(layer, layer.src, diff, TiledWork::backward_weights);
  if (!shape || !layer.kernel_scale.empty()) {
    return false;
  }
  const auto tiled = WinogradGradient::make(emitter_.engine(), *shape);
  if (!tiled) {
    return false;
  }
  const auto kernel = gradient(layer.kernel, layer.shape.user_weights);
  const auto scratch = emitter_.value(tiled->scratch_desc());
  emitter_.emit(node_at(layer.id).name, "convolution backward weights",
                {.reads = {layer.src, diff}, .writes = {kernel, scratch}},
                [tiled, src = emitter_.memory(layer.src), diff = emitter_.memory(diff),
                 scratch = emitter_.memory(scratch), kernel = emitter_.memory(kernel)] {
                  tiled->run(src.get_data_handle(), diff.get_data_handle(), scratch.get_data_handle(),
                             floats(kernel));
                },
                {.implementation = tiled->name(), .multiplications = tiled->multiplications()});
  emit_bias_gradient(layer, diff);
  return true;
}

}  // namespace headstart
