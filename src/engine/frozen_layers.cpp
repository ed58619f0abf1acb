// Convolutions and dense layers of the inference program, with what is fused into them.
#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "engine/frozen_lowering.h"
#include "engine/int8_values.h"
#include "engine/lowering.h"
#include "graph/overloaded.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;

namespace {

// An addition to what stands in the destination.
void append_sum(dnnl::post_ops& post_ops, const Value& summand) {
  if (is_int8(summand)) {
    constexpr int kZeroPoint = 0;
    post_ops.append_sum(summand.scale, kZeroPoint, onednn::type_of(summand.desc));
  } else {
    post_ops.append_sum();
  }
}

// Brings a result to the steps of the value that it is stored in.
void append_rounding(dnnl::post_ops& post_ops, const Value& value) {
  if (is_int8(value)) {
    onednn::append_eltwise(
        post_ops, {.algorithm = dnnl::algorithm::eltwise_linear, .alpha = 1.0F / value.scale, .beta = 0.0F});
  }
}

// The channels of a kernel whose products are added up in 16 bits first, as without VNNI they are; 0: none.
std::int64_t paired_channels(const Desc& user_weights) {
  if (onednn::cpu_has(dnnl::cpu_isa::avx512_core_vnni) || onednn::cpu_has(dnnl::cpu_isa::avx2_vnni)) {
    return 0;
  }
  const auto dims = onednn::dims_of(user_weights);
  return dims.size() == 5 ? dims[2] : dims[1];
}

// `kernel` and `bias` are what a primitive reads; `user` is the layout of the kernel given.
void pack(FoldedWeights weights, const Desc& user, const dnnl::engine& engine, dnnl::memory kernel,
          const dnnl::memory& bias) {
  dnnl::stream stream(engine);
  dnnl::memory from(user, engine, weights.kernel.data());
  dnnl::reorder(from, kernel).execute(stream, from, kernel);
  stream.wait();
  if (!weights.bias.empty()) {
    std::memcpy(bias.get_data_handle(), weights.bias.data(), weights.bias.size() * sizeof(float));
  }
}

}  // namespace

Value FrozenLowering::lower_layer(const FusedLayer& layer) {
  const auto& node = node_at(layer.base);
  const auto input = node.inputs[0];
  const auto channels = shape_of(input).back();
  WeightNames names{.kernel = node.name + "/kernel",
                    .bias = "",
                    .affine = layer.affine ? &node_at(*layer.affine) : nullptr};
  const auto with_bias = [&](bool use) { names.bias = use ? node.name + "/bias" : ""; };
  const auto with_kernel_scale = [&](bool use) {
    names.kernel_scale = use ? node.name + "/kernel_scale" : "";
  };
  return std::visit(
      Overloaded{[&](const Conv2D& op) {
                   with_bias(op.use_bias);
                   with_kernel_scale(op.weight_normalization);
                   return convolution(layer, geometry_of(op, channels), padded_input(layer), names);
                 },
                 [&](const DepthwiseConv2D& op) {
                   with_bias(op.use_bias);
                   return convolution(layer, geometry_of(op, channels), padded_input(layer), names);
                 },
                 [&](const SeparableConv2D& op) {
                   with_bias(op.use_bias);
                   return separable(layer, op, names);
                 },
                 [&](const Dense& op) {
                   with_bias(op.use_bias);
                   with_kernel_scale(op.weight_normalization);
                   return dense(layer, op, names);
                 },
                 [](const OneOf<Input, Conv2DTranspose, MaxPooling2D, AveragePooling2D,
                                GlobalAveragePooling2D, GlobalMaxPooling2D, ZeroPadding2D, ActivationLayer,
                                BatchNormalization, LayerNormalization, Scale, Normalization, SelfAttention,
                                WindowAttention, ClassToken, PositionEmbedding, Cropping2D, ChannelShuffle,
                                ChannelSlice, GroupNormalization, LocalResponseNormalization, UpSampling2D,
                                Add, Multiply, Concatenate, Flatten, Reshape, Dropout, Rescaling> auto&)
                     -> Value { throw std::logic_error("not a layer with weights"); }},
      node.op);
}

