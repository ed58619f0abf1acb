#include "engine/frozen_lowering.h"

#include <algorithm>
#include <cstring>
#include <variant>

#include "engine/folding.h"
#include "engine/lowering.h"
#include "graph/overloaded.h"

namespace headstart {
namespace {

using dnnl::prop_kind;
using onednn::Desc;

// Parameters of one convolution or dense primitive.
struct WeightNames {
  std::string kernel;
  std::string bias;  // empty: none
  const Node* batch_norm = nullptr;
};

class InferenceLowering {
 public:
  InferenceLowering(Emitter& emitter, const Graph& graph, const std::vector<NodeId>& outputs,
                    const FrozenProgram::Options& options)
      : emitter_(emitter),
        nodes_(options.logits ? nodes_ending_in_logits(graph) : graph.nodes()),
        outputs_(outputs),
        sources_(options.sources.empty() ? std::vector<NodeId>{0} : options.sources),
        batch_(options.batch),
        type_(options.precision == Precision::bf16 ? DataType::bf16 : DataType::f32),
        needed_(ancestors(nodes_, outputs_, sources_)),
        values_(nodes_.size()) {
    for (const auto source : sources_) {
      is_source_.resize(nodes_.size(), false);
      is_source_[static_cast<std::size_t>(source)] = true;
    }
    std::vector<bool> computed = needed_;  // sources are given, not computed
    for (const auto source : sources_) {
      computed[static_cast<std::size_t>(source)] = false;
    }
    consumers_ = consumers_of(nodes_, computed);
    must_exist_ = is_source_;
    for (const auto output : outputs_) {
      must_exist_[static_cast<std::size_t>(output)] = true;
    }
    fusion_ = fuse(nodes_, consumers_, computed, must_exist_);
    padding_ = absorbable_padding(nodes_, consumers_, must_exist_);
    for (const auto& pad : padding_) {
      if (pad) {
        fusion_.absorbed[static_cast<std::size_t>(*pad)] = true;
      }
    }
  }

