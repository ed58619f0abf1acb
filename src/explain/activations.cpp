// Feature maps for a photo.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <variant>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/explain.h"
#include "headstart/explain_network.h"

namespace headstart {
namespace {

constexpr std::size_t kLayers = 6;

// The last layer of each resolution, but for mere padding, from the first to the last.
std::vector<NodeId> last_of_each_resolution(const Graph& graph) {
  std::vector<NodeId> ids;
  for (NodeId id = 1; id <= evidence_layer(graph); ++id) {
    const auto& shape = graph.node(id).shape;
    const bool padding = std::holds_alternative<ZeroPadding2D>(graph.node(id).op);
    if (padding || shape.size() != 3 || shape[0] * shape[1] <= 1) {
      continue;
    }
    const auto same = std::find_if(ids.begin(), ids.end(), [&](NodeId other) {
      return graph.node(other).shape[0] == shape[0] && graph.node(other).shape[1] == shape[1];
    });
    if (same != ids.end()) {
      ids.erase(same);
    }
    ids.push_back(id);
  }
  if (ids.size() > kLayers) {
    ids.erase(ids.begin(), ids.end() - kLayers);
  }
  return ids;
}

Tensor stretched(Tensor map) {
  const auto [least, most] = std::minmax_element(map.values().begin(), map.values().end());
  const float low = *least, range = *most - *least;
  for (float& value : map.values()) {
    value = range > 0.0F ? (value - low) / range : 0.0F;
  }
  return map;
}

// Channels by their mean magnitude.
std::vector<int> strongest(const Tensor& values, std::int64_t channels, int count) {
  std::vector<double> strength(static_cast<std::size_t>(channels), 0.0);
  for (std::int64_t i = 0; i < values.size(); ++i) {
    strength[static_cast<std::size_t>(i % channels)] += static_cast<double>(std::abs(values[i]));
  }
  std::vector<int> order(strength.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return strength[static_cast<std::size_t>(a)] > strength[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  return order;
}

FeatureMaps maps_of(const Graph& graph, NodeId id, const Tensor& values, int count) {
  const auto grid = spatial_grid(graph, id);
  if (!grid || grid->height * grid->width <= 1) {
    throw Error(fmt::format("[explain] expected a layer with a spatial extent; received {} {}",
                            graph.node(id).name, to_string(graph.node(id).shape)));
  }
  const auto channels = graph.node(id).shape.back();
  FeatureMaps maps{.layer = graph.node(id).name, .shape = graph.node(id).shape};
  maps.channels = strongest(values, channels, count);
  const std::int64_t first = grid->class_token ? 1 : 0;
  for (const int channel : maps.channels) {
    Tensor map({grid->height, grid->width});
    for (std::int64_t p = 0; p < map.size(); ++p) {
      map[p] = values[(p + first) * channels + channel];
    }
    maps.maps.push_back(stretched(std::move(map)));
  }
  return maps;
}

}  // namespace

std::vector<FeatureMaps> feature_maps(const Model& model, const Image& photo,
                                      const std::vector<std::string>& layers, int count) {
  std::vector<NodeId> ids;
  ids.reserve(layers.size());
  for (const auto& layer : layers) {
    ids.push_back(model.graph.require(layer));
  }
  if (ids.empty()) {
    ids = last_of_each_resolution(model.graph);
  }
  if (ids.empty()) {
    ids = {evidence_layer(model.graph)};
  }
  Tensor input = preprocess(photo, model.preprocessing);
  Shape batched = input.shape();
  batched.insert(batched.begin(), 1);
  Predictor predictor(model, ids, Precision::f32, 1);
  const auto outputs = predictor.run(std::move(input).reshaped(batched));
  std::vector<FeatureMaps> result;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    result.push_back(maps_of(model.graph, ids[i], outputs[i], count));
  }
  return result;
}

}  // namespace headstart
