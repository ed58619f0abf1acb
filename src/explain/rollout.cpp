#include "explain/rollout.h"

#include <algorithm>
#include <cmath>
#include <variant>

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

// What a token takes from each token: the softmax of its query's products with their keys, head by head.
class Attention {
 public:
  Attention(const Node& node, const float* values)
      : tokens_(static_cast<std::size_t>(node.shape[0])),
        channels_(static_cast<std::size_t>(node.shape[1])),
        heads_(static_cast<std::size_t>(std::get<SelfAttention>(node.op).heads)),
        values_(values) {}

  // The mean of the heads for one token.
  std::vector<double> weights(std::size_t token) const {
    std::vector<double> mean(tokens_, 0.0), scores(tokens_);
    for (std::size_t head = 0; head < heads_; ++head) {
      for (std::size_t other = 0; other < tokens_; ++other) {
        scores[other] = score(head, token, other);
      }
      const double largest = *std::max_element(scores.begin(), scores.end());
      double sum = 0.0;
      for (double& each : scores) {
        each = std::exp(each - largest);
        sum += each;
      }
      for (std::size_t other = 0; other < tokens_; ++other) {
        mean[other] += scores[other] / (sum * static_cast<double>(heads_));
      }
    }
    return mean;
  }

  std::size_t tokens() const { return tokens_; }

 private:
  double score(std::size_t head, std::size_t token, std::size_t other) const {
    const std::size_t depth = channels_ / heads_;
    const float* query = values_ + token * 3 * channels_ + head * depth;
    const float* key = values_ + other * 3 * channels_ + channels_ + head * depth;
    double sum = 0.0;
    for (std::size_t i = 0; i < depth; ++i) {
      sum += static_cast<double>(query[i]) * static_cast<double>(key[i]);
    }
    return sum / std::sqrt(static_cast<double>(depth));
  }

  std::size_t tokens_, channels_, heads_;
  const float* values_;
};

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
    const Attention attention(graph.node(ids[block]), values[block]);
    std::vector<double> before(row.size(), 0.0);
    for (std::size_t token = 0; token < row.size(); ++token) {
      if (row[token] == 0.0) {
        continue;
      }
      const auto weights = attention.weights(token);
      for (std::size_t other = 0; other < row.size(); ++other) {
        before[other] += row[token] * (weights[other] + (other == token ? 1.0 : 0.0)) / 2.0;
      }
    }
    row = std::move(before);
  }
  Tensor map({grid.height, grid.width});
  for (std::int64_t p = 0; p < map.size(); ++p) {
    map[p] = static_cast<float>(row[static_cast<std::size_t>(p) + 1]);
  }
  return normalized(std::move(map));
}

}  // namespace headstart