  LoweredInference lower() {
    lower_sources();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (needed_[i] && !is_source_[i] && !fusion_.absorbed[i]) {
        lower_node(static_cast<NodeId>(i));
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

 private:
  const Node& node_at(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  const Value& value_of(NodeId id) const { return values_[static_cast<std::size_t>(id)]; }
  const Shape& shape_of(NodeId id) const { return node_at(id).shape; }
  Desc desc_of(const Shape& shape) const { return activation_desc(shape, batch_, type_); }

  // A value that nothing in the program reads but the caller is f32 at once.
  Desc result_desc(NodeId id) const {
    const auto i = static_cast<std::size_t>(id);
    return activation_desc(nodes_[i].shape, batch_,
                           must_exist_[i] && consumers_[i].empty() ? DataType::f32 : type_);
  }

  void lower_sources() {
    for (const auto source : sources_) {
      const auto& node = node_at(source);
      const auto external = emitter_.external(activation_desc(node.shape, batch_, DataType::f32));
      result_.sources.push_back(external);
      values_[static_cast<std::size_t>(source)] = emitter_.reorder(node.name, external, desc_of(node.shape));
    }
  }

  void lower_node(NodeId id) {
    const auto i = static_cast<std::size_t>(id);
    if (fusion_.layer_at[i]) {
      values_[i] = lower_layer(*fusion_.layer_at[i]);
      return;
    }
    const auto& node = nodes_[i];
    values_[i] = std::visit(
        Overloaded{
            [](const OneOf<Input, Conv2D, DepthwiseConv2D, SeparableConv2D, Dense> auto&) -> Value {
              throw std::logic_error("sources and layers with weights are lowered elsewhere");
            },
            [&](const MaxPooling2D& op) {
              return pool(
                  node, dnnl::algorithm::pooling_max,
                  pooling_window(op.pool, op.strides, op.padding, shape_of(node.inputs[0]), node.shape));
            },
            [&](const AveragePooling2D& op) {
              return pool(
                  node,
                  op.count_padding ? dnnl::algorithm::pooling_avg_include_padding
                                   : dnnl::algorithm::pooling_avg_exclude_padding,
                  pooling_window(op.pool, op.strides, op.padding, shape_of(node.inputs[0]), node.shape));
            },
            [&](const GlobalAveragePooling2D&) {
              return pool(node, dnnl::algorithm::pooling_avg_exclude_padding,
                          global_window(shape_of(node.inputs[0])));
            },
            [&](const GlobalMaxPooling2D&) {
              return pool(node, dnnl::algorithm::pooling_max, global_window(shape_of(node.inputs[0])));
            },
            [&](const ZeroPadding2D& op) { return pad(node, op); },
            [&](const ActivationLayer& op) {
              return activate(node.name, value_of(node.inputs[0]), op.activation);
            },
            [&](const BatchNormalization&) { return normalize(node); },
            [&](const Add&) { return fold_binary(node, dnnl::algorithm::binary_add); },
            [&](const Multiply&) { return fold_binary(node, dnnl::algorithm::binary_mul); },
            [&](const Concatenate&) { return concatenate(node); },
            [&](const OneOf<Flatten, Reshape> auto&) { return view(value_of(node.inputs[0]), node.shape); },
            [&](const Dropout&) { return value_of(node.inputs[0]); },
            [&](const Rescaling& op) {
              return eltwise(node.name, value_of(node.inputs[0]),
                             {dnnl::algorithm::eltwise_linear, op.scale, op.offset});
            }},
        node.op);
  }

  Value view(const Value& value, const Shape& shape) const {
    return {value.buffer, activation_desc(shape, batch_, onednn::type_of(value.desc))};
  }

  // Layers with weights
  // -----------------------------------------------------------------------------------------------------

  Value lower_layer(const FusedLayer& layer) {
    const auto& node = node_at(layer.base);
    const auto input = node.inputs[0];
    const auto channels = shape_of(input).back();
    WeightNames names{.kernel = node.name + "/kernel",
                      .bias = "",
                      .batch_norm = layer.batch_norm ? &node_at(*layer.batch_norm) : nullptr};
    const auto with_bias = [&](bool use) { names.bias = use ? node.name + "/bias" : ""; };
    return std::visit(
        Overloaded{[&](const Conv2D& op) {
                     with_bias(op.use_bias);
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
                     return dense(layer, op, names);
                   },
                   [](const OneOf<Input, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D,
                                  GlobalMaxPooling2D, ZeroPadding2D, ActivationLayer, BatchNormalization, Add,
                                  Multiply, Concatenate, Flatten, Reshape, Dropout, Rescaling> auto&)
                       -> Value { throw std::logic_error("not a layer with weights"); }},
        node.op);
  }

  // What a convolution slides over, and the zeros around it that an absorbed ZeroPadding2D asks for.
  struct PaddedInput {
    Value value{};
    Shape shape{};
    ZeroPadding2D zeros{};
  };
  PaddedInput padded_input(NodeId convolution) const {
    const auto pad = padding_[static_cast<std::size_t>(convolution)];
    const auto input = pad ? node_at(*pad).inputs[0] : node_at(convolution).inputs[0];
    return {value_of(input), shape_of(input),
            pad ? std::get<ZeroPadding2D>(node_at(*pad).op) : ZeroPadding2D{}};
  }

  // The layer's own activation and what was fused behind it, as post-operations with their arguments.
  dnnl::primitive_attr post_operations(const FusedLayer& layer, Arguments& arguments) {
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
      } else {
        const auto memory = emitter_.memory(value_of(follow_up.other));
        arguments.insert({DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_ops.len()) | DNNL_ARG_SRC_1, memory});
        post_ops.append_binary(dnnl::algorithm::binary_add, memory.get_desc());
      }
    }
    auto attr = emitter_.attributes();
    attr.set_post_ops(post_ops);
    return attr;
  }

