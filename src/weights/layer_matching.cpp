#include "weights/layer_matching.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "graph/keras_order.h"
#include "headstart/text.h"
#include "weights/keras_v3.h"
#include "weights/places.h"
#include "weights/torchvision_names.h"

namespace headstart {
namespace {

constexpr std::size_t kAmbiguous = ~std::size_t{0};

// Names under which a source can be found: in full, with its group, and without the scopes in front. A short
// one that several sources share stands for none.
std::map<std::string, std::size_t> source_index(const Source& source) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    const auto [found, fresh] = index.emplace(source.layers[i].name, i);
    if (!fresh) {
      found->second = kAmbiguous;
    }
  }
  std::map<std::string, std::size_t> shorter;
  const auto add = [&shorter](std::string name, std::size_t i) {
    const auto [found, fresh] = shorter.emplace(std::move(name), i);
    if (!fresh && found->second != i) {
      found->second = kAmbiguous;
    }
  };
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    const auto& layer = source.layers[i];
    add(layer.group + "/" + layer.name, i);
    for (auto at = layer.name.find('/'); at != std::string::npos; at = layer.name.find('/', at + 1)) {
      add(layer.name.substr(at + 1), i);
    }
  }
  index.merge(shorter);  // full names win
  return index;
}

// Keras 3 takes no slash in a name, and has MobileNetV3's in lower case: "Conv_1/BatchNorm" is "conv_1_bn".
std::string keras_3_name(std::string_view layer) {
  constexpr std::string_view kNorm = "/BatchNorm";
  std::string name(layer);
  if (name.ends_with(kNorm)) {
    name.replace(name.size() - kNorm.size(), kNorm.size(), "_bn");
  }
  std::replace(name.begin(), name.end(), '/', '_');
  return lower(name);
}

// Names under which a node may stand in a file: in full, without the nested models around it, and with the
// outermost of them alone (a Keras file keeps one group a nested model, whatever is nested in it).
std::vector<std::string> spellings(const Graph& graph, const std::string& node, WeightLayout layout) {
  std::vector<std::string> result{node};
  std::string innermost = graph.name();
  std::string_view inner = node;
  std::string_view outermost;
  for (const auto& scope : graph.scopes()) {
    if (!node.starts_with(scope.name + "/")) {
      continue;
    }
    const auto without = std::string_view(node).substr(scope.name.size() + 1);
    result.emplace_back(without);
    if (without.size() < inner.size()) {
      inner = without;
      innermost = scope.name.substr(scope.name.rfind('/') + 1);
    }
    if (outermost.empty() || scope.name.size() < outermost.size()) {
      outermost = scope.name;
    }
  }
  if (!outermost.empty()) {
    result.push_back(fmt::format("{}/{}", outermost, inner));
  }
  if (layout == WeightLayout::torch) {
    if (auto name = torchvision_name(innermost, inner)) {
      result.push_back(std::move(*name));
    }
    auto dotted = node;  // as our own writer names modules
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    result.push_back(std::move(dotted));
  } else {
    result.push_back(keras_3_name(inner));
  }
  return result;
}

// A Keras automatic name: class and session counter. Nothing for names that somebody gave.
struct AutomaticName {
  std::string_view stem;
  int number = 0;
};
std::optional<AutomaticName> automatic_name(std::string_view name) {
  constexpr std::array<std::string_view, 6> kStems{"conv2d", "depthwise_conv2d", "separable_conv2d",
                                                   "dense",  "convolution2d",    "batch_normalization"};
  name = name.substr(name.rfind('/') + 1);
  for (const auto stem : kStems) {
    if (name == stem) {
      return AutomaticName{stem, 0};
    }
    if (name.starts_with(stem) && name[stem.size()] == '_') {
      if (const auto number = number_from<int>(name.substr(stem.size() + 1))) {
        return AutomaticName{stem, *number};
      }
    }
  }
  return std::nullopt;
}

void match_names(const Graph& graph, const std::vector<TargetLayer>& targets, const Source& source,
                 Matching& matching, std::set<std::size_t>& used) {
  const auto index = source_index(source);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (matching[i]) {
      continue;
    }
    for (const auto& name : spellings(graph, targets[i].name, source.layout)) {
      const auto found = index.find(name);
      if (found != index.end() && found->second != kAmbiguous && used.insert(found->second).second) {
        matching[i] = found->second;
        break;
      }
    }
  }
}

using Ranks = std::map<std::string, std::vector<std::size_t>, std::less<>>;

// The order of session counters is the order of creation, whatever they began with.
template <typename Layers>
Ranks by_rank(const Layers& layers) {
  std::map<std::string_view, std::vector<std::pair<int, std::size_t>>> numbered;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (const auto name = automatic_name(layers[i].name)) {
      numbered[name->stem].emplace_back(name->number, i);
    }
  }
  Ranks result;
  for (auto& [stem, members] : numbered) {
    std::stable_sort(members.begin(), members.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [number, i] : members) {
      result[std::string(stem)].push_back(i);
    }
  }
  return result;
}

