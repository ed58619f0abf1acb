#include "weights/acceptance_file.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headstart/error.h"
#include "weights/safe_json.h"

namespace headstart {
namespace {

using nlohmann::json;

constexpr const char* kTag = "model";
constexpr const char* kReserved = "headstart.acceptance/";
constexpr const char* kCentroids = "headstart.acceptance/centroids";
constexpr const char* kDirections = "headstart.acceptance/directions";

[[noreturn]] void refuse(const std::string& expected) {
  throw Error(fmt::format("[{}] expected {} in what says which photos are unknown; received another value",
                          kTag, expected));
}

double number_of(const json& value, const char* what) {
  if (!value.is_number()) {
    refuse(fmt::format("a number as \"{}\"", what));
  }
  return value.get<double>();
}

bool is_positive(double value) { return value > 0.0 && std::isfinite(value); }

Tensor take(Parameters& tensors, const char* name) {
  if (!tensors.contains(name)) {
    refuse(fmt::format("a tensor \"{}\"", name));
  }
  return std::move(tensors.at(name));
}

}  // namespace

bool is_reserved_tensor(const std::string& name) { return name.starts_with(kReserved); }

Parameters without_reserved_tensors(Parameters&& tensors) {
  Parameters result;
  for (auto& [name, tensor] : tensors) {
    if (!is_reserved_tensor(name)) {
      result.insert(name, std::move(tensor));
    }
  }
  return result;
}

std::string acceptance_metadata(const Acceptance& acceptance) {
  return json{{"node", acceptance.node},
              {"noise", acceptance.noise},
              {"share", acceptance.share},
              {"limits", acceptance.limits}}
      .dump();
}

void append_acceptance(TensorList& list, const Acceptance& acceptance) {
  list.emplace_back(kCentroids, &acceptance.centroids);
  list.emplace_back(kDirections, &acceptance.directions);
}

void check_acceptance(const Graph& graph, const Acceptance& acceptance) {
  const auto& nodes = graph.nodes();
  const auto node =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& one) { return one.name == acceptance.node; });
  if (node == nodes.end() || graph.output_shape().size() != 1) {
    refuse("a layer of a classifier as \"node\"");
  }
  const std::int64_t channels = feature_channels(graph, static_cast<NodeId>(node - nodes.begin()));
  const std::int64_t classes = std::max<std::int64_t>(2, graph.output_shape()[0]);
  const auto& directions = acceptance.directions.shape();
  if (channels < 2 || acceptance.centroids.shape() != Shape{classes, channels} || directions.size() != 2 ||
      directions[0] > channels || directions[1] != channels) {
    refuse("centroids of every class and at most as many directions as channels");
  }
  if (!is_finite(acceptance.centroids) || !is_finite(acceptance.directions) ||
      !is_positive(acceptance.noise)) {
    refuse("finite numbers and a \"noise\" above 0");
  }
  if (static_cast<std::int64_t>(acceptance.limits.size()) != classes ||
      !std::all_of(acceptance.limits.begin(), acceptance.limits.end(), is_positive)) {
    refuse("a positive limit of each class as \"limits\"");
  }
  if (!(acceptance.share > 0.0 && acceptance.share < 1.0)) {
    refuse("a number above 0 and below 1 as \"share\"");
  }
}

Acceptance acceptance_from(const std::string& metadata, const Graph& graph, Parameters& tensors) {
  const json object = parse_json(metadata, kTag);
  if (!object.is_object()) {
    refuse("an object");
  }
  Acceptance result;
  result.node = json_string(object, "node", kTag);
  result.noise = number_of(json_member(object, "noise", kTag), "noise");
  result.share = number_of(json_member(object, "share", kTag), "share");
  const json& limits = json_member(object, "limits", kTag);
  if (!limits.is_array()) {
    refuse("an array as \"limits\"");
  }
  for (const auto& limit : limits) {
    result.limits.push_back(number_of(limit, "limits"));
  }
  result.centroids = take(tensors, kCentroids);
  result.directions = take(tensors, kDirections);
  check_acceptance(graph, result);
  return result;
}

}  // namespace headstart