  // Softmax is a step of its own behind the layer.
  Activation own_activation(const FusedLayer& layer) const {
    const auto activation = *activation_of(node_at(layer.base).op);
    return activation.kind == Activation::Kind::softmax ? Activation{} : activation;
  }

  Value finish(const FusedLayer& layer, const Value& value) {
    const auto& node = node_at(layer.base);
    const auto* activation = activation_of(node.op);
    return activation->kind == Activation::Kind::softmax ? activate(node.name, value, *activation) : value;
  }

  std::string label(const FusedLayer& layer) const {
    std::string text = node_at(layer.base).name;
    if (layer.batch_norm) {
      text += "+" + node_at(*layer.batch_norm).name;
    }
    for (const auto& follow_up : layer.follow_ups) {
      text += "+" + node_at(follow_up.node).name;
    }
    return text;
  }

  Value convolution(const FusedLayer& layer, const ConvolutionGeometry& geometry, const PaddedInput& input,
                    const WeightNames& names) {
    const auto shape = convolution_shape(geometry, input.shape, input.zeros, type_);
    const auto dst = emitter_.value(result_desc(layer.tail));
    Arguments arguments;
    const auto attr = post_operations(layer, arguments);
    emit_convolution(label(layer), shape, input.value, dst, names, attr, arguments);
    return finish(layer, dst);
  }

