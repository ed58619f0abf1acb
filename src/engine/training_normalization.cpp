// Normalising ops of the training program.
#include <algorithm>

#include "engine/folding.h"
#include "engine/kernels.h"
#include "engine/training_lowering.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;
using Flags = dnnl::normalization_flags;

Value TrainingLowering::constant(const std::vector<float>& values) {
  const auto constant = emitter_.persistent(vector_desc(static_cast<std::int64_t>(values.size())));
  std::ranges::copy(values, static_cast<float*>(emitter_.memory(constant).get_data_handle()));
  return constant;
}

Value TrainingLowering::constant(std::int64_t count, float value) {
  return constant(std::vector<float>(static_cast<std::size_t>(count), value));
}

TrainingLowering::ChannelStatistics TrainingLowering::unit_statistics(std::int64_t channels) {
  return {.mean = constant(channels, 0.0F), .variance = constant(channels, 1.0F)};
}

TrainingLowering::Affine TrainingLowering::affine(const Node& node, bool has_gamma, bool has_beta) {
  const auto channels = node.shape.back();
  const auto vector = vector_desc(channels);
  return {.scale = has_gamma ? parameter(node.name + "/gamma", vector) : constant(channels, 1.0F),
          .shift = has_beta ? parameter(node.name + "/beta", vector) : constant(channels, 0.0F),
          .has_gamma = has_gamma,
          .has_beta = has_beta};
}

// All gradients are computed or none; those of a frozen layer or of constants go nowhere.
TrainingLowering::AffineGradients TrainingLowering::affine_gradients(NodeId id, const Affine& affine) {
  const auto& node = node_at(id);
  const auto vector = vector_desc(node.shape.back());
  const auto diff_of = [&](const std::optional<Value>& given, bool has, const char* suffix) {
    return given                   ? *given
           : has && node.trainable ? gradient(node.name + suffix, vector)
                                   : emitter_.value(vector);
  };
  return {.scale = diff_of(affine.diff_scale, affine.has_gamma, "/gamma"),
          .shift = diff_of(affine.diff_shift, affine.has_beta, "/beta")};
}

void TrainingLowering::emit_statistics(NodeId id, const Value& src, const ChannelStatistics& statistics) {
  if (statistics.of_batch) {
    emitter_.emit(node_at(id).name, "batch statistics",
                  {.reads = {src}, .writes = {statistics.mean, statistics.variance}},
                  [from = emitter_.memory(src), mean = emitter_.memory(statistics.mean),
                   variance = emitter_.memory(statistics.variance), channels = node_at(id).shape.back()] {
                    channel_moments(rows_of(from, channels), floats(mean), floats(variance));
                  });
  }
}

