// The forward half of the interpreter.
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

// The value of one node from the values of its inputs.
struct ForwardVisitor {
  const Graph& graph;
  const ParameterArrays& parameters;
  const Options& options;
  NodeId id;
  Trace& trace;

  const Array& input(std::size_t i = 0) const {
    return trace.values[static_cast<std::size_t>(graph.node(id).inputs[i])];
  }

  std::vector<Array> inputs() const {
    std::vector<Array> all;
    for (std::size_t i = 0; i < graph.node(id).inputs.size(); ++i) {
      all.push_back(input(i));
    }
    return all;
  }

  // The node's shape with the batch in front, for ops that only rearrange.
  Array renamed() const {
    Array output = input();
    const std::int64_t batch = output.shape.front();
    output.shape = graph.node(id).shape;
    output.shape.insert(output.shape.begin(), batch);
    return output;
  }

  const Array* parameter(const char* suffix) const {
    return parameter_or_null(graph, parameters, id, suffix);
  }

  Array activated(Array linear, const Activation& activation) const {
    Array output = activate(linear, activation);
    trace.pre_activations[static_cast<std::size_t>(id)] = std::move(linear);
    return output;
  }

  Array global(PoolingKind kind) const {
    Array output = pooling(input(), global_pooling_geometry(kind, input()));
    const std::int64_t batch = output.shape.front();
    output.shape = graph.node(id).shape;
    output.shape.insert(output.shape.begin(), batch);
    return output;
  }

  Array operator()(const Input&) const { return input(); }

