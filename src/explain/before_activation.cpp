#include "explain/before_activation.h"

#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

#include "graph/ancestors.h"
#include "graph/overloaded.h"
#include "graph/without_activation.h"

namespace headstart {
namespace {

std::size_t place_of(NodeId id) { return static_cast<std::size_t>(id); }

// Whether the layer, without activations, only chooses, averages or moves values.
bool passes_values(const Op& op) {
  return std::visit(
      Overloaded{[](const OneOf<MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D,
                                ZeroPadding2D, ActivationLayer, Cropping2D, ChannelShuffle, ChannelSlice,
                                UpSampling2D, Concatenate, Flatten, Reshape, Dropout> auto&) { return true; },
                 [](const OneOf<Input, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D, Dense,
                                BatchNormalization, LayerNormalization, GroupNormalization,
                                LocalResponseNormalization, Normalization, Rescaling, Scale, SelfAttention,
                                WindowAttention, ClassToken, PositionEmbedding, Add, Multiply> auto&) {
                   return false;
                 }},
      op);
}

// By node id: whether all that `output` takes from it comes through layers that pass values.
std::vector<bool> passed_on(const Graph& graph, NodeId output) {
  const auto leads = ancestors(graph.nodes(), {output});
  const auto consumers = graph.consumers();
  std::vector<bool> passed(leads.size(), false);
  for (NodeId id = output; id >= 0; --id) {
    bool all = leads[place_of(id)];
    for (const NodeId reader : consumers[place_of(id)]) {
      const bool counts = id != output && leads[place_of(reader)];
      all = all && (!counts || (passed[place_of(reader)] && passes_values(graph.node(reader).op)));
    }
    passed[place_of(id)] = all;
  }
  return passed;
}

}  // namespace

Graph before_activation(const Graph& graph, NodeId output) {
  const auto passed = passed_on(graph, output);
  Graph part(graph.name());
  for (NodeId id = 0; id <= output; ++id) {
    const Node& node = graph.node(id);
    part.add(node.name, passed[place_of(id)] ? without_activation(node.op) : node.op, node.inputs);
  }
  return part;
}

}  // namespace headstart