// What a layer multiplies.
const Value& FrozenLowering::operand(const FusedLayer& layer, NodeId input) {
  return int8_.computed[static_cast<std::size_t>(layer.tail)] ? int8_of(input) : value_of(input);
}

// What a convolution slides over, and the zeros around it.
FrozenLowering::PaddedNode FrozenLowering::padded_node(const FusedLayer& layer) const {
  const auto pad = padding_[static_cast<std::size_t>(layer.base)];
  return pad ? PaddedNode{node_at(*pad).inputs[0], std::get<ZeroPadding2D>(node_at(*pad).op)}
             : PaddedNode{node_at(layer.base).inputs[0], {}};
}

FrozenLowering::PaddedInput FrozenLowering::padded_input(const FusedLayer& layer) {
  const auto [input, zeros] = padded_node(layer);
  return {operand(layer, input), shape_of(input), zeros};
}

// Whether a step after this layer reads the buffer under any of its names, or the caller gets it.
bool FrozenLowering::is_read_later(const FusedLayer& layer, int buffer) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (values_[i].buffer != buffer) {
      continue;
    }
    if (must_exist_[i]) {
      return true;
    }
    for (const auto consumer : consumers_[i]) {
      const bool here = std::any_of(layer.follow_ups.begin(), layer.follow_ups.end(),
                                    [&](const FollowUp& follow_up) { return follow_up.node == consumer; });
      if (!here && !done_[static_cast<std::size_t>(consumer)]) {
        return true;
      }
    }
  }
  return false;
}

// A value that the layer adds twice, under whatever names, has to be there for the second time.
bool FrozenLowering::may_overwrite(const FusedLayer& layer, const Value& summand, const Value& result) const {
  const auto readings =
      std::count_if(layer.follow_ups.begin(), layer.follow_ups.end(), [&](const FollowUp& follow_up) {
        return follow_up.other >= 0 && stored(follow_up.other).buffer == summand.buffer;
      });
  const bool fits =
      summand.desc == result.desc ||
      (is_int8(summand) && is_int8(result) && onednn::dims_of(summand.desc) == onednn::dims_of(result.desc));
  return fits && readings == 1 && emitter_.in_arena(summand) && !is_read_later(layer, summand.buffer);
}

// Where the result goes: over the other summand of the first Add that allows it, for oneDNN's fast kernels
// accumulate into their destination, while a summand elsewhere makes them slow ones. A layer that multiplies
// int8 has no fast ones for that at all, so the summand is copied to the destination.
FrozenLowering::Destination FrozenLowering::destination(const FusedLayer& layer, const Value& src) {
  const auto result = result_value(layer.tail);
  for (const auto& follow_up : layer.follow_ups) {
    if (follow_up.other >= 0 && stored(follow_up.other).buffer != src.buffer &&
        may_overwrite(layer, stored(follow_up.other), result)) {
      const auto& summand = stored(follow_up.other);
      return {{summand.buffer, result.desc, result.scale}, summand, follow_up.node};
    }
  }
  if (!is_int8(src)) {
    return {.value = result};
  }
  for (const auto& follow_up : layer.follow_ups) {
    if (follow_up.other >= 0) {
      const auto& other = is_int8(result) ? int8_of(follow_up.other) : value_of(follow_up.other);
      const Value summand{result.buffer, is_int8(other) ? other.desc : result.desc, other.scale};
      emitter_.copy(label(layer), emitter_.memory(other), emitter_.memory(summand));
      return {result, summand, follow_up.node};
    }
  }
  return {.value = result};
}