// `summand`: of a sum behind the norm, which the activation is of; the gradient given is then that of the sum
// before its activation.
TrainingLowering::Activated TrainingLowering::normalized_channels(NodeId id, const Value& src,
                                                                  const ChannelNorm& norm,
                                                                  const RowActivation& activation,
                                                                  const std::optional<Value>& summand) {
  const auto channels = node_at(id).shape.back();
  const auto dst = emitter_.value(src.desc);
  std::vector<Value> read{src, norm.statistics.mean, norm.statistics.variance, norm.affine.scale,
                          norm.affine.shift};
  const auto terms_with = [&](const RowActivation& behind) {
    return [=, mean = emitter_.memory(norm.statistics.mean),
            variance = emitter_.memory(norm.statistics.variance), scale = emitter_.memory(norm.affine.scale),
            shift = emitter_.memory(norm.affine.shift), epsilon = norm.epsilon] {
      return ChannelNormalization{.mean = floats(mean),
                                  .variance = floats(variance),
                                  .scale = floats(scale),
                                  .shift = floats(shift),
                                  .epsilon = epsilon,
                                  .activation = behind};
    };
  };
  Access access{.reads = read, .writes = {dst}};
  dnnl::memory other;
  if (summand) {
    access.reads.push_back(*summand);
    other = emitter_.memory(*summand, src.desc);
  }
  const auto from = emitter_.memory(src);
  emitter_.emit(node_at(id).name, "batch normalization forward", access,
                [=, terms = terms_with(activation), to = emitter_.memory(dst)] {
                  headstart::normalize_channels(rows_of(from, channels), terms(),
                                                other ? rows_of(other, channels) : Rows{},
                                                rows_of(to, channels));
                });
  const auto terms = terms_with(summand ? RowActivation{} : activation);
  return {dst, [=, this](const Value& diff) {
            const auto diff_src = emitter_.value(src.desc);
            const auto gradients = affine_gradients(id, norm.affine);
            Access backward{.reads = read, .writes = {diff_src, gradients.scale, gradients.shift}};
            backward.reads.push_back(diff);
            emitter_.emit(
                node_at(id).name, "batch normalization backward", backward,
                [=, of_batch = norm.statistics.of_batch, diff = emitter_.memory(diff, src.desc),
                 diff_src = emitter_.memory(diff_src), diff_scale = emitter_.memory(gradients.scale),
                 diff_shift = emitter_.memory(gradients.shift)] {
                  normalize_channels_backward(rows_of(from, channels), rows_of(diff, channels), terms(),
                                              of_batch,
                                              {.diff_src = rows_of(diff_src, channels),
                                               .diff_scale = floats(diff_scale),
                                               .diff_shift = floats(diff_shift)});
                });
            return diff_src;
          }};
}

// Nothing where a sum is made of it: that computes both.
Value TrainingLowering::normalize_channels(NodeId id, const ChannelNorm& norm) {
  const auto input = node_at(id).inputs[0];
  const auto src = value_of(input);
  emit_statistics(id, src, norm.statistics);
  const auto reader = only_readers_[static_cast<std::size_t>(id)];
  if (reader && summed_norms_[static_cast<std::size_t>(*reader)] == id) {
    waiting_norms_[static_cast<std::size_t>(id)] = norm;
    return {};
  }
  const auto activation = row_activation_of(nodes_, row_activations_[static_cast<std::size_t>(id)]);
  const Activated made = normalized_channels(id, src, norm, activation, std::nullopt);
  on_backward(id, [this, input, backward = made.backward](const Value& diff) {
    add_gradient(input, backward(diff));
  });
  return made.result;
}

// With the batch's statistics, or with the moving ones when they are frozen.
Value TrainingLowering::normalize(NodeId id, const BatchNormalization& op) {
  const auto& node = node_at(id);
  const auto vector = vector_desc(node.shape.back());
  if (!uses_batch_statistics(node, options_.batch_norm)) {
    return normalize_channels(id,
                              {.statistics = {.mean = parameter(node.name + "/moving_mean", vector),
                                              .variance = parameter(node.name + "/moving_variance", vector)},
                               .affine = affine(node, op.scale, op.center),
                               .epsilon = op.epsilon});
  }
  const ChannelStatistics batch{
      .mean = emitter_.value(vector), .variance = emitter_.value(vector), .of_batch = true};
  const auto dst = op.renorm ? renormalize(id, op, batch)
                             : normalize_channels(id, {batch, affine(node, op.scale, op.center), op.epsilon});
  update_statistics(node, op, batch.mean, batch.variance);
  return dst;
}

