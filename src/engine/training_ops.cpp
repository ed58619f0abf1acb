// Pooling, elementwise and joining ops of the training program.
#include <functional>
#include <variant>

#include "core/random.h"
#include "engine/gates.h"
#include "engine/kernels.h"
#include "engine/pooling.h"
#include "engine/training_lowering.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;

namespace {

// The value and the mask as the multiplication sees them: one element of the mask meets all that it drops.
struct DropoutLayout {
  Desc data{}, mask{};
};
DropoutLayout dropout_layout(Dropout::Granularity granularity, const Shape& shape, std::int64_t batch,
                             DataType type) {
  switch (granularity) {
    case Dropout::Granularity::element:
      break;
    case Dropout::Granularity::channel:
      return {spatial_desc(shape, batch, type), activation_desc({1, 1, shape.back()}, batch, type)};
    case Dropout::Granularity::sample:
      return {activation_desc({element_count(shape)}, batch, type), activation_desc({1}, batch, type)};
  }
  const auto desc = activation_desc(shape, batch, type);
  return {desc, desc};
}

}  // namespace

Value TrainingLowering::same(NodeId id) {
  const auto input = node_at(id).inputs[0];
  on_backward(id, [this, input](const Value& diff) { add_gradient(input, view(diff, shape_of(input))); });
  return view(value_of(input), shape_of(id));
}

Value TrainingLowering::max_pool(NodeId id, const SlidingShape& shape) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto dst = emitter_.value(desc_of(node.shape));
  const auto places =
      emitter_.value(bytes_desc(static_cast<std::size_t>(batch_ * element_count(node.shape))));
  const auto bytes_of = [](const dnnl::memory& memory) {
    return static_cast<std::uint8_t*>(memory.get_data_handle());
  };
  const bool bf16 = type_ == DataType::bf16;
  emitter_.emit(node.name, "pooling forward", {.reads = {src}, .writes = {dst, places}},
                [=, from = emitter_.memory(src), to = emitter_.memory(dst), kept = emitter_.memory(places)] {
                  max_pooling(shape, bf16, from.get_data_handle(), to.get_data_handle(), bytes_of(kept));
                });
  on_backward(id, [=, this](const Value& diff) {
    Value given = diff;
    if (auto* offered = offered_activation(input)) {  // of fewer values here than there
      given = eltwise_backward(node_at(id).name, dst, diff, offered->by_result, DNNL_ARG_DST);
      offered->pooled = given;
      offered->is_done = true;
    }
    const auto diff_src = emitter_.value(src.desc);
    emitter_.emit(
        node_at(id).name, "pooling backward", {.reads = {given, places}, .writes = {diff_src}},
        [=, from = emitter_.memory(given), to = emitter_.memory(diff_src), kept = emitter_.memory(places)] {
          max_pooling_backward(shape, bf16, from.get_data_handle(), bytes_of(kept), to.get_data_handle());
        });
    add_gradient(input, diff_src);
  });
  return dst;
}

Value TrainingLowering::pool(NodeId id, dnnl::algorithm algorithm, const onednn::Window& window) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto dst_desc = desc_of(node.shape.size() == 3 ? node.shape : Shape{1, 1, node.shape.back()});
  if (const auto shape = sliding_shape(src.desc, dst_desc, window);
      algorithm == dnnl::algorithm::pooling_max && has_fast_max_pooling(shape, type_)) {
    return max_pool(id, shape);
  }
  const auto dst = emitter_.value(desc_of(node.shape));
  const auto& engine = emitter_.engine();
  const auto forward = onednn::pooling_forward(engine, prop_kind::forward_training, algorithm, src.desc,
                                               dst_desc, window, emitter_.attributes());
  Arguments arguments{{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst, dst_desc)}};
  const auto workspace_desc = forward.workspace_desc();
  const bool has_workspace = workspace_desc.get_size() > 0;
  const Value workspace = has_workspace ? emitter_.value(workspace_desc) : Value{};
  if (has_workspace) {
    arguments.insert({DNNL_ARG_WORKSPACE, emitter_.memory(workspace)});
  }
  if (!emit_average_pooling(emitter_, {node.name, "pooling forward", algorithm, window}, src,
                            {.buffer = dst.buffer, .desc = dst_desc})) {
    emitter_.emit(node.name, "pooling forward", forward, std::move(arguments));
  }
  on_backward(id, [=, this](const Value& diff) {
    const auto backward = onednn::pooling_backward(emitter_.engine(), algorithm, src.desc, dst_desc, window,
                                                   emitter_.attributes(), forward);
    const auto diff_src = emitter_.value(src.desc);
    Arguments backward_arguments{{DNNL_ARG_DIFF_DST, emitter_.memory(diff, dst_desc)},
                                 {DNNL_ARG_DIFF_SRC, emitter_.memory(diff_src)}};
    if (has_workspace) {
      backward_arguments.insert({DNNL_ARG_WORKSPACE, emitter_.memory(workspace)});
    }
    emitter_.emit(node_at(id).name, "pooling backward", backward, std::move(backward_arguments));
    add_gradient(input, diff_src);
  });
  return dst;
}

