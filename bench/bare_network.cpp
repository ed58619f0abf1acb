#include "bare_network.h"

#include <algorithm>
#include <variant>

namespace headstart {

using dnnl::memory;
using dnnl::prop_kind;
using onednn::Desc;

BareNetwork::BareNetwork(const Graph& graph, int batch, DataType type)
    : graph_(graph), batch_(batch), type_(type), consumers_(graph.consumers()) {
  const auto& nodes = graph.nodes();
  padding_ = absorbable_padding(nodes, consumers_, std::vector<bool>(nodes.size(), false));
  std::int64_t largest = 0;
  for (const Node& node : nodes) {
    largest = std::max(largest, element_count(node.shape));
    if (const auto* op = std::get_if<SelfAttention>(&node.op)) {
      largest = std::max(largest, op->heads * node.shape[0] * node.shape[0]);
    }
  }
  // Written once: pages that were never written are all one page, and quicker to read than real data.
  for (auto& buffer : buffers_) {
    buffer.assign(static_cast<std::size_t>(largest * batch) * sizeof(float), std::byte{0x3C});
  }
  for (NodeId id = 1; id < static_cast<NodeId>(nodes.size()); ++id) {
    add(id);
  }
}

void BareNetwork::run() {
  for (auto& step : steps_) {
    step.primitive.execute(stream_, step.arguments);
  }
  stream_.wait();
}

void BareNetwork::add(NodeId id) {
  using A = dnnl::algorithm;
  const Node& node = graph_.node(id);
  const Shape& input = graph_.node(node.inputs[0]).shape;
  if (const auto* conv = std::get_if<Conv2D>(&node.op)) {
    convolution(id, geometry_of(*conv, input.back()));
  } else if (const auto* depthwise = std::get_if<DepthwiseConv2D>(&node.op)) {
    convolution(id, geometry_of(*depthwise, input.back()));
  } else if (const auto* both = std::get_if<SeparableConv2D>(&node.op)) {
    separable(id, *both);
  } else if (const auto* layer = std::get_if<Dense>(&node.op)) {
    dense(id, *layer);
  } else if (const auto* most = std::get_if<MaxPooling2D>(&node.op)) {
    pooling(id, A::pooling_max, pooling_window(most->pool, most->strides, most->padding, input, node.shape));
  } else if (const auto* mean = std::get_if<AveragePooling2D>(&node.op)) {
    pooling(id, A::pooling_avg_exclude_padding,
            pooling_window(mean->pool, mean->strides, mean->padding, input, node.shape));
  } else if (std::holds_alternative<GlobalAveragePooling2D>(node.op)) {
    pooling(id, A::pooling_avg_exclude_padding, global_window(input));
  } else if (const auto* heads = std::get_if<SelfAttention>(&node.op)) {
    attention(id, *heads);
  }
}

// The op's own activation, or that of the layer behind it or behind the batch norm that follows.
dnnl::primitive_attr BareNetwork::activation_of_node(NodeId id) const {
  const Activation* activation = activation_of(graph_.node(id).op);
  const auto behind = [&](NodeId node) { return consumers_[static_cast<std::size_t>(node)]; };
  auto next = behind(id);
  if (next.size() == 1 && std::holds_alternative<BatchNormalization>(graph_.node(next[0]).op)) {
    next = behind(next[0]);
  }
  if (next.size() == 1 && std::holds_alternative<ActivationLayer>(graph_.node(next[0]).op)) {
    activation = &std::get<ActivationLayer>(graph_.node(next[0]).op).activation;
  }
  dnnl::post_ops post_ops;
  if (activation->kind != Activation::Kind::softmax) {
    for (const auto& eltwise : eltwise_of(*activation)) {
      onednn::append_eltwise(post_ops, eltwise);
    }
  }
  dnnl::primitive_attr attr;
  attr.set_post_ops(post_ops);
  return attr;
}

memory BareNetwork::filled(const Desc& desc) const {
  memory made(desc, engine_);
  std::fill_n(static_cast<std::byte*>(made.get_data_handle()), desc.get_size(), std::byte{0x3C});
  return made;
}

std::pair<memory, memory> BareNetwork::turn(const Desc& src, const Desc& dst) {
  std::swap(buffers_[0], buffers_[1]);
  return {memory(src, engine_, buffers_[0].data()), memory(dst, engine_, buffers_[1].data())};
}

void BareNetwork::emit_layer(const dnnl::primitive_desc_base& pd, const onednn::LayerDescs& descs,
                             const Desc& weights) {
  const auto [src, dst] = turn(descs.src, descs.dst);
  steps_.push_back({dnnl::primitive(pd.get()),
                    {{DNNL_ARG_SRC, src},
                     {DNNL_ARG_WEIGHTS, filled(weights)},
                     {DNNL_ARG_BIAS, filled(descs.bias)},
                     {DNNL_ARG_DST, dst}}});
}

void BareNetwork::convolution(NodeId id, const LayerShape& shape, const Shape& input, const Shape& output,
                              bool active) {
  const onednn::LayerDescs descs{.src = activation_desc(input, batch_, type_),
                                 .weights = shape.weights,
                                 .bias = vector_desc(shape.filters),
                                 .dst = activation_desc(output, batch_, type_)};
  const auto pd = onednn::convolution_forward(engine_, prop_kind::forward_inference, descs, shape.window,
                                              active ? activation_of_node(id) : dnnl::primitive_attr());
  emit_layer(pd, descs, pd.weights_desc());
}

void BareNetwork::convolution(NodeId id, const ConvolutionGeometry& geometry) {
  const Node& node = graph_.node(id);
  const auto pad = padding_[static_cast<std::size_t>(id)];
  const Shape& input = graph_.node(pad ? graph_.node(*pad).inputs[0] : node.inputs[0]).shape;
  const auto zeros = pad ? std::get<ZeroPadding2D>(graph_.node(*pad).op) : ZeroPadding2D{};
  convolution(id, convolution_shape(geometry, input, zeros, type_), input, node.shape, true);
}

void BareNetwork::separable(NodeId id, const SeparableConv2D& op) {
  const Node& node = graph_.node(id);
  const Shape& input = graph_.node(node.inputs[0]).shape;
  Shape middle = node.shape;
  middle.back() = input.back() * op.depth_multiplier;
  convolution(id, convolution_shape(depthwise_half(op, input.back()), input, {}, type_), input, middle,
              false);
  convolution(id, convolution_shape(pointwise_half(op, input.back()), middle, {}, type_), middle, node.shape,
              true);
}

void BareNetwork::dense(NodeId id, const Dense& op) {
  const Node& node = graph_.node(id);
  const Shape& input = graph_.node(node.inputs[0]).shape;
  const auto shape = dense_shape(input.back(), op.units, type_);
  const onednn::LayerDescs descs{.src = matrix_desc(activation_desc(input, batch_, type_), input.back()),
                                 .weights = shape.weights,
                                 .bias = vector_desc(op.units),
                                 .dst = matrix_desc(activation_desc(node.shape, batch_, type_), op.units)};
  const auto pd =
      onednn::inner_product_forward(engine_, prop_kind::forward_inference, descs, activation_of_node(id));
  emit_layer(pd, descs, pd.weights_desc());
}

void BareNetwork::pooling(NodeId id, dnnl::algorithm algorithm, const onednn::Window& window) {
  const Node& node = graph_.node(id);
  const Desc src_desc = activation_desc(graph_.node(node.inputs[0]).shape, batch_, type_);
  const Desc dst_desc =
      activation_desc(node.shape.size() == 3 ? node.shape : Shape{1, 1, node.shape.back()}, batch_, type_);
  const auto pd = onednn::pooling_forward(engine_, prop_kind::forward_inference, algorithm, src_desc,
                                          dst_desc, window, {});
  const auto [src, dst] = turn(src_desc, dst_desc);
  steps_.push_back({dnnl::primitive(pd.get()), {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}}});
}

void BareNetwork::attention(NodeId id, const SelfAttention& op) {
  using Tag = memory::format_tag;
  const Shape& shape = graph_.node(id).shape;
  const std::int64_t count = batch_ * op.heads, tokens = shape[0], depth = shape[1] / op.heads;
  const Desc heads({count, tokens, depth}, type_, Tag::abc);
  const Desc scores({count, tokens, tokens}, type_, Tag::abc);
  product(heads, Desc({count, depth, tokens}, type_, Tag::acb), scores);
  product(scores, heads, heads);
}

void BareNetwork::product(const Desc& a, const Desc& b, const Desc& dst_desc) {
  const auto pd = onednn::matmul(engine_, a, b, dst_desc, {});
  const auto [src, dst] = turn(a, dst_desc);
  steps_.push_back(
      {dnnl::primitive(pd.get()), {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, filled(b)}, {DNNL_ARG_DST, dst}}});
}

}  // namespace headstart