// (unit * r + d) * gamma + beta, where unit is the batch at mean 0 and variance 1.
Value TrainingLowering::renormalize(NodeId id, const BatchNormalization& op, const ChannelStatistics& batch) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto channels = node.shape.back();
  const auto vector = vector_desc(channels);
  emit_statistics(id, value_of(input), batch);
  const Activated unit = normalized_channels(
      id, value_of(input), {batch, affine(node, false, false), op.epsilon}, {}, std::nullopt);

  const auto own = affine(node, op.scale, op.center);
  const auto r = emitter_.value(vector), d = emitter_.value(vector);
  Affine corrected{.scale = emitter_.value(vector),
                   .shift = emitter_.value(vector),
                   .diff_scale = emitter_.value(vector),
                   .diff_shift = emitter_.value(vector)};
  const auto moving_mean = parameter(node.name + "/moving_mean", vector);
  const auto moving_variance = parameter(node.name + "/moving_variance", vector);
  const Access access{
      .reads = {batch.mean, batch.variance, moving_mean, moving_variance, own.scale, own.shift},
      .writes = {r, d, corrected.scale, corrected.shift}};
  std::vector<dnnl::memory> m;
  m.reserve(access.reads.size() + access.writes.size());
  for (const auto* values : {&access.reads, &access.writes}) {
    for (const auto& value : *values) {
      m.push_back(emitter_.memory(value));
    }
  }
  // The moving statistics that they come from move within the forward pass: they cannot be made again.
  for (const auto& value : access.writes) {
    emitter_.keep(value);
  }
  emitter_.emit(node.name, "batch renormalization", access,
                [m, channels, limits = RenormLimits{op.epsilon, op.renorm_scale, op.renorm_shift}] {
                  renorm_corrections({floats(m[0]), floats(m[1]), floats(m[2]), floats(m[3]), channels},
                                     limits, floats(m[6]), floats(m[7]));
                  for (std::int64_t c = 0; c < channels; ++c) {
                    floats(m[8])[c] = floats(m[6])[c] * floats(m[4])[c];
                    floats(m[9])[c] = floats(m[7])[c] * floats(m[4])[c] + floats(m[5])[c];
                  }
                });
  const Activated made =
      normalized_channels(id, unit.result, {unit_statistics(channels), corrected}, {}, std::nullopt);
  on_backward(id, [=, this](const Value& diff) {
    const auto diff_unit = made.backward(diff);
    renormalize_gradients(id, op, corrected, r, d);
    add_gradient(input, unit.backward(diff_unit));
  });
  return made.result;
}

// gamma = the gradient of r * gamma times r plus that of d * gamma + beta times d.
void TrainingLowering::renormalize_gradients(NodeId id, const BatchNormalization& op, const Affine& corrected,
                                             const Value& r, const Value& d) {
  const auto& node = node_at(id);
  const auto channels = node.shape.back();
  const auto vector = vector_desc(channels);
  const auto& diff_scale = *corrected.diff_scale;
  const auto& diff_shift = *corrected.diff_shift;
  if (op.scale) {
    const auto diff_gamma = gradient(node.name + "/gamma", vector);
    emitter_.emit(
        node.name, "batch renormalization backward",
        {.reads = {diff_scale, diff_shift, r, d}, .writes = {diff_gamma}},
        [scale = emitter_.memory(diff_scale), shift = emitter_.memory(diff_shift), r = emitter_.memory(r),
         d = emitter_.memory(d), gamma = emitter_.memory(diff_gamma), channels] {
          for (std::int64_t c = 0; c < channels; ++c) {
            floats(gamma)[c] = floats(scale)[c] * floats(r)[c] + floats(shift)[c] * floats(d)[c];
          }
        });
  }
  if (op.center) {
    emitter_.copy(node.name, emitter_.memory(diff_shift),
                  emitter_.memory(gradient(node.name + "/beta", vector)));
  }
}

// The moving variance takes the unbiased estimate (PyTorch, and Keras's fused kernel); normalisation uses the
// biased one.
void TrainingLowering::update_statistics(const Node& node, const BatchNormalization& op, const Value& mean,
                                         const Value& variance) {
  const auto channels = node.shape.back();
  const auto count = batch_ * element_count(node.shape) / channels;
  const float correction = count > 1 ? static_cast<float>(count) / static_cast<float>(count - 1) : 1.0F;
  const auto mean_memory = emitter_.memory(mean);
  const auto variance_memory = emitter_.memory(variance);
  emitter_.emit(node.name, "moving statistics", {.reads = {mean, variance}},
                [&state = state_, name = node.name, momentum = op.momentum, channels, correction, mean_memory,
                 variance_memory] {
                  auto& parameters = *state.parameters;
                  update_moving(parameters.at(name + "/moving_mean").data(),
                                static_cast<const float*>(mean_memory.get_data_handle()), channels, momentum,
                                1.0F);
                  update_moving(parameters.at(name + "/moving_variance").data(),
                                static_cast<const float*>(variance_memory.get_data_handle()), channels,
                                momentum, correction);
                });
}

