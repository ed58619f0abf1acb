#include "engine/lowering.h"

#include <variant>

#include "engine/folding.h"
#include "engine/kernels.h"
#include "engine/pooling.h"

namespace headstart {

std::vector<std::vector<NodeId>> consumers_of(const std::vector<Node>& nodes,
                                              const std::vector<bool>& needed) {
  std::vector<std::vector<NodeId>> consumers(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (needed[i]) {
      for (const auto input : nodes[i].inputs) {
        consumers[static_cast<std::size_t>(input)].push_back(static_cast<NodeId>(i));
      }
    }
  }
  return consumers;
}

std::vector<Node> nodes_ending_in_logits(const Graph& graph) {
  auto nodes = graph.nodes();
  if (output_activation(graph) != OutputActivation::none) {
    // activation_of returns a place inside this very copy.
    auto& op = nodes[static_cast<std::size_t>(graph.output())].op;
    const_cast<Activation*>(activation_of(op))->kind = Activation::Kind::linear;
  }
  return nodes;
}

std::vector<std::optional<NodeId>> absorbable_padding(const std::vector<Node>& nodes,
                                                      const std::vector<std::vector<NodeId>>& consumers,
                                                      const std::vector<bool>& must_exist) {
  std::vector<std::optional<NodeId>> absorbed(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& op = nodes[i].op;
    if (!std::holds_alternative<Conv2D>(op) && !std::holds_alternative<DepthwiseConv2D>(op) &&
        !std::holds_alternative<SeparableConv2D>(op)) {
      continue;
    }
    const auto input = static_cast<std::size_t>(nodes[i].inputs[0]);
    const auto* zeros = std::get_if<ZeroPadding2D>(&nodes[input].op);
    if (zeros != nullptr && zeros->channels_before == 0 && zeros->channels_after == 0 &&
        consumers[input] == std::vector<NodeId>{static_cast<NodeId>(i)} && !must_exist[input]) {
      absorbed[i] = nodes[i].inputs[0];
    }
  }
  return absorbed;
}

bool is_gated(const std::vector<Node>& nodes, NodeId id) {
  const auto& node = nodes[static_cast<std::size_t>(id)];
  return std::holds_alternative<Multiply>(node.op) && node.inputs.size() == 2 && node.shape.size() == 3 &&
         element_count(nodes[static_cast<std::size_t>(node.inputs[1])].shape) == node.shape[2];
}

std::optional<RowActivation> as_row_activation(const Activation& activation) {
  switch (activation.kind) {
    case Activation::Kind::relu:
      return RowActivation{.low = 0.0F};
    case Activation::Kind::relu6:
      return RowActivation{.low = 0.0F, .high = 6.0F};
    case Activation::Kind::swish:
      return kSwish;
    case Activation::Kind::hard_swish:
      return kHardSwish;
    default:
      return std::nullopt;
  }
}

namespace {

std::optional<RowActivation> as_row_activation(const Op& op) {
  const auto* layer = std::get_if<ActivationLayer>(&op);
  return layer == nullptr ? std::nullopt : as_row_activation(layer->activation);
}

}  // namespace

std::vector<std::optional<NodeId>> absorbable_activations(const std::vector<Node>& nodes,
                                                          const std::vector<std::vector<NodeId>>& consumers,
                                                          const std::vector<bool>& must_exist) {
  std::vector<std::optional<NodeId>> absorbed(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (only_scales_and_shifts(nodes[i].op) && consumers[i].size() == 1 && !must_exist[i] &&
        as_row_activation(nodes[static_cast<std::size_t>(consumers[i][0])].op)) {
      absorbed[i] = consumers[i][0];
    }
  }
  return absorbed;
}

RowActivation row_activation_of(const std::vector<Node>& nodes, std::optional<NodeId> activation) {
  return activation
             ? as_row_activation(nodes[static_cast<std::size_t>(*activation)].op).value_or(RowActivation{})
             : RowActivation{};
}

Rows rows_of(const dnnl::memory& memory, std::int64_t channels) {
  const auto desc = memory.get_desc();
  std::int64_t count = 1;
  for (const auto extent : onednn::dims_of(desc)) {
    count *= extent;
  }
  return {.data = memory.get_data_handle(),
          .bf16 = onednn::type_of(desc) == DataType::bf16,
          .count = count / channels,
          .channels = channels};
}

int channel_axis(const Shape& shape) { return shape.size() == 3 ? 1 : static_cast<int>(shape.size()); }

Value emit_softmax_backward(Emitter& emitter, const std::string& node, const Value& dst, const Value& diff,
                            int axis) {
  const auto diff_src = emitter.value(dst.desc);
  const auto columns = onednn::dims_of(dst.desc).at(static_cast<std::size_t>(axis));
  emitter.emit(node, "softmax backward", {.reads = {dst, diff}, .writes = {diff_src}},
               [columns, result = emitter.memory(dst), diff = emitter.memory(diff, dst.desc),
                diff_src = emitter.memory(diff_src)] {
                 softmax_backward(rows_of(result, columns), rows_of(diff, columns),
                                  rows_of(diff_src, columns));
               });
  return diff_src;
}

bool emit_average_pooling(Emitter& emitter, const Average& average, const Value& src, const Value& dst) {
  const bool counts_zeros = average.algorithm == dnnl::algorithm::pooling_avg_include_padding;
  const auto shape = sliding_shape(src.desc, dst.desc, average.window);
  const auto type = onednn::type_of(dst.desc);
  if (!(counts_zeros || average.algorithm == dnnl::algorithm::pooling_avg_exclude_padding) ||
      !has_fast_average_pooling(shape, type)) {
    return false;
  }
  emitter.emit(average.node, average.kind, {.reads = {src}, .writes = {dst}},
               [shape, bf16 = type == DataType::bf16, counts_zeros, from = emitter.memory(src),
                to = emitter.memory(dst)] {
                 average_pooling(shape, bf16, counts_zeros, from.get_data_handle(), to.get_data_handle());
               });
  return true;
}

void emit_concat(Emitter& emitter, const std::string& node, const std::vector<Value>& srcs, const Value& dst,
                 int axis) {
  std::vector<onednn::Desc> descs;
  Arguments arguments{{DNNL_ARG_DST, emitter.memory(dst)}};
  for (std::size_t i = 0; i < srcs.size(); ++i) {
    descs.push_back(srcs[i].desc);
    arguments.insert({DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), emitter.memory(srcs[i])});
  }
  const auto pd = onednn::concat(emitter.engine(), dst.desc, axis, descs, emitter.attributes());
  emitter.emit(node, "concat", pd, std::move(arguments));
}

ConvolutionGeometry geometry_of(const Conv2D& conv, std::int64_t channels) {
  return {.kernel = conv.kernel,
          .strides = conv.strides,
          .dilation = conv.dilation,
          .padding = conv.padding,
          .channels = channels,
          .filters = conv.filters,
          .groups = conv.groups};
}

namespace {

// One filter, or depth_multiplier, for each channel of the input.
ConvolutionGeometry depthwise(const auto& conv, std::int64_t channels) {
  return {.kernel = conv.kernel,
          .strides = conv.strides,
          .dilation = conv.dilation,
          .padding = conv.padding,
          .channels = channels,
          .filters = channels * conv.depth_multiplier,
          .groups = channels};
}

}  // namespace

ConvolutionGeometry geometry_of(const DepthwiseConv2D& conv, std::int64_t channels) {
  return depthwise(conv, channels);
}

ConvolutionGeometry depthwise_half(const SeparableConv2D& conv, std::int64_t channels) {
  return depthwise(conv, channels);
}

ConvolutionGeometry pointwise_half(const SeparableConv2D& conv, std::int64_t channels) {
  return {.channels = channels * conv.depth_multiplier, .filters = conv.filters};
}

}  // namespace headstart