// Where the image has a gradient already, as it has before squeeze-and-excitation, every pixel's share of the
// average's is added to that, and never stands in an image of its own.
Value TrainingLowering::average_image(NodeId id) {
  const auto input = node_at(id).inputs[0];
  const auto dst = pool(id, dnnl::algorithm::pooling_avg_exclude_padding, global_window(shape_of(input)));
  on_backward(id, [this, id, input, spread = backward_[static_cast<std::size_t>(id)]](const Value& diff) {
    auto& sum = diffs_[static_cast<std::size_t>(input)];
    if (!sum) {
      return spread(diff);
    }
    const auto& shape = shape_of(input);
    const float pixels = static_cast<float>(shape[0] * shape[1]);
    const auto share = eltwise(node_at(id).name, view(diff, {1, 1, shape.back()}),
                               {dnnl::algorithm::eltwise_linear, 1.0F / pixels, 0.0F});
    sum = binary(node_at(id).name, dnnl::algorithm::binary_add, *sum, share, emitter_.attributes());
  });
  return dst;
}

Value TrainingLowering::pad(NodeId id, const ZeroPadding2D& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto dst = emitter_.persistent(desc_of(node.shape));
  const auto middle =
      dst.desc.submemory_desc(onednn::dims_of(src.desc), {0, op.channels_before, op.top, op.left});
  emitter_.copy(node.name, emitter_.memory(src), emitter_.memory(dst, middle));
  on_backward(id, [this, id, input, src, middle](const Value& diff) {
    const auto diff_src = emitter_.value(src.desc);
    emitter_.copy(node_at(id).name, emitter_.memory(diff, middle), emitter_.memory(diff_src));
    add_gradient(input, diff_src);
  });
  return dst;
}

// A block of the input; the rest has no gradient, and stays the zero it is from the start.
Value TrainingLowering::part(NodeId id, const Desc& block) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto dst = emitter_.value(desc_of(node.shape));
  emitter_.copy(node.name, emitter_.memory(src, block), emitter_.memory(dst));
  on_backward(id, [=, this](const Value& diff) {
    if (wants_gradient(input)) {
      const auto diff_src = emitter_.persistent(src.desc);
      emitter_.copy(node_at(id).name, emitter_.memory(diff), emitter_.memory(diff_src, block));
      add_gradient(input, diff_src);
    }
  });
  return dst;
}

Value TrainingLowering::shuffle(NodeId id, const ChannelShuffle& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto descs = shuffle_descs(src.desc, node.shape.back(), op.groups);
  const auto dst = emitter_.value(src.desc);
  emitter_.copy(node.name, emitter_.memory(src, descs.plain), emitter_.memory(dst, descs.shuffled));
  on_backward(id, [=, this](const Value& diff) {
    const auto diff_src = emitter_.value(src.desc);
    emitter_.copy(node_at(id).name, emitter_.memory(diff, descs.shuffled),
                  emitter_.memory(diff_src, descs.plain));
    add_gradient(input, diff_src);
  });
  return dst;
}