// As a batch norm with mean 0 and variance 1, whose gamma is trained.
Value TrainingLowering::scale(NodeId id) {
  const auto& node = node_at(id);
  const auto channels = node.shape.back();
  return normalize_channels(id, {unit_statistics(channels), affine(node, true, false)});
}

// As a batch norm with mean 0 and variance 1, whose gamma and beta are constants.
Value TrainingLowering::rescale(NodeId id) {
  const auto& node = node_at(id);
  const auto channels = node.shape.back();
  const auto form = inference_form(node, {});
  return normalize_channels(
      id, {unit_statistics(channels), {.scale = constant(form.scale), .shift = constant(form.shift)}});
}

// The variance below which Keras divides by 1e-7 is raised to that floor.
Value TrainingLowering::standardize(NodeId id) {
  const auto& node = node_at(id);
  const auto channels = node.shape.back();
  const auto given = parameter(node.name + "/variance", vector_desc(channels));
  const auto floored = emitter_.value(given.desc);
  const auto from = emitter_.memory(given);
  const auto to = emitter_.memory(floored);
  emitter_.emit(node.name, "variance", {.reads = {given}, .writes = {floored}}, [from, to, channels] {
    const auto* variance = static_cast<const float*>(from.get_data_handle());
    std::transform(variance, variance + channels, static_cast<float*>(to.get_data_handle()),
                   [](float value) { return std::max(value, 1e-14F); });
  });
  return normalize_channels(
      id, {.statistics = {.mean = parameter(node.name + "/mean", vector_desc(channels)), .variance = floored},
           .affine = affine(node, false, false)});
}

// `rows`: how `src` and its gradient are read as rows; without `affine` the rows are left at mean 0 and
// variance 1.
TrainingLowering::Activated TrainingLowering::normalized_rows(NodeId id, const Value& src,
                                                              const onednn::Desc& rows, float epsilon,
                                                              const std::optional<Affine>& affine) {
  const auto flags = affine ? Flags::use_scale | Flags::use_shift : Flags::none;
  const auto forward = onednn::layer_norm_forward(emitter_.engine(), prop_kind::forward_training, rows,
                                                  epsilon, flags, emitter_.attributes());
  const auto statistics = vector_desc(onednn::dims_of(rows)[0]);
  const auto mean = emitter_.value(statistics);
  const auto variance = emitter_.value(statistics);
  const auto dst = emitter_.value(src.desc);
  const auto terms = [=, this] {
    Arguments arguments{{DNNL_ARG_SRC, emitter_.memory(src, rows)},
                        {DNNL_ARG_MEAN, emitter_.memory(mean)},
                        {DNNL_ARG_VARIANCE, emitter_.memory(variance)}};
    if (affine) {
      arguments.insert({DNNL_ARG_SCALE, emitter_.memory(affine->scale)});
      arguments.insert({DNNL_ARG_SHIFT, emitter_.memory(affine->shift)});
    }
    return arguments;
  };
  auto forward_arguments = terms();
  forward_arguments.insert({DNNL_ARG_DST, emitter_.memory(dst, rows)});
  emitter_.emit(node_at(id).name, "layer normalization forward", forward, std::move(forward_arguments));
  return {dst, [=, this](const Value& diff) {
            const auto kind = affine ? prop_kind::backward : prop_kind::backward_data;
            const auto backward = onednn::layer_norm_backward(emitter_.engine(), kind, rows, epsilon, flags,
                                                              emitter_.attributes(), forward);
            const auto diff_src = emitter_.value(src.desc);
            auto arguments = terms();
            arguments.insert({DNNL_ARG_DIFF_DST, emitter_.memory(diff, rows)});
            arguments.insert({DNNL_ARG_DIFF_SRC, emitter_.memory(diff_src, rows)});
            if (affine) {
              const auto gradients = affine_gradients(id, *affine);
              arguments.insert({DNNL_ARG_DIFF_SCALE, emitter_.memory(gradients.scale)});
              arguments.insert({DNNL_ARG_DIFF_SHIFT, emitter_.memory(gradients.shift)});
            }
            emitter_.emit(node_at(id).name, "layer normalization backward", backward, std::move(arguments));
            return diff_src;
          }};
}

