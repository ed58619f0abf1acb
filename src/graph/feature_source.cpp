// Which node's values tell an unknown photo: what the last layer with weights reads.
#include <variant>

#include "headstart/acceptance.h"

namespace headstart {
namespace {

template <typename Layer>
bool is(const Node& node) {
  return std::holds_alternative<Layer>(node.op);
}

}  // namespace

std::int64_t feature_channels(const Graph& graph, NodeId node) {
  const Node& source = graph.node(node);
  const Shape& shape = is<Flatten>(source) ? graph.node(source.inputs.at(0)).shape : source.shape;
  return shape.empty() ? 0 : shape.back();
}

std::optional<FeatureSource> feature_source(const Graph& graph) {
  NodeId id = graph.output();
  while (parameter_specs(graph, id).empty()) {
    if (graph.node(id).inputs.size() != 1) {
      return std::nullopt;
    }
    id = graph.node(id).inputs.front();
  }
  if (graph.node(id).inputs.size() != 1) {
    return std::nullopt;
  }
  id = graph.node(id).inputs.front();
  while (is<Dropout>(graph.node(id))) {
    id = graph.node(id).inputs.front();
  }
  const FeatureSource source{.node = id, .channels = feature_channels(graph, id)};
  return is<Input>(graph.node(id)) || source.channels < 2 ? std::nullopt : std::optional(source);
}

}  // namespace headstart
