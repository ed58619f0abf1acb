// What both lowerings share: which nodes are live, random, absorbed; parameters as memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/channel_norm.h"
#include "engine/emitter.h"
#include "engine/layout.h"
#include "headstart/engine.h"
#include "headstart/graph.h"

namespace headstart {

// A dropout that draws a mask; one whose layer is not trainable is the identity, like a batch norm in
// inference mode.
bool is_random(const Node& node);
bool uses_batch_statistics(const Node& node, BatchNormMode batch_norm);

std::vector<std::vector<NodeId>> consumers_of(const std::vector<Node>& nodes,
                                              const std::vector<bool>& needed);

// The graph's nodes with the output's sigmoid or softmax taken away, so that the output's value is the
// logits.
std::vector<Node> nodes_ending_in_logits(const Graph& graph);

// For each convolution: the ZeroPadding2D node that it can do itself (zeros around the image only, and by
// `consumers`, where only what is computed counts, it alone reads them).
std::vector<std::optional<NodeId>> absorbable_padding(const std::vector<Node>& nodes,
                                                      const std::vector<std::vector<NodeId>>& consumers,
                                                      const std::vector<bool>& must_exist);

// Whether the node multiplies every channel of an image by a value of its own.
bool is_gated(const std::vector<Node>& nodes, NodeId id);

// Activations that a pass over rows of channels can do, forwards and backwards.
std::optional<RowActivation> as_row_activation(const Activation& activation);

// For each node that scales and shifts channels: the activation that can run in its pass (its only consumer).
std::vector<std::optional<NodeId>> absorbable_activations(const std::vector<Node>& nodes,
                                                          const std::vector<std::vector<NodeId>>& consumers,
                                                          const std::vector<bool>& must_exist);
// Of the node that absorbable_activations found; without one nothing at all.
RowActivation row_activation_of(const std::vector<Node>& nodes, std::optional<NodeId> activation);

// The value in `memory` as rows.
Rows rows_of(const dnnl::memory& memory, std::int64_t channels);

// The axis of a node's channels in oneDNN's terms.
int channel_axis(const Shape& shape);

// Joins values along an axis.
void emit_concat(Emitter& emitter, const std::string& node, const std::vector<Value>& srcs, const Value& dst,
                 int axis);

// Average pooling by loops of our own (pooling.h): whether it was emitted, which it is where they are fast
// and the algorithm is an average. `dst`: the result as an image.
struct Average {
  std::string node, kind;
  dnnl::algorithm algorithm{};
  onednn::Window window{};
};
bool emit_average_pooling(Emitter& emitter, const Average& average, const Value& src, const Value& dst);

// From the gradient of a softmax along `axis`, whose values are neighbours, to that of its source.
Value emit_softmax_backward(Emitter& emitter, const std::string& node, const Value& dst, const Value& diff,
                            int axis);

// Geometry of the convolutions among the ops; the two halves of a separable one are asked for one by one.
ConvolutionGeometry geometry_of(const Conv2D& conv, std::int64_t channels);
ConvolutionGeometry geometry_of(const DepthwiseConv2D& conv, std::int64_t channels);
ConvolutionGeometry depthwise_half(const SeparableConv2D& conv, std::int64_t channels);
ConvolutionGeometry pointwise_half(const SeparableConv2D& conv, std::int64_t channels);

}  // namespace headstart