Value TrainingLowering::upsample(NodeId id, const UpSampling2D& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto src = value_of(input);
  const auto dst = emitter_.value(desc_of(node.shape));
  const auto algorithm = interpolation_of(op);
  const auto forward =
      onednn::resampling_forward(emitter_.engine(), algorithm, src.desc, dst.desc, emitter_.attributes());
  emitter_.emit(node.name, "resampling forward", forward,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
  on_backward(id, [=, this](const Value& diff) {
    const auto diff_src = emitter_.value(src.desc);
    const auto backward = onednn::resampling_backward(emitter_.engine(), algorithm, src.desc, dst.desc,
                                                      emitter_.attributes(), forward);
    emitter_.emit(
        node_at(id).name, "resampling backward", backward,
        {{DNNL_ARG_DIFF_DST, emitter_.memory(diff)}, {DNNL_ARG_DIFF_SRC, emitter_.memory(diff_src)}});
    add_gradient(input, diff_src);
  });
  return dst;
}

Value TrainingLowering::eltwise(const std::string& node, const Value& src, const onednn::Eltwise& eltwise) {
  const auto dst = emitter_.value(src.desc);
  const auto pd = onednn::eltwise_forward(emitter_.engine(), eltwise, src.desc, emitter_.attributes());
  emitter_.emit(node, "eltwise forward", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
  return dst;
}

// `data_argument`: DNNL_ARG_SRC, or DNNL_ARG_DST for algorithms that go by the result.
Value TrainingLowering::eltwise_backward(const std::string& node, const Value& data, const Value& diff,
                                         const onednn::Eltwise& eltwise, int data_argument) {
  const auto diff_src = emitter_.value(data.desc);
  const auto pd = onednn::eltwise_backward(emitter_.engine(), eltwise, data.desc, emitter_.attributes());
  emitter_.emit(node, "eltwise backward", pd,
                {{data_argument, emitter_.memory(data)},
                 {DNNL_ARG_DIFF_DST, emitter_.memory(diff, data.desc)},
                 {DNNL_ARG_DIFF_SRC, emitter_.memory(diff_src)}});
  return diff_src;
}

TrainingLowering::Activated TrainingLowering::activated(const std::string& node, const Value& src,
                                                        const Activation& activation) {
  if (const auto by_result = eltwise_by_result(activation)) {
    const auto dst = eltwise(node, src, eltwise_of(activation).front());
    return {dst, [=, this](const Value& diff) {
              return eltwise_backward(node, dst, diff, *by_result, DNNL_ARG_DST);
            }};
  }
  Activated result{src, [](const Value& diff) { return diff; }};
  for (const auto& step : eltwise_of(activation)) {
    const auto data = result.result;
    result = {eltwise(node, data, step), [=, this, outer = result.backward](const Value& diff) {
                return outer(eltwise_backward(node, data, diff, step, DNNL_ARG_SRC));
              }};
  }
  return result;
}

TrainingLowering::Activated TrainingLowering::softmax(const std::string& node, const Value& src) {
  const auto rank = static_cast<int>(onednn::dims_of(src.desc).size());
  const int axis = rank == 4 ? 1 : rank - 1;
  const auto dst = emitter_.value(src.desc);
  const auto pd = onednn::softmax_forward(emitter_.engine(), src.desc, axis, emitter_.attributes());
  emitter_.emit(node, "softmax forward", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
  return {dst,
          [=, this](const Value& diff) { return emit_softmax_backward(emitter_, node, dst, diff, axis); }};
}

Value TrainingLowering::activate(NodeId id, const Activation& activation) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const Activated result = activation.kind == Activation::Kind::softmax
                               ? softmax(node.name, value_of(input))
                               : activated(node.name, value_of(input), activation);
  offer_activation(id, activation);
  on_backward(id, [this, id, input, backward = result.backward](const Value& diff) {
    add_gradient(input, is_activation_done(id) ? diff : backward(diff));
  });
  return result.result;
}

Value TrainingLowering::binary(const std::string& node, dnnl::algorithm algorithm, const Value& a,
                               const Value& b, const dnnl::primitive_attr& attr) {
  const auto dst = emitter_.value(a.desc);
  const auto pd = onednn::binary(emitter_.engine(), algorithm, a.desc, b.desc, dst.desc, attr);
  emitter_.emit(node, "binary", pd,
                {{DNNL_ARG_SRC_0, emitter_.memory(a)},
                 {DNNL_ARG_SRC_1, emitter_.memory(b)},
                 {DNNL_ARG_DST, emitter_.memory(dst)}});
  return dst;
}

Value TrainingLowering::add(NodeId id) {
  const auto& node = node_at(id);
  const auto activation = sum_activations_[static_cast<std::size_t>(id)];
  const auto norm = summed_norms_[static_cast<std::size_t>(id)];
  const Activated made = norm ? normalized_sum(*norm, node, row_activation_of(nodes_, activation))
                              : Activated{.result = sum_of(node, activation)};
  std::optional<onednn::Eltwise> by_result;
  if (activation) {
    by_result = eltwise_by_result(std::get<ActivationLayer>(node_at(*activation).op).activation);
  }
  on_backward(id, [=, this, sum = made.result](const Value& diff) {
    const auto& name = node_at(id).name;
    const Value share = by_result ? eltwise_backward(name, sum, diff, *by_result, DNNL_ARG_DST) : diff;
    for (const auto input : node_at(id).inputs) {
      if (input != norm) {
        add_gradient(input, share);
      } else if (wants_gradient(input)) {
        add_gradient(node_at(input).inputs[0], made.backward(share));
      }
    }
  });
  return made.result;
}

// The norm's value is never there by itself.
TrainingLowering::Activated TrainingLowering::normalized_sum(NodeId norm, const Node& sum,
                                                             const RowActivation& activation) {
  const NodeId other = sum.inputs[0] == norm ? sum.inputs[1] : sum.inputs[0];
  return normalized_channels(norm, value_of(node_at(norm).inputs[0]),
                             waiting_norms_[static_cast<std::size_t>(norm)].value(), activation,
                             value_of(other));
}

Value TrainingLowering::sum_of(const Node& node, std::optional<NodeId> activation) {
  dnnl::post_ops post_ops;
  if (activation) {
    const auto& kind = std::get<ActivationLayer>(node_at(*activation).op).activation;
    onednn::append_eltwise(post_ops, eltwise_of(kind).front());
  }
  Value sum = value_of(node.inputs[0]);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    auto attr = emitter_.attributes();
    if (i + 1 == node.inputs.size()) {
      attr.set_post_ops(post_ops);
    }
    sum = binary(node.name, dnnl::algorithm::binary_add, sum, value_of(node.inputs[i]), attr);
  }
  return sum;
}

// The second factor may be one value a channel; its gradient is then summed over the image.
Value TrainingLowering::multiply(NodeId id) {
  const auto& node = node_at(id);
  const auto first = node.inputs[0];
  const auto second = node.inputs[1];
  const bool broadcast = shape_of(second) != shape_of(first);
  const Value a = value_of(first);
  const Value b = broadcast ? view(value_of(second), {1, 1, node.shape.back()}) : value_of(second);
  on_backward(id, [=, this](const Value& diff) {
    const auto& name = node_at(id).name;
    if (broadcast && wants_gradient(first) && wants_gradient(second)) {
      const auto gradients = gate_gradients_of(id, a, b, diff);
      add_gradient(first, gradients.of_values);
      add_gradient(second, view(gradients.of_gates, shape_of(second)));
      return;
    }
    const auto times = [&](const Value& other) {
      return binary(name, dnnl::algorithm::binary_mul, diff, other, emitter_.attributes());
    };
    if (wants_gradient(first)) {
      add_gradient(first, times(b));
    }
    if (wants_gradient(second)) {
      const auto product = times(a);
      add_gradient(second,
                   broadcast ? view(sum_over_image(name, product, shape_of(id)), shape_of(second)) : product);
    }
  });
  return binary(node.name, dnnl::algorithm::binary_mul, a, b, emitter_.attributes());
}

TrainingLowering::GateGradientValues TrainingLowering::gate_gradients_of(NodeId id, const Value& values,
                                                                         const Value& gates,
                                                                         const Value& diff) {
  const auto& shape = shape_of(id);
  const GateGradientValues made{.of_values = emitter_.value(values.desc),
                                .of_gates = emitter_.value(gates.desc)};
  emitter_.emit(node_at(id).name, "gate backward",
                {.reads = {values, gates, diff}, .writes = {made.of_values, made.of_gates}},
                [images = batch_, rows = element_count(shape) / shape.back(), channels = shape.back(),
                 bf16 = type_ == DataType::bf16, from = emitter_.memory(values), by = emitter_.memory(gates),
                 through = emitter_.memory(diff), of_values = emitter_.memory(made.of_values),
                 of_gates = emitter_.memory(made.of_gates)] {
                  gate_gradients({.values = from.get_data_handle(),
                                  .gates = by.get_data_handle(),
                                  .diff = through.get_data_handle(),
                                  .diff_values = of_values.get_data_handle(),
                                  .diff_gates = of_gates.get_data_handle(),
                                  .bf16 = bf16,
                                  .images = images,
                                  .rows = rows,
                                  .channels = channels});
                });
  return made;
}

// (H, W, C) -> (1, 1, C): the average times the number of pixels.
Value TrainingLowering::sum_over_image(const std::string& node, const Value& src, const Shape& shape) {
  const auto mean = emitter_.value(desc_of({1, 1, shape.back()}));
  const auto pd = onednn::pooling_forward(emitter_.engine(), prop_kind::forward_inference,
                                          dnnl::algorithm::pooling_avg_exclude_padding, src.desc, mean.desc,
                                          global_window(shape), emitter_.attributes());
  emitter_.emit(node, "pooling forward", pd,
                {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(mean)}});
  return eltwise(node, mean,
                 {dnnl::algorithm::eltwise_linear, static_cast<float>(shape[0] * shape[1]), 0.0F});
}