// Indices of the targets in the order in which Keras saves them.
std::vector<std::size_t> saved_order(const Graph& graph, const std::vector<TargetLayer>& targets) {
  std::map<NodeId, std::size_t> index;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    index[targets[i].id] = i;
  }
  std::vector<std::size_t> order;
  order.reserve(targets.size());
  for (const NodeId id : keras_order(graph)) {
    if (const auto found = index.find(id); found != index.end()) {
      order.push_back(found->second);
    }
  }
  return order;
}

// Keras 3's weight files without names count the layers of each class.
Ranks by_class(const Graph& graph, const std::vector<TargetLayer>& targets) {
  Ranks result;
  for (const std::size_t i : saved_order(graph, targets)) {
    result[keras_snake_case(type_name(graph.node(targets[i].id).op))].push_back(i);
  }
  return result;
}

void match_ranks(const Ranks& targets, const Source& source, Matching& matching,
                 std::set<std::size_t>& used) {
  const auto sources = by_rank(source.layers);
  for (const auto& [stem, members] : targets) {
    const auto found = sources.find(stem);
    if (found == sources.end()) {
      continue;
    }
    for (std::size_t i = 0; i < std::min(members.size(), found->second.size()); ++i) {
      matching[members[i]] = found->second[i];
      used.insert(found->second[i]);
    }
  }
}

// What is left on both sides, in order.
void match_rest(const Graph& graph, const std::vector<TargetLayer>& targets, const Source& source,
                Matching& matching, const std::set<std::size_t>& used) {
  std::size_t next = 0;
  for (const std::size_t i : saved_order(graph, targets)) {
    if (matching[i]) {
      continue;
    }
    while (next < source.layers.size() && used.contains(next)) {
      ++next;
    }
    if (next == source.layers.size()) {
      return;
    }
    matching[i] = next++;
  }
}

// Layers of a file by their places; what its names say where one place is that of several.
Candidate match_places(const Graph& graph, const std::vector<TargetLayer>& targets, const Source& source) {
  const auto places = places_of(graph);
  std::map<std::uint64_t, std::vector<std::size_t>> sources;
  std::map<std::uint64_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    sources[source.layers[i].place].push_back(i);
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    members[places[static_cast<std::size_t>(targets[i].id)]].push_back(i);
  }
  Candidate result{Matching(targets.size()), "places in the network"};
  std::set<std::size_t> used;
  for (const auto& [place, of_place] : members) {
    const auto found = sources.find(place);
    if (place != 0 && found != sources.end() && found->second.size() == 1 && of_place.size() == 1) {
      result.matching[of_place[0]] = found->second[0];
      used.insert(found->second[0]);
    }
  }
  match_names(graph, targets, source, result.matching, used);
  for (const auto& [place, of_place] : members) {
    const auto found = sources.find(place);
    for (const auto target : of_place) {
      if (place != 0 && found != sources.end() && !result.matching[target]) {
        result.ambiguous[target] =
            fmt::format("{}: expected one layer of the file in its place; received {}, for {} of the network",
                        targets[target].name, found->second.size(), of_place.size());
      }
    }
  }
  return result;
}

bool is_chain(const Graph& graph) {
  return std::all_of(graph.nodes().begin(), graph.nodes().end(),
                     [](const Node& node) { return node.inputs.size() <= 1; });
}

}  // namespace

std::vector<TargetLayer> target_layers(const Graph& graph) {
  std::vector<TargetLayer> targets;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    auto specs = parameter_specs(graph, id);
    if (!specs.empty()) {
      targets.push_back({.id = id, .name = graph.node(id).name, .specs = std::move(specs)});
    }
  }
  return targets;
}

std::vector<Candidate> candidate_matchings(const Graph& graph, const std::vector<TargetLayer>& targets,
                                           const Source& source) {
  const Matching nothing(targets.size());
  std::vector<Candidate> candidates;
  {
    std::set<std::size_t> used;
    candidates.push_back({nothing, "names"});
    match_names(graph, targets, source, candidates.back().matching, used);
  }
  if (source.may_be_folded) {
    candidates.push_back(match_places(graph, targets, source));
    return candidates;
  }
  // PyTorch's modules are in no fixed order where branches meet, so order counts for chains only.
  if (source.layout == WeightLayout::torch && !is_chain(graph)) {
    return candidates;
  }
  std::set<std::size_t> used;
  auto ranked = nothing;
  match_ranks(by_rank(targets), source, ranked, used);
  match_names(graph, targets, source, ranked, used);
  candidates.push_back({ranked, "automatic names"});
  match_rest(graph, targets, source, ranked, used);
  candidates.push_back({std::move(ranked), "automatic names, the rest by order"});
  std::set<std::size_t> classed;
  candidates.push_back({nothing, "classes"});
  match_ranks(by_class(graph, targets), source, candidates.back().matching, classed);
  candidates.push_back({nothing, "order"});
  match_rest(graph, targets, source, candidates.back().matching, {});
  return candidates;
}

}  // namespace headstart
