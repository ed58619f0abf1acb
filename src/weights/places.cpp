#include "weights/places.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <variant>

namespace headstart {
namespace {

using PlaceKind = PlaceNode::Kind;

class Hash {  // FNV-1a
 public:
  Hash& add(std::string_view text) {
    for (const char c : text) {
      value_ = (value_ ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
    }
    return *this;
  }
  Hash& add(std::uint64_t number) {
    for (int byte = 0; byte < 8; ++byte) {
      value_ = (value_ ^ (number >> (8 * byte) & 0xFFU)) * 0x100000001b3U;
    }
    return *this;
  }
  std::uint64_t value() const { return std::max<std::uint64_t>(value_, 1); }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

std::uint64_t hash_of(std::string_view what, const std::vector<std::uint64_t>& places) {
  Hash hash;
  hash.add(what);
  for (const auto place : places) {
    hash.add(place);
  }
  return hash.value();
}

// Constants do not count, and x * sigmoid(x) has one input.
std::uint64_t joined(std::vector<std::uint64_t> inputs) {
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  return inputs.empty() ? 0 : inputs.size() == 1 ? inputs.front() : hash_of("join", inputs);
}

// Kernels as PyTorch keeps them: (out, in / groups, kh, kw), (channels * multiplier, 1, kh, kw), (out, in).
PlaceNode place_node(const Graph& graph, NodeId id) {
  const auto& node = graph.node(id);
  PlaceNode result;
  for (const auto input : node.inputs) {
    result.inputs.push_back(static_cast<std::size_t>(input));
  }
  const auto specs = parameter_specs(graph, id);
  const auto layer = [&](const char* kind, const Shape& shape) {
    result.kind = PlaceKind::layer;
    result.what = place_of_weight(kind, shape);
  };
  if (std::holds_alternative<Input>(node.op)) {
    result.kind = PlaceKind::source;
  } else if (std::holds_alternative<Conv2D>(node.op)) {
    const auto& s = specs[0].shape;
    layer("Conv", {s[3], s[2], s[0], s[1]});
  } else if (std::holds_alternative<DepthwiseConv2D>(node.op)) {
    const auto& s = specs[0].shape;
    layer("Conv", {s[2] * s[3], 1, s[0], s[1]});
  } else if (std::holds_alternative<Dense>(node.op)) {
    const auto& s = specs[0].shape;
    layer("Dense", {s[1], s[0]});
  } else if (std::holds_alternative<SeparableConv2D>(node.op)) {
    const auto& s = specs[1].shape;
    layer("Separable", {s[3], s[2]});
  } else if (std::holds_alternative<BatchNormalization>(node.op)) {
    result.kind = PlaceKind::norm;
    result.what = place_of_weight("Norm", {node.shape.back()});
  } else if (std::holds_alternative<MaxPooling2D>(node.op)) {
    result.kind = PlaceKind::layer;
    result.what = "MaxPool";
  } else if (const auto* pooling = std::get_if<AveragePooling2D>(&node.op)) {
    const auto& shape = graph.node(node.inputs[0]).shape;
    const bool global = pooling->pool == Size2{static_cast<int>(shape[0]), static_cast<int>(shape[1])};
    result.kind = global || pooling->pool == Size2{} ? PlaceKind::pass : PlaceKind::layer;
    result.what = "AveragePool";
  } else if (std::holds_alternative<Add>(node.op) || std::holds_alternative<Multiply>(node.op)) {
    result.kind = PlaceKind::join;
  } else if (std::holds_alternative<Concatenate>(node.op)) {
    result.kind = PlaceKind::concat;
  }
  return result;
}

// What a node looks like from both sides.
struct Sight {
  std::uint64_t own = 0;    // of the node and all before it
  std::uint64_t after = 0;  // the same as its users see it
  bool passes = false;      // it makes nothing new of its inputs
};

std::vector<Sight> look_back(const std::vector<PlaceNode>& nodes) {
  std::vector<Sight> sights;
  for (const auto& node : nodes) {
    std::vector<std::uint64_t> inputs;
    for (const auto input : node.inputs) {
      if (sights[input].after != 0) {
        inputs.push_back(sights[input].after);
      }
    }
    const bool one = std::adjacent_find(inputs.begin(), inputs.end(), std::not_equal_to<>()) == inputs.end();
    Sight sight;
    if (node.kind == PlaceKind::source) {
      sight.own = sight.after = hash_of("source", {});
    } else if (node.kind == PlaceKind::concat && inputs.size() > 1) {
      sight.own = sight.after = hash_of("concat", inputs);
    } else if ((node.kind == PlaceKind::layer || node.kind == PlaceKind::norm) && !inputs.empty()) {
      const auto before = joined(inputs);
      sight.own = hash_of(node.what, {before});
      sight.passes = node.kind == PlaceKind::norm;
      sight.after = sight.passes ? before : sight.own;
    } else {
      sight.own = sight.after = joined(inputs);
      sight.passes = one || node.kind == PlaceKind::pass;
    }
    sights.push_back(sight);
  }
  return sights;
}

using Kinds = std::set<std::uint64_t>;

// What a node is for the input at `position`.
std::uint64_t kind_hash(const PlaceNode& node, std::size_t position) {
  switch (node.kind) {
    case PlaceKind::layer:
      return node.what.starts_with("Dense") ? 0 : hash_of(node.what, {});
    case PlaceKind::concat:
      return hash_of("concat", {position});
    case PlaceKind::join:
      return hash_of("join", {});
    case PlaceKind::source:
    case PlaceKind::norm:
    case PlaceKind::pass:
      return 0;
  }
  return 0;
}

// The kinds of the nodes that every node's output goes to, through those that pass.
std::vector<Kinds> look_ahead(const std::vector<PlaceNode>& nodes, const std::vector<Sight>& sights) {
  constexpr std::size_t kMost = 16;  // bounds the work for a file made to cost much
  std::vector<Kinds> next(nodes.size());
  for (std::size_t i = nodes.size(); i > 0; --i) {
    const auto& user = nodes[i - 1];
    for (std::size_t position = 0; position < user.inputs.size(); ++position) {
      auto& kinds = next[user.inputs[position]];
      if (sights[i - 1].passes) {
        kinds.insert(next[i - 1].begin(), next[i - 1].end());
      } else if (const auto kind = kind_hash(user, position); kind != 0) {
        kinds.insert(kind);
      }
      while (kinds.size() > kMost) {
        kinds.erase(std::prev(kinds.end()));
      }
    }
  }
  return next;
}

}  // namespace

std::vector<std::uint64_t> places_of(const std::vector<PlaceNode>& nodes) {
  const auto sights = look_back(nodes);
  const auto next = look_ahead(nodes, sights);
  std::vector<std::uint64_t> places;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<std::uint64_t> both{sights[i].own};
    both.insert(both.end(), next[i].begin(), next[i].end());
    places.push_back(sights[i].own == 0 ? 0 : hash_of("place", both));
  }
  return places;
}

std::string place_of_weight(const char* kind, const Shape& shape) {
  return std::string(kind) + " " + to_string(shape);
}

std::string shape_of_place(const Graph& graph, NodeId id) { return place_node(graph, id).what; }

std::vector<std::uint64_t> places_of(const Graph& graph) {
  std::vector<PlaceNode> nodes;
  nodes.reserve(graph.nodes().size());
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    nodes.push_back(place_node(graph, id));
  }
  return places_of(nodes);
}

}  // namespace headstart