// A swish at the end is a step of its own: the exponentials of oneDNN's kernels without AVX-512 take twice
// the time of ours.
FrozenLowering::Ending FrozenLowering::ending(const FusedLayer& layer) const {
  Ending result{.activation = own_activation(layer), .follow_ups = layer.follow_ups};
  if (type_ != DataType::f32 || onednn::cpu_has(dnnl::cpu_isa::avx512_core)) {
    return result;
  }
  const auto is_curve = [](const Activation& activation) {
    return activation.kind == Activation::Kind::swish;
  };
  if (result.follow_ups.empty()) {
    if (is_curve(result.activation)) {
      result.curve = as_row_activation(std::exchange(result.activation, {}));
    }
    return result;
  }
  const auto& last = result.follow_ups.back();
  if (last.other < 0) {
    const auto& activation = std::get<ActivationLayer>(node_at(last.node).op).activation;
    if (is_curve(activation)) {
      result.curve = as_row_activation(activation);
      result.follow_ups.pop_back();
    }
  }
  return result;
}

void FrozenLowering::emit_curve(const std::string& name, const RowActivation& curve, const Value& src,
                                const Value& dst) {
  const auto from = emitter_.memory(src), to = emitter_.memory(dst);
  const auto count = static_cast<std::int64_t>(src.desc.get_size() / sizeof(float));
  const Access access{.reads = {src}, .writes = {dst}};
  if (!is_int8(dst)) {
    emitter_.emit(name, "activation", access,
                  [=] { activate_values(floats(from), count, curve, floats(to)); });
    return;
  }
  const auto layout = byte_layout(dst);
  emitter_.emit(name, "activation", access,
                [=] { activated_to_bytes(floats(from), count, curve, layout, to.get_data_handle()); });
}

// The ending as post-operations with their arguments.
dnnl::primitive_attr FrozenLowering::post_operations(const FusedLayer& layer, const Ending& ending,
                                                     const Destination& destination, Arguments& arguments) {
  dnnl::post_ops post_ops;
  const auto append = [&](const Activation& activation) {
    for (const auto& eltwise : eltwise_of(activation)) {
      onednn::append_eltwise(post_ops, eltwise);
    }
  };
  append(ending.activation);
  for (const auto& follow_up : ending.follow_ups) {
    if (follow_up.other < 0) {
      append(std::get<ActivationLayer>(node_at(follow_up.node).op).activation);
    } else if (follow_up.node == destination.add) {
      append_sum(post_ops, *destination.summand);
    } else {
      const auto& other = value_of(follow_up.other);
      const bool dense = std::holds_alternative<Dense>(node_at(layer.base).op);
      const auto memory = emitter_.memory(
          other, dense ? pixels_desc(other.desc, node_at(follow_up.node).shape.back()) : other.desc);
      arguments.insert({DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_ops.len()) | DNNL_ARG_SRC_1, memory});
      post_ops.append_binary(dnnl::algorithm::binary_add, memory.get_desc());
    }
  }
  append_rounding(post_ops, destination.value);
  auto attr = emitter_.attributes();
  attr.set_post_ops(post_ops);
  return attr;
}

// Softmax is a step of its own behind the layer.
Activation FrozenLowering::own_activation(const FusedLayer& layer) const {
  const auto activation = *activation_of(node_at(layer.base).op);
  return activation.kind == Activation::Kind::softmax ? Activation{} : activation;
}

// emit(ending, destination) emits the layer's kernel and returns its result; what follows it is emitted here.
template <typename Emit>
Value FrozenLowering::ended(const FusedLayer& layer, const Destination& destination, const Emit& emit) {
  const auto whole = ending(layer);
  const bool in_between = whole.curve && is_int8(destination.value);
  const Destination own =
      in_between ? Destination{.value = emitter_.value(desc_of(shape_of(layer.tail)))} : destination;
  Value result = emit(whole, own);
  if (whole.curve) {
    emit_curve(label(layer), *whole.curve, result, destination.value);
    result = destination.value;
  }
  const auto& node = node_at(layer.base);
  const auto* activation = activation_of(node.op);
  return activation->kind == Activation::Kind::softmax ? activate(node.name, result, *activation) : result;
}