Value TrainingLowering::joined(const std::string& node, const std::vector<Value>& srcs, const Shape& shape,
                               int axis) {
  const auto dst = emitter_.value(desc_of(shape));
  emit_concat(emitter_, node, srcs, dst, axis);
  return dst;
}

Value TrainingLowering::concatenate(NodeId id) {
  const auto& node = node_at(id);
  std::vector<Value> srcs;
  for (const auto input : node.inputs) {
    srcs.push_back(value_of(input));
  }
  const int axis = channel_axis(node.shape);
  on_backward(id, [this, id, srcs, axis](const Value& diff) {
    const auto& inputs = node_at(id).inputs;
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto dims = onednn::dims_of(srcs[i].desc);
      if (wants_gradient(inputs[i])) {
        onednn::Dims offsets(dims.size(), 0);
        offsets[static_cast<std::size_t>(axis)] = offset;
        const auto diff_src = emitter_.value(srcs[i].desc);
        emitter_.copy(node_at(id).name, emitter_.memory(diff, diff.desc.submemory_desc(dims, offsets)),
                      emitter_.memory(diff_src));
        add_gradient(inputs[i], diff_src);
      }
      offset += dims[static_cast<std::size_t>(axis)];
    }
  });
  return joined(node.name, srcs, node.shape, axis);
}

