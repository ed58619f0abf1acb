#include "graph/keras_order.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace headstart {
namespace {

// When a walk from the output backwards first comes to each node; of others: the number of nodes.
std::vector<std::size_t> first_visits(const Graph& graph) {
  const auto& nodes = graph.nodes();
  std::vector<std::size_t> visits(nodes.size(), nodes.size());
  if (nodes.empty()) {
    return visits;
  }
  std::vector<std::pair<std::size_t, std::size_t>> way;  // nodes and their next input
  std::size_t count = 0;
  const auto enter = [&](NodeId id) {
    const auto node = static_cast<std::size_t>(id);
    if (visits[node] == nodes.size()) {
      visits[node] = count++;
      way.emplace_back(node, 0);
    }
  };
  enter(graph.output());
  while (!way.empty()) {
    auto& [node, next] = way.back();
    if (next == nodes[node].inputs.size()) {
      way.pop_back();
    } else {
      enter(nodes[node].inputs[next++]);
    }
  }
  return visits;
}

}  // namespace

std::vector<NodeId> keras_order(const Graph& graph) {
  const auto& nodes = graph.nodes();
  const auto visits = first_visits(graph);
  std::vector<int> depths(nodes.size(), 0);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    for (const NodeId input : nodes[i].inputs) {
      auto& depth = depths[static_cast<std::size_t>(input)];
      depth = visits[i] == nodes.size() ? depth : std::max(depth, depths[i] + 1);
    }
  }
  std::vector<NodeId> order(nodes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](NodeId a, NodeId b) {
    const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
    const bool needed_i = visits[i] < nodes.size(), needed_j = visits[j] < nodes.size();
    if (needed_i != needed_j) {
      return needed_i;
    }
    return depths[i] != depths[j] ? depths[i] > depths[j] : visits[i] < visits[j];
  });
  return order;
}

}  // namespace headstart
