// Which layers of a network still know where in the picture something is.
#include <variant>

#include <fmt/format.h>

#include "graph/ancestors.h"
#include "headstart/error.h"
#include "headstart/explain.h"

namespace headstart {
namespace {

// The image whose pixels became tokens, on the way up along first inputs.
std::optional<SpatialGrid> grid_of_tokens(const Graph& graph, NodeId id) {
  const auto tokens = graph.node(id).shape[0];
  for (auto at = id; at > 0;) {
    at = graph.node(at).inputs[0];
    const auto& shape = graph.node(at).shape;
    if (shape.size() == 3) {
      const auto patches = shape[0] * shape[1];
      const bool fits = tokens == patches || tokens == patches + 1;
      return fits ? std::optional(SpatialGrid{shape[0], shape[1], tokens == patches + 1}) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<NodeId> normalization_before(const Graph& graph, NodeId attention) {
  for (auto at = attention; at > 0;) {
    at = graph.node(at).inputs[0];
    if (std::holds_alternative<LayerNormalization>(graph.node(at).op)) {
      return at;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<SpatialGrid> spatial_grid(const Graph& graph, NodeId id) {
  const auto& shape = graph.node(id).shape;
  if (shape.size() == 3) {
    return SpatialGrid{shape[0], shape[1], false};
  }
  return shape.size() == 2 ? grid_of_tokens(graph, id) : std::nullopt;
}

NodeId evidence_layer(const Graph& graph) {
  const auto leads = ancestors(graph.nodes(), {graph.output()});
  for (auto id = static_cast<NodeId>(leads.size()) - 1; id > 0; --id) {
    const bool padding = std::holds_alternative<ZeroPadding2D>(graph.node(id).op);
    if (padding || !leads[static_cast<std::size_t>(id)]) {
      continue;
    }
    const auto grid = spatial_grid(graph, id);
    if (!grid || grid->height * grid->width <= 1) {
      continue;
    }
    if (graph.node(id).shape.size() == 3) {
      return id;
    }
    if (std::holds_alternative<SelfAttention>(graph.node(id).op)) {
      if (const auto before = normalization_before(graph, id)) {
        return *before;
      }
    }
  }
  throw Error(fmt::format(
      "[explain] expected a layer with a spatial extent in {}; received none larger than 1x1; use a larger "
      "--input-size, or --method occlusion, which needs none",
      graph.name()));
}

}  // namespace headstart
