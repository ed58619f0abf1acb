// Convolutions and dense layers of the training program.
#include <algorithm>
#include <string>
#include <variant>

#include <omp.h>

#include "engine/depthwise_gradient.h"
#include "engine/kernel_gradient.h"
#include "engine/kernels.h"
#include "engine/stem_gradient.h"
#include "engine/training_lowering.h"
#include "engine/winograd_choice.h"

namespace headstart {

using dnnl::prop_kind;
using onednn::Desc;
using onednn::LayerDescs;

namespace {

// Whether the threads of oneDNN's backward weights disturb one another: for strided 1x1 convolutions of few
// channels 2.6.3 gives gradients that differ from run to run, or waits for ever.
bool has_race(const std::string& implementation, const onednn::Window& window) {
  return implementation == "jit_1x1:avx2" && window.strides != onednn::Dims{1, 1};
}

}  // namespace

TrainingLowering::PaddedInput TrainingLowering::padded_input(NodeId convolution) const {
  const auto pad = padding_[static_cast<std::size_t>(convolution)];
  return pad ? PaddedInput{node_at(*pad).inputs[0], std::get<ZeroPadding2D>(node_at(*pad).op)}
             : PaddedInput{node_at(convolution).inputs[0], {}};
}

Value TrainingLowering::convolution(NodeId id, const ConvolutionGeometry& geometry, bool use_bias,
                                    const Activation& activation, bool weight_normalization) {
  const auto& name = node_at(id).name;
  const auto input = padded_input(id);
  Layer layer;
  layer.id = id;
  layer.input = input.node;
  layer.shape = convolution_shape(geometry, shape_of(input.node), input.zeros, type_);
  layer.src = value_of(input.node);
  layer.dst_desc = desc_of(shape_of(id));
  layer.kernel = name + "/kernel";
  layer.bias = use_bias ? name + "/bias" : "";
  normalize_kernel(layer, weight_normalization);
  return activated_layer(std::move(layer), activation);
}

Value TrainingLowering::transposed(NodeId id, const Conv2DTranspose& op) {
  const auto& node = node_at(id);
  Layer layer;
  layer.id = id;
  layer.input = node.inputs[0];
  layer.kind = Layer::Kind::transposed;
  layer.shape = transposed_shape(op, shape_of(node.inputs[0]), type_);
  layer.src = value_of(node.inputs[0]);
  layer.dst_desc = desc_of(node.shape);
  layer.kernel = node.name + "/kernel";
  layer.bias = op.use_bias ? node.name + "/bias" : "";
  return activated_layer(std::move(layer), op.activation);
}

Value TrainingLowering::separable(NodeId id, const SeparableConv2D& op) {
  const auto& name = node_at(id).name;
  const auto input = padded_input(id);
  const auto channels = shape_of(input.node).back();
  Layer depthwise;
  depthwise.id = id;
  depthwise.input = input.node;
  depthwise.shape = convolution_shape(depthwise_half(op, channels), shape_of(input.node), input.zeros, type_);
  depthwise.src = value_of(input.node);
  Shape middle = shape_of(id);
  middle.back() = channels * op.depth_multiplier;
  depthwise.dst_desc = desc_of(middle);
  depthwise.kernel = name + "/depthwise_kernel";
  depthwise.result_type = type_;

  Layer pointwise;
  pointwise.id = id;
  pointwise.shape = convolution_shape(pointwise_half(op, channels), middle, {}, type_);
  pointwise.src = layer_forward(depthwise);
  pointwise.dst_desc = desc_of(shape_of(id));
  pointwise.kernel = name + "/pointwise_kernel";
  pointwise.bias = op.use_bias ? name + "/bias" : "";
  pointwise.on_diff_src = [this, depthwise](const Value& diff) { layer_backward(depthwise, diff); };
  return activated_layer(std::move(pointwise), op.activation);
}

Value TrainingLowering::dense(NodeId id, const Dense& op) {
  const auto& node = node_at(id);
  const auto inputs = shape_of(node.inputs[0]).back();
  Layer layer;
  layer.id = id;
  layer.input = node.inputs[0];
  layer.kind = Layer::Kind::dense;
  layer.shape = dense_shape(inputs, op.units, type_);
  layer.src = value_of(node.inputs[0]);
  layer.src.desc = matrix_desc(layer.src.desc, inputs);
  layer.dst_desc = matrix_desc(desc_of(node.shape), op.units);
  layer.kernel = node.name + "/kernel";
  layer.bias = op.use_bias ? node.name + "/bias" : "";
  // oneDNN's products are fastest with weights as they are, but for those by AMX. Those that have a layout of
  // their own take up to three times as long on CPUs with AVX-512 when there are many rows; for few the copy
  // does.
  if (!uses_amx(onednn::inner_product_forward(emitter_.engine(), prop_kind::forward_training,
                                              plain_descs(layer), emitter_.attributes()))) {
    layer.shape.weights =
        Desc(onednn::dims_of(layer.shape.user_weights), type_, dnnl::memory::format_tag::ba);
  }
  normalize_kernel(layer, op.weight_normalization);
  return view(activated_layer(std::move(layer), op.activation), node.shape);
}

// The kernel that a layer with weight normalisation computes with, made anew at every pass.
void TrainingLowering::normalize_kernel(Layer& layer, bool weight_normalization) {
  if (!weight_normalization) {
    return;
  }
  const auto& name = node_at(layer.id).name;
  layer.kernel_scale = name + "/kernel_scale";
  const auto filters = shape_of(layer.id).back();
  const auto kernel = parameter(layer.kernel, layer.shape.user_weights);
  const auto scale = parameter(layer.kernel_scale, vector_desc(filters));
  layer.normalized = emitter_.value(layer.shape.user_weights);
  const auto rows = static_cast<std::int64_t>(kernel.desc.get_size() / sizeof(float)) / filters;
  emitter_.emit(
      name, "weight normalization", {.reads = {kernel, scale}, .writes = {layer.normalized}},
      [from = emitter_.memory(kernel), scale = emitter_.memory(scale), to = emitter_.memory(layer.normalized),
       rows, filters] { normalize_filters(floats(from), floats(scale), rows, filters, floats(to)); });
}

// `diff`: the gradient of the normalised kernel.
void TrainingLowering::normalize_kernel_backward(const Layer& layer, const Value& diff) {
  const auto filters = shape_of(layer.id).back();
  const auto kernel = parameter(layer.kernel, layer.shape.user_weights);
  const auto scale = parameter(layer.kernel_scale, vector_desc(filters));
  const auto diff_kernel = gradient(layer.kernel, layer.shape.user_weights);
  const auto diff_scale = gradient(layer.kernel_scale, vector_desc(filters));
  const auto rows = static_cast<std::int64_t>(kernel.desc.get_size() / sizeof(float)) / filters;
  emitter_.emit(
      node_at(layer.id).name, "weight normalization backward",
      {.reads = {kernel, scale, diff}, .writes = {diff_kernel, diff_scale}},
      [kernel = emitter_.memory(kernel), scale = emitter_.memory(scale), diff = emitter_.memory(diff),
       diff_kernel = emitter_.memory(diff_kernel), diff_scale = emitter_.memory(diff_scale), rows, filters] {
        normalize_filters_backward(floats(kernel), floats(scale), floats(diff), rows, filters,
                                   floats(diff_kernel), floats(diff_scale));
      });
}

// An activation whose gradient follows from its result runs inside the layer; another is a step of its own.
// So is every activation of a transposed convolution, for which oneDNN has no fast post-operations.
Value TrainingLowering::activated_layer(Layer layer, const Activation& activation) {
  const auto id = layer.id;
  layer.result_type = type_;
  if (activation.kind == Activation::Kind::linear) {
    layer.result_type = id == graph_.output() ? DataType::f32 : type_;  // logits
    on_backward(id, [this, layer](const Value& diff) { layer_backward(layer, diff); });
    return layer_forward(layer);
  }
  const auto name = node_at(id).name;
  const auto by_result = eltwise_by_result(activation);
  if (by_result && layer.kind != Layer::Kind::transposed) {
    layer.fused = activation;
    const auto dst = layer_forward(layer);
    offer_activation(id, activation);
    on_backward(id, [this, id, layer, dst, name, by_result](const Value& diff) {
      layer_backward(
          layer, is_activation_done(id) ? diff : eltwise_backward(name, dst, diff, *by_result, DNNL_ARG_DST));
    });
    return dst;
  }
  const auto linear = layer_forward(layer);
  const Activated result = activation.kind == Activation::Kind::softmax ? softmax(name, linear)
                                                                        : activated(name, linear, activation);
  on_backward(id, [this, layer, backward = result.backward](const Value& diff) {
    layer_backward(layer, backward(diff));
  });
  return result.result;
}

LayerDescs TrainingLowering::plain_descs(const Layer& layer) const {
  return {.src = layer.src.desc,
          .weights = layer.shape.weights,
          .bias = layer.bias.empty() ? Desc() : vector_desc(layer.shape.filters),
          .dst = layer.dst_desc};
}

Value TrainingLowering::master_weights(const Layer& layer) {
  return layer.kernel_scale.empty() ? parameter(layer.kernel, layer.shape.user_weights) : layer.normalized;
}

// The parameter in the primitive's layout and precision, refreshed at every pass.
dnnl::memory TrainingLowering::packed_weights(const Layer& layer, const Desc& packed) {
  return emitter_.memory(emitter_.reorder(node_at(layer.id).name, master_weights(layer), packed));
}

Value TrainingLowering::layer_forward(const Layer& layer) {
  if (is_factored(layer)) {
    return wide_forward(layer);
  }
  auto descs = plain_descs(layer);
  if (layer.result_type != type_) {
    descs.dst = layer.kind == Layer::Kind::dense
                    ? Desc(onednn::dims_of(layer.dst_desc), layer.result_type, dnnl::memory::format_tag::nc)
                    : activation_desc(shape_of(layer.id), batch_, layer.result_type);
  }
  auto attr = emitter_.attributes();
  if (layer.fused) {
    dnnl::post_ops post_ops;
    for (const auto& step : eltwise_of(*layer.fused)) {
      onednn::append_eltwise(post_ops, step);
    }
    attr.set_post_ops(post_ops);
  }
  const auto dst = emitter_.value(descs.dst);
  if (forward_by_tiles(layer, dst)) {
    return dst;
  }
  const auto emit = [&](const auto& pd, const char* kind) {
    Arguments arguments{{DNNL_ARG_SRC, emitter_.memory(layer.src)},
                        {DNNL_ARG_WEIGHTS, packed_weights(layer, pd.weights_desc())},
                        {DNNL_ARG_DST, emitter_.memory(dst)}};
    if (!layer.bias.empty()) {
      arguments.insert({DNNL_ARG_BIAS, emitter_.memory(parameter(layer.bias, descs.bias))});
    }
    emitter_.emit(node_at(layer.id).name, kind, pd, std::move(arguments));
  };
  const auto& engine = emitter_.engine();
  const auto& window = layer.shape.window;
  switch (layer.kind) {
    case Layer::Kind::dense:
      emit(onednn::inner_product_forward(engine, prop_kind::forward_training, descs, attr),
           "inner product forward");
      break;
    case Layer::Kind::convolution:
      emit(onednn::convolution_forward(engine, prop_kind::forward_training, descs, window, attr),
           "convolution forward");
      break;
    case Layer::Kind::transposed:
      emit(onednn::deconvolution_forward(engine, prop_kind::forward_training, descs, window, attr),
           "transposed convolution forward");
      break;
  }
  return dst;
}

void TrainingLowering::layer_backward(const Layer& layer, const Value& diff) {
  Value diff_dst = diff;
  diff_dst.desc = layer.dst_desc;
  if (node_at(layer.id).trainable) {
    backward_weights(layer, diff_dst);
  }
  if (layer.on_diff_src || wants_gradient(layer.input)) {
    backward_data(layer, diff_dst);
  }
}

void TrainingLowering::backward_data(const Layer& layer, const Value& diff) {
  const auto diff_src = emitter_.value(layer.src.desc);
  if (!backward_data_by_tiles(layer, diff, diff_src)) {
    emit_backward_data(layer, diff, diff_src);
  }
  if (layer.on_diff_src) {
    layer.on_diff_src(diff_src);
  } else {
    add_gradient(layer.input, view(diff_src, shape_of(layer.input)));
  }
}

void TrainingLowering::emit_backward_data(const Layer& layer, const Value& diff, const Value& diff_src) {
  const auto descs = plain_descs(layer);
  const auto attr = emitter_.attributes();
  const auto emit = [&](const auto& pd, const char* kind) {
    emitter_.emit(node_at(layer.id).name, kind, pd,
                  {{DNNL_ARG_DIFF_DST, emitter_.memory(diff)},
                   {DNNL_ARG_WEIGHTS, packed_weights(layer, pd.weights_desc())},
                   {DNNL_ARG_DIFF_SRC, emitter_.memory(diff_src)}});
  };
  const auto& engine = emitter_.engine();
  const auto& window = layer.shape.window;
  constexpr auto kForward = prop_kind::forward_training;
  switch (layer.kind) {
    case Layer::Kind::dense:
      emit(onednn::inner_product_backward_data(engine, descs, attr,
                                               onednn::inner_product_forward(engine, kForward, descs, attr)),
           "inner product backward data");
      break;
    case Layer::Kind::convolution:
      emit(onednn::convolution_backward_data(
               engine, descs, window, attr,
               onednn::convolution_forward(engine, kForward, descs, window, attr)),
           "convolution backward data");
      break;
    case Layer::Kind::transposed:
      emit(onednn::deconvolution_backward_data(
               engine, descs, window, attr,
               onednn::deconvolution_forward(engine, kForward, descs, window, attr)),
           "transposed convolution backward data");
      break;
  }
}

// A filter a channel, without a bias or dilation.
bool TrainingLowering::is_plain_depthwise(const Layer& layer) const {
  const auto dims = onednn::dims_of(layer.shape.user_weights);
  return layer.kind == Layer::Kind::convolution && dims.size() == 5 && dims[1] == 1 && dims[2] == 1 &&
         layer.shape.window.dilates == onednn::Dims{0, 0} && layer.bias.empty() && layer.kernel_scale.empty();
}

// By a loop of our own, `work(src, diff, room, gradient)`, that needs `room` floats besides.
template <typename Work>
void TrainingLowering::own_backward_weights(const Layer& layer, const Value& diff, std::int64_t room,
                                            double multiplications, const Work& work) {
  const bool normalized = !layer.kernel_scale.empty();
  const auto kernel = normalized ? emitter_.value(layer.shape.user_weights)
                                 : gradient(layer.kernel, layer.shape.user_weights);
  const auto space = emitter_.value(vector_desc(room));
  emitter_.emit(node_at(layer.id).name, "convolution backward weights",
                {.reads = {layer.src, diff}, .writes = {kernel, space}},
                [work, src = emitter_.memory(layer.src), diff = emitter_.memory(diff),
                 space = emitter_.memory(space), kernel = emitter_.memory(kernel)] {
                  work(src.get_data_handle(), diff.get_data_handle(), floats(space), floats(kernel));
                },
                {.multiplications = multiplications});
  if (normalized) {
    normalize_kernel_backward(layer, kernel);
  }
  emit_bias_gradient(layer, diff);
}

void TrainingLowering::depthwise_backward_weights(const Layer& layer, const Value& diff) {
  const auto shape = sliding_shape(layer.src.desc, layer.dst_desc, layer.shape.window);
  own_backward_weights(layer, diff, depthwise_gradient_room(shape), 0.0,
                       [shape, bf16 = type_ == DataType::bf16](const void* src, const void* diff_dst,
                                                               float* room, float* kernel) {
                         depthwise_kernel_gradient(src, diff_dst, bf16, shape, room, kernel);
                       });
}

namespace {

bool has_groups(const LayerShape& shape) { return onednn::dims_of(shape.user_weights).size() != 4; }

// Whether oneDNN's product of matrices is faster than its kernel for convolutions of single pixels, which
// cuts the channels in equal blocks (measured in steps of six networks on a CPU with AVX-512: it takes up
// to 1.5 times as long there, and 0.65 to 0.9 times elsewhere).
bool is_for_gemm(std::int64_t rows, std::int64_t channels, std::int64_t filters) {
  constexpr std::int64_t kFew = 512, kMany = 6000;
  const auto is_power_of_two = [](std::int64_t n) { return (n & (n - 1)) == 0; };
  return rows < kFew || (rows < kMany && !(is_power_of_two(channels) && is_power_of_two(filters)));
}

}  // namespace

bool TrainingLowering::is_plain(const Layer& layer) {
  return !has_groups(layer.shape) && layer.shape.window.dilates == onednn::Dims{0, 0} &&
         layer.kernel_scale.empty();
}

// Whether it did it.
bool TrainingLowering::stem_backward_weights(const Layer& layer, const Value& diff) {
  const auto shape = sliding_shape(layer.src.desc, layer.dst_desc, layer.shape.window);
  const auto filters = layer.shape.filters;
  if (type_ != DataType::f32 || !is_plain(layer) || !is_stem(shape, filters)) {
    return false;
  }
  own_backward_weights(layer, diff, stem_gradient_room(shape, filters),
                       stem_gradient_multiplications(shape, filters),
                       [shape, filters](const void* src, const void* diff_dst, float* room, float* kernel) {
                         stem_gradient(shape, filters, static_cast<const float*>(src),
                                       static_cast<const float*>(diff_dst), room, kernel);
                       });
  return true;
}

// Likewise: of convolutions in f32 that are products of matrices.
bool TrainingLowering::backward_weights_by_gemm(const Layer& layer, const Value& diff,
                                                const std::string& implementation) {
  const auto shape = sliding_shape(layer.src.desc, layer.dst_desc, layer.shape.window);
  const auto rows = shape.batch * shape.height * shape.width, channels = shape.channels;
  const auto filters = layer.shape.filters;
  if (type_ != DataType::f32 || !is_plain(layer) || !is_pointwise(shape) ||
      implementation != "jit_1x1:avx512_core" || !is_for_gemm(rows, channels, filters)) {
    return false;
  }
  own_backward_weights(layer, diff, 1, static_cast<double>(rows * channels * filters),
                       [=](const void* src, const void* diff_dst, float* /*room*/, float* kernel) {
                         const auto status = dnnl_sgemm(
                             'T', 'N', channels, filters, rows, 1.0F, static_cast<const float*>(src),
                             channels, static_cast<const float*>(diff_dst), filters, 0.0F, kernel, filters);
                         dnnl::error::wrap_c_api(status, "could not multiply matrices");
                       });
  return true;
}

// Likewise: of convolutions in f32, where oneDNN has no kernels for AVX-512, but `implementation`.
bool TrainingLowering::backward_weights_by_product(const Layer& layer, const Value& diff,
                                                   const std::string& implementation) {
  const auto& window = layer.shape.window;
  const auto filters = layer.shape.filters;
  const bool must = has_race(implementation, window);
  if (type_ != DataType::f32 || has_groups(layer.shape) || !(is_plain(layer) || must)) {
    return false;
  }
  const auto shape = sliding_shape(layer.src.desc, layer.dst_desc, window);
  const KernelGradient product(shape, filters, omp_get_max_threads());
  if (product.fills_registers() || must) {
    own_backward_weights(layer, diff, product.room(), product.multiplications(),
                         [product](const void* src, const void* diff_dst, float* room, float* kernel) {
                           product.run(static_cast<const float*>(src), static_cast<const float*>(diff_dst),
                                       room, kernel);
                         });
    return true;
  }
  return false;
}

// The kernel's gradient is that of the convolution from the result back to the source.
void TrainingLowering::transposed_backward_weights(const Layer& layer, const Value& diff) {
  const auto shape = sliding_shape(layer.dst_desc, layer.src.desc, layer.shape.window);
  const KernelGradient product(shape, onednn::dims_of(layer.src.desc)[1], omp_get_max_threads());
  own_backward_weights(layer, diff, product.room(), product.multiplications(),
                       [product](const void* src, const void* diff_dst, float* room, float* kernel) {
                         product.run(static_cast<const float*>(diff_dst), static_cast<const float*>(src),
                                     room, kernel);
                       });
}

void TrainingLowering::emit_bias_gradient(const Layer& layer, const Value& diff) {
  if (layer.bias.empty()) {
    return;
  }
  const auto filters = layer.shape.filters;
  const auto bias = gradient(layer.bias, vector_desc(filters));
  const auto* offered = offered_activation(layer.id);
  const Value summed = offered != nullptr && offered->pooled ? *offered->pooled : diff;
  emitter_.emit(node_at(layer.id).name, "bias gradient", {.reads = {summed}, .writes = {bias}},
                [diff = emitter_.memory(summed), bias = emitter_.memory(bias), filters] {
                  channel_sums(rows_of(diff, filters), floats(bias));
                });
}

// Whether a batch norm takes the mean of the node's result away, and with it what a bias adds.
bool TrainingLowering::is_centred_next(NodeId id) const {
  const auto reader = only_readers_[static_cast<std::size_t>(id)];
  const auto* norm = reader ? std::get_if<BatchNormalization>(&node_at(*reader).op) : nullptr;
  const auto* activation = activation_of(node_at(id).op);
  return norm != nullptr && uses_batch_statistics(node_at(*reader), options_.batch_norm) &&
         activation != nullptr && activation->kind == Activation::Kind::linear;
}

// The layer as far as its gradients are to be computed.
TrainingLowering::Layer TrainingLowering::without_centred_bias(const Layer& layer) {
  Layer result = layer;
  if (!layer.bias.empty() && is_centred_next(layer.id)) {
    const auto bias = gradient(layer.bias, vector_desc(layer.shape.filters));
    emitter_.emit(node_at(layer.id).name, "bias gradient", {.writes = {bias}},
                  [bias = emitter_.memory(bias), filters = layer.shape.filters] {
                    std::fill_n(floats(bias), filters, 0.0F);
                  });
    result.bias.clear();
  }
  return result;
}

// Whether a loop of our own, or a product of matrices, did it in place of the primitive.
bool TrainingLowering::convolution_backward_weights(const Layer& layer, const Value& diff,
                                                    const std::string& implementation) {
  const bool has_avx512 = implementation.find("avx512") != std::string::npos;
  const bool has_good_depthwise = has_avx512 && implementation.find("dw") != std::string::npos;
  if (is_plain_depthwise(layer) && !has_good_depthwise) {
    depthwise_backward_weights(layer, diff);
    return true;
  }
  return stem_backward_weights(layer, diff) || backward_weights_by_gemm(layer, diff, implementation) ||
         (!has_avx512 && backward_weights_by_product(layer, diff, implementation));
}

void TrainingLowering::backward_weights(const Layer& given, const Value& diff) {
  const Layer layer = without_centred_bias(given);
  if (is_factored(layer)) {
    keep_factors(layer, diff);
    return;
  }
  if (backward_weights_by_tiles(layer, diff)) {
    return;
  }
  const auto descs = plain_descs(layer);
  const auto attr = emitter_.attributes();
  const auto& engine = emitter_.engine();
  const auto& window = layer.shape.window;
  const auto& name = node_at(layer.id).name;
  const auto emit = [&](const auto& pd, const char* kind) {
    const auto user = layer.kernel_scale.empty() ? gradient(layer.kernel, layer.shape.user_weights)
                                                 : emitter_.value(layer.shape.user_weights);
    const auto packed = pd.diff_weights_desc();
    const auto diff_weights = packed == layer.shape.user_weights ? user : emitter_.value(packed);
    Arguments arguments{{DNNL_ARG_SRC, emitter_.memory(layer.src)},
                        {DNNL_ARG_DIFF_DST, emitter_.memory(diff)},
                        {DNNL_ARG_DIFF_WEIGHTS, emitter_.memory(diff_weights)}};
    if (!layer.bias.empty()) {
      arguments.insert({DNNL_ARG_DIFF_BIAS, emitter_.memory(gradient(layer.bias, descs.bias))});
    }
    emitter_.emit(name, kind, pd, std::move(arguments));
    if (diff_weights.buffer != user.buffer) {
      emitter_.copy(name, emitter_.memory(diff_weights), emitter_.memory(user));
    }
    if (!layer.kernel_scale.empty()) {
      normalize_kernel_backward(layer, user);
    }
  };
  // The gradient of the kernel is f32 whatever the activations are.
  auto diff_descs = descs;
  if (type_ != DataType::f32) {
    diff_descs.weights = Desc(onednn::dims_of(descs.weights), DataType::f32, dnnl::memory::format_tag::any);
  }
  constexpr auto kForward = prop_kind::forward_training;
  switch (layer.kind) {
    case Layer::Kind::dense:
      emit(onednn::inner_product_backward_weights(
               engine, diff_descs, attr, onednn::inner_product_forward(engine, kForward, descs, attr)),
           "inner product backward weights");
      break;
    case Layer::Kind::convolution: {
      const auto pd = onednn::convolution_backward_weights(
          engine, diff_descs, window, attr,
          onednn::convolution_forward(engine, kForward, descs, window, attr));
      if (!convolution_backward_weights(layer, diff, pd.impl_info_str())) {
        emit(pd, "convolution backward weights");
      }
      break;
    }
    case Layer::Kind::transposed: {
      const auto pd = onednn::deconvolution_backward_weights(
          engine, diff_descs, window, attr,
          onednn::deconvolution_forward(engine, kForward, descs, window, attr));
      if (has_race(pd.impl_info_str(), window)) {
        transposed_backward_weights(layer, diff);
      } else {
        emit(pd, "transposed convolution backward weights");
      }
      break;
    }
  }
}

}  // namespace headstart