Value TrainingLowering::normalize_rows(NodeId id, const LayerNormalization& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const Activated made = normalized_rows(id, src, matrix_desc(src.desc, node.shape.back()), op.epsilon,
                                         affine(node, op.scale, op.center));
  on_backward(id, [this, input, backward = made.backward](const Value& diff) {
    add_gradient(input, backward(diff));
  });
  return made.result;
}

// Groups in one piece are rows of a layer norm; gamma and beta are the channels' own.
Value TrainingLowering::normalize_groups(NodeId id, const GroupNormalization& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto channels = node.shape.back();
  const auto descs = group_descs(node.shape, batch_, op.groups, type_);
  const auto rows = matrix_desc(descs.grouped, element_count(node.shape) / op.groups);
  const auto regroup = [=, this](const Value& from, const Desc& from_desc, const Value& to,
                                 const Desc& to_desc) {
    emitter_.copy(node_at(id).name, emitter_.memory(from, from_desc), emitter_.memory(to, to_desc));
    return to;
  };
  const auto grouped = regroup(src, descs.plain, emitter_.value(descs.grouped), descs.grouped);
  const Activated unit = normalized_rows(id, grouped, rows, op.epsilon, std::nullopt);
  const auto plain = regroup(unit.result, descs.grouped, emitter_.value(src.desc), descs.plain);
  const Activated made = normalized_channels(
      id, plain, {unit_statistics(channels), affine(node, op.scale, op.center)}, {}, std::nullopt);
  on_backward(id, [=, this](const Value& diff) {
    const auto diff_unit =
        regroup(made.backward(diff), descs.plain, emitter_.value(descs.grouped), descs.grouped);
    const auto diff_src = unit.backward(diff_unit);
    add_gradient(input, regroup(diff_src, descs.grouped, emitter_.value(src.desc), descs.plain));
  });
  return made.result;
}

Value TrainingLowering::normalize_locally(NodeId id, const LocalResponseNormalization& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto dst = emitter_.value(src.desc);
  const auto forward = onednn::lrn_forward(emitter_.engine(), prop_kind::forward_training, src.desc,
                                           lrn_of(op), emitter_.attributes());
  const auto workspace_desc = forward.workspace_desc();
  const bool has_workspace = workspace_desc.get_size() > 0;
  const Value workspace = has_workspace ? emitter_.value(workspace_desc) : Value{};
  const auto with_workspace = [=, this](Arguments arguments) {
    if (has_workspace) {
      arguments.insert({DNNL_ARG_WORKSPACE, emitter_.memory(workspace)});
    }
    return arguments;
  };
  emitter_.emit(node.name, "local response normalization forward", forward,
                with_workspace({{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}}));
  on_backward(id, [=, this](const Value& diff) {
    const auto backward =
        onednn::lrn_backward(emitter_.engine(), src.desc, lrn_of(op), emitter_.attributes(), forward);
    const auto diff_src = emitter_.value(src.desc);
    emitter_.emit(node_at(id).name, "local response normalization backward", backward,
                  with_workspace({{DNNL_ARG_SRC, emitter_.memory(src)},
                                  {DNNL_ARG_DIFF_DST, emitter_.memory(diff)},
                                  {DNNL_ARG_DIFF_SRC, emitter_.memory(diff_src)}}));
    add_gradient(input, diff_src);
  });
  return dst;
}

}  // namespace headstart
