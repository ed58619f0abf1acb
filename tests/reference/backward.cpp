// The backward half of the interpreter.
#include <variant>

#include "reference/activation.h"
#include "reference/convolution.h"
#include "reference/dense.h"
#include "reference/elementwise.h"
#include "reference/interpreter.h"
#include "reference/node_parameters.h"
#include "reference/normalization.h"
#include "reference/pooling.h"
#include "reference/rearrange.h"
#include "reference/tokens.h"
#include "reference/windows.h"

namespace headstart::reference {

namespace {

// The gradients of one node's inputs from the gradient of its value; parameter gradients are put down on the
// way.
struct BackwardVisitor {
  const Graph& graph;
  const ParameterArrays& parameters;
  const Options& options;
  const Trace& trace;
  NodeId id;
  const Array& diff;
  ParameterArrays& parameter_gradients;

  const Array& input(std::size_t i = 0) const {
    return trace.values[static_cast<std::size_t>(graph.node(id).inputs[i])];
  }

  // The gradient under another shape of equal size.
  Array diff_as(const Shape& shape) const {
    Array array = diff;
    array.shape = shape;
    return array;
  }

  Array diff_linear(const Activation& activation) const {
    return activate_backward(trace.pre_activations[static_cast<std::size_t>(id)], diff, activation);
  }

  void put(std::size_t place, Array gradient) const {
    gradient.shape = parameters.at(parameter_name(graph, id, place)).shape;
    parameter_gradients[parameter_name(graph, id, place)] = std::move(gradient);
  }

  const Array* parameter(const char* suffix) const {
    return parameter_or_null(graph, parameters, id, suffix);
  }

  // For a parameter that the node may lack.
  void put_named(const char* suffix, Array gradient) const {
    if (parameter(suffix) != nullptr) {
      parameter_gradients[graph.node(id).name + "/" + suffix] = std::move(gradient);
    }
  }

  Array global(PoolingKind kind) const {
    const std::int64_t batch = input().shape.front();
    return pooling_backward(input(), diff_as({batch, 1, 1, input().shape.back()}),
                            global_pooling_geometry(kind, input()));
  }

  std::vector<Array> operator()(const Input&) const { return {}; }

  // Of a layer whose kernel may be normalised; `kernel` is the gradient of the one that it computes with.
  void put_weights(const KernelsAndBias& p, Array kernel, Array bias) const {
    if (p.kernels.size() == 2) {
      kernel.shape = p.kernels[0]->shape;
      auto normalized = normalized_kernel_backward(*p.kernels[0], *p.kernels[1], kernel);
      put(0, std::move(normalized.kernel));
      put(1, std::move(normalized.scale));
    } else {
      put(0, std::move(kernel));
    }
    if (p.bias != nullptr) {
      put(p.kernels.size(), std::move(bias));
    }
  }

