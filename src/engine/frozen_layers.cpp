// Convolutions and dense layers of the inference program, with what is fused into them.
#include <algorithm>
#include <cstring>
#include <optional>
#include <variant>

#include "engine/frozen_lowering.h"
#include "engine/lowering.h"
#include "graph/overloaded.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;

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
                   return convolution(layer, geometry_of(op, channels), padded_input(layer.base), names);
                 },
                 [&](const DepthwiseConv2D& op) {
                   with_bias(op.use_bias);
                   return convolution(layer, geometry_of(op, channels), padded_input(layer.base), names);
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
                                ClassToken, PositionEmbedding, Cropping2D, ChannelShuffle, ChannelSlice,
                                GroupNormalization, LocalResponseNormalization, UpSampling2D, Add, Multiply,
                                Concatenate, Flatten, Reshape, Dropout, Rescaling> auto&) -> Value {
                   throw std::logic_error("not a layer with weights");
                 }},
      node.op);
}

// What a convolution slides over, and the zeros around it.
FrozenLowering::PaddedInput FrozenLowering::padded_input(NodeId convolution) const {
  const auto pad = padding_[static_cast<std::size_t>(convolution)];
  const auto input = pad ? node_at(*pad).inputs[0] : node_at(convolution).inputs[0];
  return {value_of(input), shape_of(input),
          pad ? std::get<ZeroPadding2D>(node_at(*pad).op) : ZeroPadding2D{}};
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

// The first Add whose other summand the result may overwrite: oneDNN's fast kernels accumulate into their
// destination, while a summand elsewhere makes them slow ones.
std::optional<FollowUp> FrozenLowering::overwritten_summand(const FusedLayer& layer, const Value& src) const {
  for (const auto& follow_up : layer.follow_ups) {
    if (follow_up.other < 0) {
      continue;
    }
    const auto& other = value_of(follow_up.other);
    const bool fits =
        other.desc == result_desc(layer.tail) && emitter_.in_arena(other) && other.buffer != src.buffer;
    if (fits && !is_read_later(layer, other.buffer)) {
      return follow_up;
    }
  }
  return std::nullopt;
}

// The layer's own activation and what was fused behind it, as post-operations with their arguments.
dnnl::primitive_attr FrozenLowering::post_operations(const FusedLayer& layer, NodeId overwritten,
                                                     Arguments& arguments) {
  dnnl::post_ops post_ops;
  const auto append = [&](const Activation& activation) {
    for (const auto& eltwise : eltwise_of(activation)) {
      onednn::append_eltwise(post_ops, eltwise);
    }
  };
  append(own_activation(layer));
  for (const auto& follow_up : layer.follow_ups) {
    if (follow_up.other < 0) {
      append(std::get<ActivationLayer>(node_at(follow_up.node).op).activation);
    } else if (follow_up.node == overwritten) {
      post_ops.append_sum();
    } else {
      const auto& other = value_of(follow_up.other);
      const bool dense = std::holds_alternative<Dense>(node_at(layer.base).op);
      const auto memory = emitter_.memory(
          other, dense ? matrix_desc(other.desc, node_at(follow_up.node).shape.back()) : other.desc);
      arguments.insert({DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_ops.len()) | DNNL_ARG_SRC_1, memory});
      post_ops.append_binary(dnnl::algorithm::binary_add, memory.get_desc());
    }
  }
  auto attr = emitter_.attributes();
  attr.set_post_ops(post_ops);
  return attr;
}

// Softmax is a step of its own behind the layer.
Activation FrozenLowering::own_activation(const FusedLayer& layer) const {
  const auto activation = *activation_of(node_at(layer.base).op);
  return activation.kind == Activation::Kind::softmax ? Activation{} : activation;
}