// A mask of zeros and ones, and the scale 1 / (1 - rate) inside the multiplication.
Value TrainingLowering::dropout(NodeId id, const Dropout& op) {
  const auto& node = node_at(id);
  const auto input = node.inputs[0];
  const auto layout = dropout_layout(op.granularity, node.shape, batch_, type_);
  const auto mask = emitter_.value(layout.mask);
  const auto memory = emitter_.memory(mask);
  const auto layer = static_cast<std::uint32_t>(name_hash(node.name));
  std::int64_t count = 1;
  for (const auto extent : onednn::dims_of(layout.mask)) {
    count *= extent;
  }
  emitter_.emit(node.name, "dropout mask", {.writes = {mask}},
                [&state = state_, memory, count, rate = op.rate, bf16 = type_ == DataType::bf16,
                 seed = options_.dropout_seed, layer] {
                  fill_dropout_mask(memory.get_data_handle(), count, rate, bf16,
                                    {.seed = seed, .step = state.step, .layer = layer});
                });
  dnnl::post_ops post_ops;
  onednn::append_eltwise(post_ops, {dnnl::algorithm::eltwise_linear, 1.0F / (1.0F - op.rate), 0.0F});
  auto attr = emitter_.attributes();
  attr.set_post_ops(post_ops);
  const auto masked = [=, this](const Value& value) {
    const auto& masked_node = node_at(id);
    return view(
        binary(masked_node.name, dnnl::algorithm::binary_mul, {value.buffer, layout.data}, mask, attr),
        masked_node.shape);
  };
  on_backward(id, [=, this](const Value& diff) { add_gradient(input, masked(diff)); });
  return masked(value_of(input));
}

}  // namespace headstart