  Value separable(const FusedLayer& layer, const SeparableConv2D& op, WeightNames names) {
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

  void emit_convolution(const std::string& name, const LayerShape& shape, const Value& src, const Value& dst,
                        const WeightNames& names, const dnnl::primitive_attr& attr, Arguments arguments) {
    const bool has_bias = !names.bias.empty() || names.batch_norm != nullptr;
    const onednn::LayerDescs descs{.src = src.desc,
                                   .weights = shape.weights,
                                   .bias = has_bias ? vector_desc(shape.filters) : Desc(),
                                   .dst = dst.desc};
    const auto pd = onednn::convolution_forward(emitter_.engine(), prop_kind::forward_inference, descs,
                                                shape.window, attr);
    arguments.insert({DNNL_ARG_SRC, emitter_.memory(src)});
    arguments.insert({DNNL_ARG_DST, emitter_.memory(dst)});
    add_weights(shape, pd.weights_desc(), names, has_bias, arguments);
    emitter_.emit(name, "convolution", pd, std::move(arguments));
  }

  Value dense(const FusedLayer& layer, const Dense& op, const WeightNames& names) {
    const auto input = node_at(layer.base).inputs[0];
    const auto inputs = shape_of(input).back();
    const auto rows = batch_ * element_count(shape_of(input)) / inputs;
    const auto shape = dense_shape(inputs, op.units, type_);
    const auto dst = emitter_.value(result_desc(layer.tail));
    const auto matrix = [&](const Value& value, std::int64_t columns) {
      return Value{value.buffer,
                   Desc({rows, columns}, onednn::type_of(value.desc), dnnl::memory::format_tag::nc)};
    };
    const auto src_matrix = matrix(value_of(input), inputs);
    const auto dst_matrix = matrix(dst, op.units);
    Arguments arguments;
    const auto attr = post_operations(layer, arguments);
    const bool has_bias = !names.bias.empty() || names.batch_norm != nullptr;
    const onednn::LayerDescs descs{.src = src_matrix.desc,
                                   .weights = shape.weights,
                                   .bias = has_bias ? vector_desc(op.units) : Desc(),
                                   .dst = dst_matrix.desc};
    const auto pd =
        onednn::inner_product_forward(emitter_.engine(), prop_kind::forward_inference, descs, attr);
    arguments.insert({DNNL_ARG_SRC, emitter_.memory(src_matrix)});
    arguments.insert({DNNL_ARG_DST, emitter_.memory(dst_matrix)});
    add_weights(shape, pd.weights_desc(), names, has_bias, arguments);
    emitter_.emit(label(layer), "inner product", pd, std::move(arguments));
    return finish(layer, dst);
  }

  // Memory for packed weights and bias, and the loader that fills it from the parameters.
  void add_weights(const LayerShape& shape, const Desc& packed, const WeightNames& names, bool has_bias,
                   Arguments& arguments) {
    auto weights = emitter_.memory(emitter_.persistent(packed));
    arguments.insert({DNNL_ARG_WEIGHTS, weights});
    dnnl::memory bias;
    if (has_bias) {
      bias = emitter_.memory(emitter_.persistent(vector_desc(shape.filters)));
      arguments.insert({DNNL_ARG_BIAS, bias});
    }
    const std::optional<Node> batch_norm =
        names.batch_norm != nullptr ? std::optional(*names.batch_norm) : std::nullopt;
    result_.loaders.push_back([=, engine = emitter_.engine(), kernel_name = names.kernel,
                               bias_name = names.bias, user = shape.user_weights,
                               filters = shape.filters](const Parameters& parameters) {
      const Tensor* own_bias = bias_name.empty() ? nullptr : &parameters.at(bias_name);
      const auto form = batch_norm ? std::optional(inference_form(*batch_norm, parameters)) : std::nullopt;
      auto folded = fold(parameters.at(kernel_name), own_bias, form, filters);
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

  // Layers without weights of their own kernel
  // ---------------------------------------------------------------------------------

  Value pool(const Node& node, dnnl::algorithm algorithm, const onednn::Window& window) {
    const auto& src = value_of(node.inputs[0]);
    const auto dst = emitter_.value(desc_of(node.shape));
    const auto channels = node.shape.back();
    const Shape spatial = node.shape.size() == 3 ? node.shape : Shape{1, 1, channels};
    const auto pd = onednn::pooling_forward(emitter_.engine(), prop_kind::forward_inference, algorithm,
                                            src.desc, desc_of(spatial), window, emitter_.attributes());
    emitter_.emit(
        node.name, "pooling", pd,
        {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst, desc_of(spatial))}});
    return dst;
  }

  // The zeros are there from the start; each run writes the middle.
  Value pad(const Node& node, const ZeroPadding2D& op) {
    const auto& src = value_of(node.inputs[0]);
    const auto dst = emitter_.persistent(desc_of(node.shape));
    const auto middle =
        dst.desc.submemory_desc(onednn::dims_of(src.desc), {0, op.channels_before, op.top, op.left});
    emitter_.copy(node.name, emitter_.memory(src), emitter_.memory(dst, middle));
    return dst;
  }

  Value eltwise(const std::string& name, const Value& src, const onednn::Eltwise& eltwise) {
    const auto dst = emitter_.value(src.desc);
    const auto pd = onednn::eltwise_forward(emitter_.engine(), eltwise, src.desc, emitter_.attributes());
    emitter_.emit(name, "eltwise", pd,
                  {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
    return dst;
  }

  Value activate(const std::string& name, const Value& src, const Activation& activation) {
    if (activation.kind == Activation::Kind::softmax) {
      const auto dst = emitter_.value(src.desc);
      const int axis =
          onednn::dims_of(src.desc).size() == 4 ? 1 : static_cast<int>(onednn::dims_of(src.desc).size()) - 1;
      const auto pd = onednn::softmax_forward(emitter_.engine(), src.desc, axis, emitter_.attributes());
      emitter_.emit(name, "softmax", pd,
                    {{DNNL_ARG_SRC, emitter_.memory(src)}, {DNNL_ARG_DST, emitter_.memory(dst)}});
      return dst;
    }
    Value value = src;
    for (const auto& step : eltwise_of(activation)) {
      value = eltwise(name, value, step);
    }
    return value;
  }

  Value normalize(const Node& node) {
    const auto& src = value_of(node.inputs[0]);
    const auto dst = emitter_.value(src.desc);
    const auto spatial = spatial_desc(node.shape, onednn::type_of(src.desc));
    using Flags = dnnl::normalization_flags;
    const auto flags = Flags::use_global_stats | Flags::use_scale | Flags::use_shift;
    const auto pd = onednn::batch_norm_forward(emitter_.engine(), prop_kind::forward_inference, spatial, 0.0F,
                                               flags, emitter_.attributes());
    const auto channels = node.shape.back();
    const auto vector = [&] { return emitter_.memory(emitter_.persistent(vector_desc(channels))); };
    const auto mean = vector();
    const auto variance = vector();
    const auto scale = vector();
    const auto shift = vector();
    emitter_.emit(node.name, "batch normalization", pd,
                  {{DNNL_ARG_SRC, emitter_.memory(src, spatial)},
                   {DNNL_ARG_DST, emitter_.memory(dst, spatial)},
                   {DNNL_ARG_MEAN, mean},
                   {DNNL_ARG_VARIANCE, variance},
                   {DNNL_ARG_SCALE, scale},
                   {DNNL_ARG_SHIFT, shift}});
    // As y = (x - 0) / sqrt(1) * scale + shift: the arithmetic of the folded form.
    result_.loaders.push_back([=, copy = node](const Parameters& parameters) {
      const auto form = inference_form(copy, parameters);
      std::fill_n(static_cast<float*>(variance.get_data_handle()), form.scale.size(), 1.0F);
      std::copy(form.scale.begin(), form.scale.end(), static_cast<float*>(scale.get_data_handle()));
      std::copy(form.shift.begin(), form.shift.end(), static_cast<float*>(shift.get_data_handle()));
    });
    return dst;
  }

  // The channels-last 4-dimensional form that oneDNN's spatial primitives take.
  Desc spatial_desc(const Shape& shape, DataType type) const {
    const auto channels = shape.back();
    return activation_desc({element_count(shape) / channels, 1, channels}, batch_, type);
  }

  Value fold_binary(const Node& node, dnnl::algorithm algorithm) {
    Value sum = value_of(node.inputs[0]);
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      const auto& next = value_of(node.inputs[i]);
      const auto dst = emitter_.value(sum.desc);
      Shape other = shape_of(node.inputs[i]);
      if (other.size() == 1 && node.shape.size() == 3) {
        other = {1, 1, other[0]};
      }
      const auto src1 = desc_of(other);
      const auto pd =
          onednn::binary(emitter_.engine(), algorithm, sum.desc, src1, dst.desc, emitter_.attributes());
      emitter_.emit(node.name, "binary", pd,
                    {{DNNL_ARG_SRC_0, emitter_.memory(sum)},
                     {DNNL_ARG_SRC_1, emitter_.memory(next, src1)},
                     {DNNL_ARG_DST, emitter_.memory(dst)}});
      sum = dst;
    }
    return sum;
  }

  Value concatenate(const Node& node) {
    const auto dst = emitter_.value(desc_of(node.shape));
    std::vector<Desc> descs;
    Arguments arguments{{DNNL_ARG_DST, emitter_.memory(dst)}};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto& src = value_of(node.inputs[i]);
      descs.push_back(src.desc);
      arguments.insert({DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), emitter_.memory(src)});
    }
    const int axis = node.shape.size() == 3 ? 1 : static_cast<int>(node.shape.size());
    const auto pd = onednn::concat(emitter_.engine(), dst.desc, axis, descs, emitter_.attributes());
    emitter_.emit(node.name, "concat", pd, std::move(arguments));
    return dst;
  }

  Emitter& emitter_;
  std::vector<Node> nodes_;
  std::vector<NodeId> outputs_, sources_;
  std::int64_t batch_;
  DataType type_;
  std::vector<bool> needed_;
  std::vector<Value> values_;
  std::vector<bool> is_source_{}, must_exist_{};
  std::vector<std::vector<NodeId>> consumers_{};
  Fusion fusion_{};
  std::vector<std::optional<NodeId>> padding_{};
  LoweredInference result_{};
};

}  // namespace

LoweredInference lower_inference(Emitter& emitter, const Graph& graph, const std::vector<NodeId>& outputs,
                                 const FrozenProgram::Options& options) {
  return InferenceLowering(emitter, graph, outputs, options).lower();
}

}  // namespace headstart
