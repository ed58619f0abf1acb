#include "weights/trailing_activation.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "graph/without_activation.h"

namespace headstart {
namespace {

bool is_vector(const Shape& shape) { return !shape.empty() && shape.back() == element_count(shape); }

// Whether the node hands on the values that it gets, in their order, as a vector. That is what lets a softmax
// over the last axis change places with it.
bool hands_on_vector(const Node& node) {
  const auto* layer = std::get_if<ActivationLayer>(&node.op);
  const bool keeps_values = std::holds_alternative<Reshape>(node.op) ||
                            std::holds_alternative<Flatten>(node.op) ||
                            std::holds_alternative<Dropout>(node.op) ||
                            (layer != nullptr && layer->activation.kind == Activation::Kind::linear);
  return keeps_values && is_vector(node.shape);
}

bool makes_probabilities(const Node& node) {
  const Activation* activation = activation_of(node.op);
  return activation != nullptr &&
         (activation->kind == Activation::Kind::softmax || activation->kind == Activation::Kind::sigmoid);
}

// The node whose softmax or sigmoid only layers that hand it on follow.
std::optional<NodeId> hidden_activation(const Graph& graph) {
  const auto users = graph.consumers();
  NodeId id = graph.output();
  if (!users[static_cast<std::size_t>(id)].empty()) {
    return std::nullopt;
  }
  while (hands_on_vector(graph.node(id))) {
    id = graph.node(id).inputs.front();
    if (users[static_cast<std::size_t>(id)].size() != 1) {
      return std::nullopt;
    }
  }
  const Node& node = graph.node(id);
  const bool hidden = id != graph.output() && is_vector(node.shape) && makes_probabilities(node);
  return hidden ? std::optional(id) : std::nullopt;
}

}  // namespace

Graph with_activation_last(Graph graph) {
  const auto hidden = hidden_activation(graph);
  if (!hidden) {
    return graph;
  }
  const Node& source = graph.node(*hidden);
  const bool is_layer = std::holds_alternative<ActivationLayer>(source.op);
  Graph result(graph.name());
  for (const Scope& scope : graph.scopes()) {
    result.add_scope(scope);
  }
  std::vector<NodeId> ids;  // of the old nodes in the new graph
  for (const Node& node : graph.nodes()) {
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) {
      inputs.push_back(ids[static_cast<std::size_t>(input)]);
    }
    if (&node == &source && is_layer) {
      ids.push_back(inputs.front());
      continue;
    }
    ids.push_back(
        result.add(node.name, &node == &source ? without_activation(node.op) : node.op, std::move(inputs)));
    result.set_trainable(ids.back(), node.trainable);
  }
  Op last = ActivationLayer{.activation = *activation_of(source.op)};
  auto name = is_layer ? source.name : graph.automatic_name(last);
  const auto id = result.add(std::move(name), std::move(last), ids[static_cast<std::size_t>(graph.output())]);
  result.set_trainable(id, source.trainable);
  return result;
}

}  // namespace headstart
