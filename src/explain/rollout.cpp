#include "explain/rollout.h"

#include <variant>

#include "explain/explore_attention.h"
#include "headstart/error.h"

namespace headstart {
namespace {

std::vector<NodeId> attentions(const Graph& graph) {
  std::vector<NodeId> found;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    if (std::holds_alternative<SelfAttention>(graph.node(id).op)) {
      found.push_back(id);
    }
  }
  return found;
}

// The row times (attention + identity) / 2, the attention being the mean of the heads.
std::vector<double> through_block(const std::vector<double>& row, const Node& node, const float* values) {
  const auto& op = std::get<SelfAttention>(node.op);
  const std::size_t tokens = row.size();
  const Shape shape{node.shape[0], 3 * node.shape[1]};
  const Tensor input(shape, {values, static_cast<std::size_t>(element_count(shape))});
  std::vector<double> before = row;
  for (int head = 0; head < op.heads; ++head) {
    const auto weights = attention_weights(op, input, head);
    for (std::size_t token = 0; token < tokens; ++token) {
      for (std::size_t other = 0; other < tokens; ++other) {
        before[other] += row[token] * static_cast<double>(weights[token * tokens + other]) / op.heads;
      }
    }
  }
  for (double& value : before) {
    value /= 2.0;
  }
  return before;
}

}  // namespace

std::vector<NodeId> attention_inputs(const Graph& graph) {
  std::vector<NodeId> inputs;
  for (const auto id : attentions(graph)) {
    inputs.push_back(graph.node(id).inputs[0]);
  }
  const auto grid = inputs.empty() ? std::nullopt : spatial_grid(graph, attentions(graph).back());
  if (!grid || !grid->class_token) {
    throw Error("[explain] expected a vision transformer for rollout; received " + graph.name() +
                "; use another --method");
  }
  return inputs;
}

// Half of a token passes through a block unchanged, so a block's matrix is (attention + identity) / 2. Only
// the class token's row of the product is wanted: from the last block down, a row times a matrix each.
HeatMap attention_rollout(const Graph& graph, std::span<const float* const> values) {
  const auto ids = attentions(graph);
  const auto grid = *spatial_grid(graph, ids.back());
  std::vector<double> row(static_cast<std::size_t>(graph.node(ids.back()).shape[0]), 0.0);
  row[0] = 1.0;
  for (std::size_t block = ids.size(); block-- > 0;) {
    row = through_block(row, graph.node(ids[block]), values[block]);
  }
  Tensor map({grid.height, grid.width});
  for (std::int64_t p = 0; p < map.size(); ++p) {
    map[p] = static_cast<float>(row[static_cast<std::size_t>(p) + 1]);
  }
  return normalized(std::move(map));
}

}  // namespace headstart