std::string FrozenLowering::label(const FusedLayer& layer) const {
  std::string text = node_at(layer.base).name;
  if (layer.affine) {
    text += "+" + node_at(*layer.affine).name;
  }
  for (const auto& follow_up : layer.follow_ups) {
    text += "+" + node_at(follow_up.node).name;
  }
  return text;
}

// Whether oneDNN's kernel would add other elements of a summand than those at the result's places, as those
// by products of matrices do (2.6.3).
bool FrozenLowering::adds_wrongly(const FusedLayer& layer, const Ending& ending, const Destination& own,
                                  const LayerShape& shape, const Value& src) {
  const bool adds = std::any_of(
      ending.follow_ups.begin(), ending.follow_ups.end(),
      [&](const FollowUp& follow_up) { return follow_up.other >= 0 && follow_up.node != own.add; });
  if (!adds || is_int8(src)) {
    return false;
  }
  Arguments arguments;
  const auto attr = post_operations(layer, ending, own, arguments);
  const onednn::LayerDescs descs{
      .src = src.desc, .weights = shape.weights, .bias = Desc(), .dst = own.value.desc};
  const auto pd =
      onednn::convolution_forward(emitter_.engine(), prop_kind::forward_inference, descs, shape.window, attr);
  return std::string(pd.impl_info_str()).find("gemm") != std::string::npos;
}

// What the kernel does before its first addition, and the rest.
std::pair<FrozenLowering::Ending, std::vector<FollowUp>> FrozenLowering::split_at_addition(
    const Ending& ending) {
  const auto& all = ending.follow_ups;
  const auto addition =
      std::find_if(all.begin(), all.end(), [](const FollowUp& follow_up) { return follow_up.other >= 0; });
  return {{.activation = ending.activation, .follow_ups = {all.begin(), addition}}, {addition, all.end()}};
}

// The follow-ups as steps of their own behind the layer's kernel.
Value FrozenLowering::added(const FusedLayer& layer, const std::vector<FollowUp>& follow_ups, Value result) {
  for (const auto& follow_up : follow_ups) {
    result = follow_up.other >= 0
                 ? binary(label(layer), dnnl::algorithm::binary_add, result, value_of(follow_up.other))
                 : activate(label(layer), result,
                            std::get<ActivationLayer>(node_at(follow_up.node).op).activation);
  }
  return result;
}

Value FrozenLowering::convolution(const FusedLayer& layer, const ConvolutionGeometry& geometry,
                                  const PaddedInput& input, const WeightNames& names) {
  if (const auto result = convolution_of_bytes(layer, geometry, input, names)) {
    return *result;
  }
  const auto shape = convolution_shape(geometry, input.shape, input.zeros, weights_type(input.value));
  const auto dst = destination(layer, input.value);
  return ended(layer, dst, [&](const Ending& ending, const Destination& own) {
    if (convolution_by_tiles(layer, shape, input.value, own, names)) {
      return own.value;
    }
    const auto emit = [&](const Ending& part, const Destination& to) {
      Arguments arguments;
      const auto attr = post_operations(layer, part, to, arguments);
      emit_layer(label(layer), "convolution", shape, input.value, to.value, names, attr, arguments);
      return to.value;
    };
    if (!adds_wrongly(layer, ending, own, shape, input.value)) {
      return emit(ending, own);
    }
    const auto [inside, behind] = split_at_addition(ending);
    return added(layer, behind, emit(inside, {.value = emitter_.value(own.value.desc)}));
  });
}

