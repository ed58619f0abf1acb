// Which nodes are frozen, and which values cross to the trainable part.
#include <variant>

#include "engine/lowering.h"
#include "graph/ancestors.h"
#include "headstart/engine.h"

namespace headstart {
namespace {

bool has_trainable_parameters(const Graph& graph, NodeId id) {
  if (!graph.node(id).trainable) {
    return false;
  }
  for (const auto& spec : parameter_specs(graph, id)) {
    if (spec.trainable) {
      return true;
    }
  }
  return false;
}

bool changes_by_itself(const Graph& graph, NodeId id, BatchNormMode batch_norm) {
  const auto& node = graph.node(id);
  if (is_random(node) || has_trainable_parameters(graph, id)) {
    return true;
  }
  return uses_batch_statistics(node, batch_norm);
}

}  // namespace

bool is_random(const Node& node) {
  const auto* dropout = std::get_if<Dropout>(&node.op);
  return dropout != nullptr && node.trainable && dropout->rate > 0.0F;
}

bool uses_batch_statistics(const Node& node, BatchNormMode batch_norm) {
  return batch_norm == BatchNormMode::training && node.trainable &&
         std::holds_alternative<BatchNormalization>(node.op);
}

Partition partition(const Graph& graph, BatchNormMode batch_norm, const std::vector<NodeId>& watch) {
  const auto& nodes = graph.nodes();
  std::vector<bool> watched(nodes.size(), false);
  graph.node(graph.output());  // throws when it is empty
  for (const auto id : watch) {
    graph.node(id);  // throws when it is not there
    watched[static_cast<std::size_t>(id)] = true;
  }
  const auto needed = ancestors(nodes, {graph.output()});
  Partition result{.frozen = std::vector<bool>(nodes.size(), true), .boundary = {}};
  std::vector<bool> crosses(nodes.size(), false);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    bool frozen = !changes_by_itself(graph, static_cast<NodeId>(i), batch_norm);
    for (const auto input : nodes[i].inputs) {
      const auto before = static_cast<std::size_t>(input);
      frozen = frozen && result.frozen[before] && !watched[before];
    }
    result.frozen[i] = frozen;
    if (!frozen && needed[i]) {
      for (const auto input : nodes[i].inputs) {
        crosses[static_cast<std::size_t>(input)] = true;
      }
    }
  }
  const auto output = static_cast<std::size_t>(graph.output());
  crosses[output] = crosses[output] || result.frozen[output];
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (crosses[i] && result.frozen[i]) {
      result.boundary.push_back(static_cast<NodeId>(i));
    }
  }
  return result;
}

}  // namespace headstart