Value FrozenLowering::finish(const FusedLayer& layer, const Value& value) {
  const auto& node = node_at(layer.base);
  const auto* activation = activation_of(node.op);
  return activation->kind == Activation::Kind::softmax ? activate(node.name, value, *activation) : value;
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

Value FrozenLowering::convolution(const FusedLayer& layer, const ConvolutionGeometry& geometry,
                                  const PaddedInput& input, const WeightNames& names) {
  const auto shape = convolution_shape(geometry, input.shape, input.zeros, type_);
  const auto overwritten = overwritten_summand(layer, input.value);
  const auto dst = overwritten ? value_of(overwritten->other) : emitter_.value(result_desc(layer.tail));
  Arguments arguments;
  const auto attr = post_operations(layer, overwritten ? overwritten->node : -1, arguments);
  emit_convolution(label(layer), shape, input.value, dst, names, attr, arguments);
  return finish(layer, dst);
}

Value FrozenLowering::separable(const FusedLayer& layer, const SeparableConv2D& op, WeightNames names) {
  const auto& node = node_at(layer.base);
  const auto input = padded_input(layer.base);
  const auto channels = input.shape.back();
  const auto first = convolution_shape(depthwise_half(op, channels), input.shape, input.zeros, type_);
  Shape middle = node.shape;
  middle.back() = channels * op.depth_multiplier;
  const auto between = emitter_.value(desc_of(middle));
  emit_convolution(node.name + " (depthwise)", first, input.value, between,
                   {.kernel = node.name + "/depthwise_kernel", .bias = ""}, emitter_.attributes(), {});
  names.kernel = node.name + "/pointwise_kernel";
  return convolution(layer, pointwise_half(op, channels), {.value = between, .shape = middle}, names);
}

void FrozenLowering::emit_convolution(const std::string& name, const LayerShape& shape, const Value& src,
                                      const Value& dst, const WeightNames& names,
                                      const dnnl::primitive_attr& attr, Arguments arguments) {
  const bool has_bias = !names.bias.empty() || names.affine != nullptr;
  const onednn::LayerDescs descs{.src = src.desc,
                                 .weights = shape.weights,
                                 .bias = has_bias ? vector_desc(shape.filters) : Desc(),
                                 .dst = dst.desc};
  const auto pd =
      onednn::convolution_forward(emitter_.engine(), prop_kind::forward_inference, descs, shape.window, attr);
  arguments.insert({DNNL_ARG_SRC, emitter_.memory(src)});
  arguments.insert({DNNL_ARG_DST, emitter_.memory(dst)});
  add_weights(shape, pd.weights_desc(), names, has_bias, arguments);
  emitter_.emit(name, "convolution", pd, std::move(arguments));
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

Value FrozenLowering::dense(const FusedLayer& layer, const Dense& op, const WeightNames& names) {
  const auto input = node_at(layer.base).inputs[0];
  const auto inputs = shape_of(input).back();
  const auto shape = dense_shape(inputs, op.units, type_);
  const auto overwritten = overwritten_summand(layer, value_of(input));
  const auto dst = overwritten ? value_of(overwritten->other) : emitter_.value(result_desc(layer.tail));
  const auto matrix = [](const Value& value, std::int64_t columns) {
    return Value{value.buffer, matrix_desc(value.desc, columns)};
  };
  const auto src_matrix = matrix(value_of(input), inputs);
  const auto dst_matrix = matrix(dst, op.units);
  Arguments arguments;
  const auto attr = post_operations(layer, overwritten ? overwritten->node : -1, arguments);
  const bool has_bias = !names.bias.empty() || names.affine != nullptr;
  const onednn::LayerDescs descs{.src = src_matrix.desc,
                                 .weights = shape.weights,
                                 .bias = has_bias ? vector_desc(op.units) : Desc(),
                                 .dst = dst_matrix.desc};
  const auto pd = onednn::inner_product_forward(emitter_.engine(), prop_kind::forward_inference, descs, attr);
  arguments.insert({DNNL_ARG_SRC, emitter_.memory(src_matrix)});
  arguments.insert({DNNL_ARG_DST, emitter_.memory(dst_matrix)});
  add_weights(shape, pd.weights_desc(), names, has_bias, arguments);
  emitter_.emit(label(layer), "inner product", pd, std::move(arguments));
  return finish(layer, dst);
}

// Memory for packed weights and bias, and the loader that fills it from the parameters.
void FrozenLowering::add_weights(const LayerShape& shape, const Desc& packed, const WeightNames& names,
                                 bool has_bias, Arguments& arguments) {
  auto weights = emitter_.memory(emitter_.persistent(packed));
  arguments.insert({DNNL_ARG_WEIGHTS, weights});
  dnnl::memory bias;
  if (has_bias) {
    bias = emitter_.memory(emitter_.persistent(vector_desc(shape.filters)));
    arguments.insert({DNNL_ARG_BIAS, bias});
  }
  const std::optional<Node> affine = names.affine != nullptr ? std::optional(*names.affine) : std::nullopt;
  result_.loaders.push_back([=, engine = emitter_.engine(), kernel_name = names.kernel,
                             scale_name = names.kernel_scale, bias_name = names.bias,
                             user = shape.user_weights,
                             filters = shape.filters](const Parameters& parameters) {
    const Tensor* own_bias = bias_name.empty() ? nullptr : &parameters.at(bias_name);
    const auto form = affine ? std::optional(inference_form(*affine, parameters)) : std::nullopt;
    auto folded = scale_name.empty()
                      ? fold(parameters.at(kernel_name), own_bias, form, filters)
                      : fold(normalized_kernel(parameters.at(kernel_name), parameters.at(scale_name)),
                             own_bias, form, filters);
    dnnl::stream stream(engine);
    dnnl::memory from(user, engine, folded.kernel.data());
    auto to = weights;
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
    if (!folded.bias.empty()) {
      std::memcpy(bias.get_data_handle(), folded.bias.data(), folded.bias.size() * sizeof(float));
    }
  });
}

}  // namespace headstart