Value FrozenLowering::separable(const FusedLayer& layer, const SeparableConv2D& op, WeightNames names) {
  const auto& node = node_at(layer.base);
  const auto name = depthwise_name(node.name);
  const auto input = padded_input(layer);
  const auto channels = input.shape.back();
  const auto first =
      convolution_shape(depthwise_half(op, channels), input.shape, input.zeros, weights_type(input.value));
  Shape middle = node.shape;
  middle.back() = channels * op.depth_multiplier;
  Value between;
  dnnl::post_ops post_ops;
  if (is_int8(input.value)) {
    const auto form = int8_form(ranges_->at(name));
    between = emitter_.value(activation_desc(middle, batch_, form.type));
    between.scale = form.scale;
    append_rounding(post_ops, between);
  } else {
    between = emitter_.value(desc_of(middle));
  }
  auto attr = emitter_.attributes();
  attr.set_post_ops(post_ops);
  emit_layer(name, "convolution", first, input.value, between,
             {.kernel = node.name + "/depthwise_kernel", .bias = ""}, attr, {});
  observe(name, between);
  names.kernel = node.name + "/pointwise_kernel";
  return convolution(layer, pointwise_half(op, channels), {.value = between, .shape = middle}, names);
}

void FrozenLowering::emit_layer(const std::string& name, const char* kind, const LayerShape& shape,
                                const Value& src, const Value& dst, const WeightNames& names,
                                dnnl::primitive_attr attr, Arguments arguments) {
  const bool has_bias = !names.bias.empty() || names.affine != nullptr;
  const onednn::LayerDescs descs{.src = src.desc,
                                 .weights = shape.weights,
                                 .bias = has_bias ? vector_desc(shape.filters) : Desc(),
                                 .dst = dst.desc};
  std::optional<Int8Weights> int8;
  if (is_int8(src)) {
    int8 = int8_weights(names, shape, src.scale);
    if (onednn::kBiasBeforeFactors) {
      auto& bias = int8->weights.bias;
      std::transform(bias.begin(), bias.end(), int8->factors.begin(), bias.begin(), std::divides<>());
    }
    const bool grouped = onednn::dims_of(shape.user_weights).size() == 5;
    if (const auto argument = onednn::scale_channels(attr, int8->factors, grouped)) {
      const auto factors = emitter_.memory(emitter_.weights(vector_desc(shape.filters)));
      std::copy(int8->factors.begin(), int8->factors.end(), floats(factors));
      arguments.insert({*argument, factors});
    }
  }
  arguments.insert({DNNL_ARG_SRC, emitter_.memory(src)});
  arguments.insert({DNNL_ARG_DST, emitter_.memory(dst)});
  const auto pd =
      onednn::convolution_forward(emitter_.engine(), prop_kind::forward_inference, descs, shape.window, attr);
  if (int8) {
    add_int8_weights(shape, pd.weights_desc(), std::move(*int8), arguments);
  } else {
    add_weights(shape, pd.weights_desc(), names, has_bias, arguments);
  }
  emitter_.emit(name, kind, pd, std::move(arguments));
}

// Its activation is a step of its own: oneDNN's transposed convolutions have no fast post-operations.
Value FrozenLowering::transposed(const Node& node, const Conv2DTranspose& op) {
  const auto& src = input_of(node);
  const auto shape = transposed_shape(op, shape_of(node.inputs[0]), type_);
  const auto dst = emitter_.value(desc_of(node.shape));
  const onednn::LayerDescs descs{.src = src.desc,
                                 .weights = shape.weights,
                                 .bias = op.use_bias ? vector_desc(op.filters) : Desc(),
                                 .dst = dst.desc};
  const auto pd = onednn::deconvolution_forward(emitter_.engine(), prop_kind::forward_inference, descs,
                                                shape.window, emitter_.attributes());
  Arguments arguments{{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}};
  const WeightNames names{.kernel = node.name + "/kernel", .bias = op.use_bias ? node.name + "/bias" : ""};
  add_weights(shape, pd.weights_desc(), names, op.use_bias, arguments);
  emitter_.emit(node.name, "transposed convolution", pd, std::move(arguments));
  return activate(node.name, dst, op.activation);
}