  std::vector<Array> operator()(const Conv2D& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, op.weight_normalization ? 2 : 1);
    const auto geometry =
        convolution_geometry(op.padding, op.kernel, op.strides, op.dilation, op.groups, input());
    auto gradients = convolution_backward(input(), effective_kernel(p), diff_linear(op.activation), geometry);
    put_weights(p, std::move(gradients.kernel), std::move(gradients.bias));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const Conv2DTranspose& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, 1);
    auto gradients = transposed_convolution_backward(input(), *p.kernels[0], diff_linear(op.activation), op);
    put_weights(p, std::move(gradients.kernel), std::move(gradients.bias));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const DepthwiseConv2D& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, 1);
    const auto channels = static_cast<int>(input().shape.back());
    const auto geometry =
        convolution_geometry(op.padding, op.kernel, op.strides, op.dilation, channels, input());
    auto gradients =
        convolution_backward(input(), as_grouped_kernel(*p.kernels[0]), diff_linear(op.activation), geometry);
    put(0, std::move(gradients.kernel));
    if (p.bias != nullptr) {
      put(1, std::move(gradients.bias));
    }
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const SeparableConv2D& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, 2);
    const auto channels = static_cast<int>(input().shape.back());
    const auto geometry =
        convolution_geometry(op.padding, op.kernel, op.strides, op.dilation, channels, input());
    const Array depthwise_kernel = as_grouped_kernel(*p.kernels[0]);
    const Array spatial = convolution(input(), depthwise_kernel, nullptr, geometry);
    auto pointwise = convolution_backward(spatial, *p.kernels[1], diff_linear(op.activation), {});
    auto depthwise = convolution_backward(input(), depthwise_kernel, pointwise.input, geometry);
    put(0, std::move(depthwise.kernel));
    put(1, std::move(pointwise.kernel));
    if (p.bias != nullptr) {
      put(2, std::move(pointwise.bias));
    }
    return {std::move(depthwise.input)};
  }

  std::vector<Array> operator()(const Dense& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, op.weight_normalization ? 2 : 1);
    auto gradients = dense_backward(input(), effective_kernel(p), diff_linear(op.activation));
    put_weights(p, std::move(gradients.kernel), std::move(gradients.bias));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const MaxPooling2D& op) const {
    return {pooling_backward(
        input(), diff, pooling_geometry(PoolingKind::maximum, op.padding, op.pool, op.strides, input()))};
  }

  std::vector<Array> operator()(const AveragePooling2D& op) const {
    const auto kind = op.count_padding ? PoolingKind::average_counting_padding : PoolingKind::average;
    return {
        pooling_backward(input(), diff, pooling_geometry(kind, op.padding, op.pool, op.strides, input()))};
  }

  std::vector<Array> operator()(const GlobalAveragePooling2D&) const {
    return {global(PoolingKind::average)};
  }
  std::vector<Array> operator()(const GlobalMaxPooling2D&) const { return {global(PoolingKind::maximum)}; }
  std::vector<Array> operator()(const ZeroPadding2D& op) const {
    return {zero_padding_backward(input(), op, diff)};
  }
  std::vector<Array> operator()(const ActivationLayer& op) const {
    return {activate_backward(input(), diff, op.activation)};
  }

  std::vector<Array> operator()(const BatchNormalization& op) const {
    const auto p = batch_norm_parameters(graph, parameters, id);
    const auto epsilon = static_cast<double>(op.epsilon);
    const bool of_batch = uses_batch_statistics(graph.node(id), options);
    auto gradients =
        of_batch && op.renorm ? batch_renorm_backward(input(), trace.statistics.at(id),
                                                      trace.renorm_corrections.at(id), p.gamma, diff, epsilon)
        : of_batch ? training_batch_norm_backward(input(), trace.statistics.at(id), p.gamma, diff, epsilon)
                   : frozen_batch_norm_backward(input(), p.moving, p.gamma, diff, epsilon);
    if (p.gamma != nullptr) {
      parameter_gradients[p.gamma_name] = std::move(gradients.gamma);
    }
    if (p.beta != nullptr) {
      parameter_gradients[p.beta_name] = std::move(gradients.beta);
    }
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const LayerNormalization& op) const {
    auto gradients = layer_norm_backward(input(), parameter("gamma"), diff, static_cast<double>(op.epsilon));
    put_named("gamma", std::move(gradients.gamma));
    put_named("beta", std::move(gradients.beta));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const Scale&) const {
    auto gradients = scale_backward(input(), *parameter("gamma"), diff);
    put_named("gamma", std::move(gradients.factor));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const Normalization&) const {
    return {standardize_backward(*parameter("variance"), diff)};
  }

  std::vector<Array> operator()(const GroupNormalization& op) const {
    auto gradients =
        group_norm_backward(input(), op.groups, parameter("gamma"), diff, static_cast<double>(op.epsilon));
    put_named("gamma", std::move(gradients.gamma));
    put_named("beta", std::move(gradients.beta));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const LocalResponseNormalization& op) const {
    return {local_response_norm_backward(input(), op, diff)};
  }
  std::vector<Array> operator()(const UpSampling2D& op) const {
    return {upsampling_backward(input(), op, diff)};
  }

  std::vector<Array> operator()(const SelfAttention& op) const {
    return {self_attention_backward(input(), op.heads, diff)};
  }

  std::vector<Array> operator()(const WindowAttention& op) const {
    auto gradients = window_attention_backward(input(), op, *parameter("relative_position_bias_table"), diff);
    put_named("relative_position_bias_table", std::move(gradients.table));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const ClassToken&) const {
    auto gradients = prepend_token_backward(input(), diff);
    put_named("class_token", std::move(gradients.token));
    return {std::move(gradients.input)};
  }

  std::vector<Array> operator()(const PositionEmbedding&) const {
    put_named("position_embedding", position_gradient(diff));
    return {diff};
  }

  std::vector<Array> operator()(const Cropping2D& op) const { return {cropping_backward(input(), op, diff)}; }
  std::vector<Array> operator()(const ChannelShuffle& op) const {
    return {channel_shuffle_backward(op, diff)};
  }
  std::vector<Array> operator()(const ChannelSlice& op) const {
    return {channel_slice_backward(input(), op, diff)};
  }

  std::vector<Array> operator()(const Add&) const {
    return std::vector<Array>(graph.node(id).inputs.size(), diff);
  }

  std::vector<Array> operator()(const Multiply&) const {
    auto gradients = multiply_backward(input(0), input(1), diff);
    return {std::move(gradients.a), std::move(gradients.b)};
  }

  std::vector<Array> operator()(const Concatenate&) const {
    std::vector<Array> inputs;
    for (std::size_t i = 0; i < graph.node(id).inputs.size(); ++i) {
      inputs.push_back(input(i));
    }
    return concatenate_backward(inputs, diff);
  }

  std::vector<Array> operator()(const Flatten&) const { return {diff_as(input().shape)}; }
  std::vector<Array> operator()(const Reshape&) const { return {diff_as(input().shape)}; }

  std::vector<Array> operator()(const Dropout&) const {
    const auto mask = options.dropout_masks.find(id);
    return {mask == options.dropout_masks.end() ? diff : multiply(diff, mask->second)};
  }

  std::vector<Array> operator()(const Rescaling& op) const {
    Array gradient = diff;
    for (std::size_t i = 0; i < gradient.values.size(); ++i) {
      gradient.values[i] *= static_cast<double>(op.scale[i % op.scale.size()]);
    }
    return {std::move(gradient)};
  }
};

}  // namespace

Gradients backward(const Graph& graph, const ParameterArrays& parameters, const Trace& trace,
                   const Array& diff_output, const Options& options) {
  Gradients gradients;
  gradients.values.resize(graph.nodes().size());
  gradients.values[static_cast<std::size_t>(graph.output())] = diff_output;
  for (NodeId id = graph.output(); id > 0; --id) {
    const Array& diff = gradients.values[static_cast<std::size_t>(id)];
    if (diff.values.empty()) {
      continue;
    }
    const auto diff_inputs =
        std::visit(BackwardVisitor{graph, parameters, options, trace, id, diff, gradients.parameters},
                   graph.node(id).op);
    for (std::size_t i = 0; i < diff_inputs.size(); ++i) {
      accumulate(gradients.values[static_cast<std::size_t>(graph.node(id).inputs[i])], diff_inputs[i]);
    }
  }
  return gradients;
}

}  // namespace headstart::reference