  Array operator()(const Conv2D& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, op.weight_normalization ? 2 : 1);
    const auto geometry =
        convolution_geometry(op.padding, op.kernel, op.strides, op.dilation, op.groups, input());
    return activated(convolution(input(), effective_kernel(p), p.bias, geometry), op.activation);
  }

  Array operator()(const Conv2DTranspose& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, 1);
    return activated(transposed_convolution(input(), *p.kernels[0], p.bias, op), op.activation);
  }

  Array operator()(const DepthwiseConv2D& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, 1);
    const auto channels = static_cast<int>(input().shape.back());
    const auto geometry =
        convolution_geometry(op.padding, op.kernel, op.strides, op.dilation, channels, input());
    return activated(convolution(input(), as_grouped_kernel(*p.kernels[0]), p.bias, geometry), op.activation);
  }

  Array operator()(const SeparableConv2D& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, 2);
    const auto channels = static_cast<int>(input().shape.back());
    const auto geometry =
        convolution_geometry(op.padding, op.kernel, op.strides, op.dilation, channels, input());
    const Array spatial = convolution(input(), as_grouped_kernel(*p.kernels[0]), nullptr, geometry);
    return activated(convolution(spatial, *p.kernels[1], p.bias, {}), op.activation);
  }

  Array operator()(const Dense& op) const {
    const auto p = kernels_and_bias(graph, parameters, id, op.weight_normalization ? 2 : 1);
    return activated(dense(input(), effective_kernel(p), p.bias), op.activation);
  }

  Array operator()(const MaxPooling2D& op) const {
    return pooling(input(), pooling_geometry(PoolingKind::maximum, op.padding, op.pool, op.strides, input()));
  }

  Array operator()(const AveragePooling2D& op) const {
    const auto kind = op.count_padding ? PoolingKind::average_counting_padding : PoolingKind::average;
    return pooling(input(), pooling_geometry(kind, op.padding, op.pool, op.strides, input()));
  }

  Array operator()(const GlobalAveragePooling2D&) const { return global(PoolingKind::average); }
  Array operator()(const GlobalMaxPooling2D&) const { return global(PoolingKind::maximum); }
  Array operator()(const ZeroPadding2D& op) const { return zero_padding(input(), op); }
  Array operator()(const ActivationLayer& op) const { return activate(input(), op.activation); }

  Array operator()(const BatchNormalization& op) const {
    const auto p = batch_norm_parameters(graph, parameters, id);
    BatchStatistics statistics = p.moving;
    if (uses_batch_statistics(graph.node(id), options)) {
      statistics = batch_statistics(input());
      trace.statistics[id] = statistics;
    }
    if (op.renorm && uses_batch_statistics(graph.node(id), options)) {
      const auto given = options.renorm_corrections.find(id);
      const auto corrections = given != options.renorm_corrections.end()
                                   ? given->second
                                   : renorm_corrections(statistics, p.moving, op);
      trace.renorm_corrections[id] = corrections;
      return batch_renorm(input(), statistics, corrections, p.gamma, p.beta, static_cast<double>(op.epsilon));
    }
    return batch_norm(input(), statistics, p.gamma, p.beta, static_cast<double>(op.epsilon));
  }

  Array operator()(const LayerNormalization& op) const {
    return layer_norm(input(), parameter("gamma"), parameter("beta"), static_cast<double>(op.epsilon));
  }
  Array operator()(const Scale&) const { return scale(input(), *parameter("gamma")); }
  Array operator()(const Normalization&) const {
    return standardize(input(), *parameter("mean"), *parameter("variance"));
  }

  Array operator()(const GroupNormalization& op) const {
    return group_norm(input(), op.groups, parameter("gamma"), parameter("beta"),
                      static_cast<double>(op.epsilon));
  }
  Array operator()(const LocalResponseNormalization& op) const { return local_response_norm(input(), op); }
  Array operator()(const UpSampling2D& op) const { return upsampling(input(), op); }
  Array operator()(const SelfAttention& op) const { return self_attention(input(), op.heads); }
  Array operator()(const WindowAttention& op) const {
    return window_attention(input(), op, *parameter("relative_position_bias_table"));
  }
  Array operator()(const ClassToken&) const { return prepend_token(input(), *parameter("class_token")); }
  Array operator()(const PositionEmbedding&) const {
    return add_position(input(), *parameter("position_embedding"));
  }
  Array operator()(const Cropping2D& op) const { return cropping(input(), op); }
  Array operator()(const ChannelShuffle& op) const { return channel_shuffle(input(), op); }
  Array operator()(const ChannelSlice& op) const { return channel_slice(input(), op); }

  Array operator()(const Add&) const {
    Array sum;
    for (const Array& term : inputs()) {
      accumulate(sum, term);
    }
    return sum;
  }

  Array operator()(const Multiply&) const { return multiply(input(0), input(1)); }
  Array operator()(const Concatenate&) const { return concatenate(inputs()); }
  Array operator()(const Flatten&) const { return renamed(); }
  Array operator()(const Reshape&) const { return renamed(); }

  Array operator()(const Dropout&) const {
    const auto mask = options.dropout_masks.find(id);
    return mask == options.dropout_masks.end() ? input() : multiply(input(), mask->second);
  }

  Array operator()(const Rescaling& op) const {
    Array output = input();
    const auto channels = static_cast<std::size_t>(output.shape.back());
    for (std::size_t i = 0; i < output.values.size(); ++i) {
      const auto constant = [&](const std::vector<float>& values) {
        return static_cast<double>(values.size() == 1 ? values[0] : values[i % channels]);
      };
      output.values[i] = output.values[i] * constant(op.scale) + constant(op.offset);
    }
    return output;
  }
};

}  // namespace

Trace forward(const Graph& graph, const ParameterArrays& parameters, const Array& input,
              const Options& options) {
  Trace trace;
  trace.values.resize(graph.nodes().size());
  trace.pre_activations.resize(graph.nodes().size());
  trace.values[0] = input;
  for (NodeId id = 1; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    trace.values[static_cast<std::size_t>(id)] =
        std::visit(ForwardVisitor{graph, parameters, options, id, trace}, graph.node(id).op);
  }
  return trace;
}

}  // namespace headstart::reference