// As a 1x1 convolution of rows. oneDNN's inner products pack their weights at every call without AVX-512 (for
// few rows that takes 2 to 100 times as long as the products), and with it they reach half of the CPU's rate.
Value FrozenLowering::dense(const FusedLayer& layer, const Dense& op, const WeightNames& names) {
  const auto input = node_at(layer.base).inputs[0];
  const auto inputs = shape_of(input).back();
  const auto as_operand = [](const Value& value, std::int64_t columns) {
    return Value{value.buffer, pixels_desc(value.desc, columns), value.scale};
  };
  const auto src = as_operand(operand(layer, input), inputs);
  const auto dst = destination(layer, src);
  const auto type = weights_type(src);
  const auto rows = onednn::dims_of(matrix_desc(src.desc, inputs))[0];
  const auto shape = convolution_shape(
      {.kernel = {1, 1}, .strides = {1, 1}, .dilation = {1, 1}, .channels = inputs, .filters = op.units},
      {1, rows, inputs}, {}, type);
  return ended(layer, dst, [&](const Ending& ending, const Destination& own) {
    Arguments arguments;
    const auto attr = post_operations(layer, ending, own, arguments);
    emit_layer(label(layer), "inner product", shape, src, as_operand(own.value, op.units), names, attr,
               arguments);
    return own.value;
  });
}

FoldedWeights FrozenLowering::folded(const WeightNames& names, std::int64_t filters,
                                     const Parameters& parameters) {
  const Tensor* bias = names.bias.empty() ? nullptr : &parameters.at(names.bias);
  const auto form =
      names.affine != nullptr ? std::optional(inference_form(*names.affine, parameters)) : std::nullopt;
  const Tensor& kernel = parameters.at(names.kernel);
  return names.kernel_scale.empty()
             ? fold(kernel, bias, form, filters)
             : fold(normalized_kernel(kernel, parameters.at(names.kernel_scale)), bias, form, filters);
}

// Memory for packed weights and bias, and the loader that fills it from the parameters.
void FrozenLowering::add_weights(const LayerShape& shape, const Desc& packed, const WeightNames& names,
                                 bool has_bias, Arguments& arguments) {
  auto weights = emitter_.memory(emitter_.weights(packed));
  arguments.insert({DNNL_ARG_WEIGHTS, weights});
  dnnl::memory bias;
  if (has_bias) {
    bias = emitter_.memory(emitter_.weights(vector_desc(shape.filters)));
    arguments.insert({DNNL_ARG_BIAS, bias});
  }
  const std::optional<Node> affine = names.affine != nullptr ? std::optional(*names.affine) : std::nullopt;
  result_.loaders.push_back([=, engine = emitter_.engine()](const Parameters& parameters) {
    auto own = names;
    own.affine = affine ? &*affine : nullptr;
    pack(folded(own, shape.filters, parameters), shape.user_weights, engine, weights, bias);
  });
}

FrozenLowering::Int8Weights FrozenLowering::int8_weights(const WeightNames& names, const LayerShape& shape,
                                                         float src_scale) const {
  auto whole = folded(names, shape.filters, parameters_);
  auto kernel = int8_kernel(std::move(whole.kernel), shape.filters, paired_channels(shape.user_weights));
  for (float& scale : kernel.scales) {
    scale *= src_scale;
  }
  return {.weights = {.kernel = std::move(kernel.values), .bias = std::move(whole.bias)},
          .factors = std::move(kernel.scales)};
}

void FrozenLowering::add_int8_weights(const LayerShape& shape, const Desc& packed, Int8Weights weights,
                                      Arguments& arguments) {
  auto kernel = emitter_.memory(emitter_.weights(packed));
  arguments.insert({DNNL_ARG_WEIGHTS, kernel});
  dnnl::memory bias;
  if (!weights.weights.bias.empty()) {
    bias = emitter_.memory(emitter_.weights(vector_desc(shape.filters)));
    arguments.insert({DNNL_ARG_BIAS, bias});
  }
  result_.loaders.push_back(
      [=, engine = emitter_.engine(), whole = std::make_shared<FoldedWeights>(std::move(weights.weights))](
          const Parameters&) { pack(std::move(*whole), shape.user_weights, engine, kernel, bias); });
}

}  // namespace headstart
