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

// Layers of one weight a channel; null for all others.
const char* kind_passed(const Op& op) {
  return std::holds_alternative<BatchNormalization>(op)   ? "Norm"
         : std::holds_alternative<LayerNormalization>(op) ? "LayerNorm"
         : std::holds_alternative<Scale>(op)              ? "Scale"
         : std::holds_alternative<ClassToken>(op)         ? "Token"
         : std::holds_alternative<PositionEmbedding>(op)  ? "Positions"
                                                          : nullptr;
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
  } else if (const char* kind = kind_passed(node.op); kind != nullptr) {
    result.kind = PlaceKind::norm;
    result.what = place_of_weight(kind, {node.shape.back()});
  } else if (std::holds_alternative<MaxPooling2D>(node.op)) {
    result.kind = PlaceKind::layer;
    result.what = "MaxPool";
  } else if (const auto* pooling = std::get_if<AveragePooling2D>(&node.op)) {
    const auto& shape = graph.node(node.inputs[0]).shape;
    const bool global = pooling->pool == Size2{static_cast<int>(shape[0]), static_cast<int>(shape[1])};
    result.kind = global ? PlaceKind::whole : pooling->pool == Size2{} ? PlaceKind::pass : PlaceKind::layer;
    result.what = "AveragePool";
  } else if (std::holds_alternative<GlobalAveragePooling2D>(node.op) ||
             std::holds_alternative<GlobalMaxPooling2D>(node.op)) {
    result.kind = PlaceKind::whole;
  } else if (std::holds_alternative<Add>(node.op) || std::holds_alternative<Multiply>(node.op)) {
    result.kind = PlaceKind::join;
  } else if (std::holds_alternative<Concatenate>(node.op)) {
    result.kind = PlaceKind::concat;
  }
  return result;
}

// What a node looks like from behind.
struct Sight {
  std::uint64_t own = 0;              // of the node and all before it
  std::uint64_t after = 0;            // the same as its users see it
  std::uint64_t parts = 1;            // that were concatenated to `after`
  std::uint64_t shift = kConcatBase;  // kConcatBase to the power of `parts`
  bool passes = false;                // it makes nothing new of its inputs

  static constexpr std::uint64_t kConcatBase = 0x9e3779b97f4a7c15U;  // odd
};

// The number whose digits are the parts, so that one concatenation of all and several in turn look alike.
void concatenate(const Sight& part, Sight& result) {
  result.after = result.after * part.shift + part.after;
  result.shift *= part.shift;
  result.parts += part.parts;
}

bool is_alike(const std::vector<std::uint64_t>& places) {
  return std::adjacent_find(places.begin(), places.end(), std::not_equal_to<>()) == places.end();
}

Sight look_back(const PlaceNode& node, const std::vector<Sight>& sights) {
  std::vector<std::uint64_t> inputs;
  Sight first;
  Sight joint{.parts = 0, .shift = 1};
  for (const auto input : node.inputs) {
    if (sights[input].after != 0) {
      first = inputs.empty() ? sights[input] : first;
      inputs.push_back(sights[input].after);
      concatenate(sights[input], joint);
    }
  }
  const bool one = is_alike(inputs);
  Sight sight;
  if (node.kind == PlaceKind::source) {
    sight.own = sight.after = hash_of("source", {});
  } else if (node.kind == PlaceKind::concat && inputs.size() > 1) {
    sight = joint;
    sight.own = sight.after = std::max<std::uint64_t>(joint.after, 1);
  } else if (node.kind == PlaceKind::layer && !inputs.empty()) {
    sight.own = sight.after = hash_of(node.what, {joined(inputs)});
  } else {
    const auto before = joined(inputs);
    sight = one ? first : Sight{};
    sight.after = before;
    sight.own = node.kind == PlaceKind::norm && before != 0 ? hash_of(node.what, {before}) : before;
    sight.passes = one || node.kind != PlaceKind::join;
  }
  return sight;
}

// Sets of a few numbers: a file made to cost much makes no more work.
using Few = std::set<std::uint64_t>;

void add_few(std::uint64_t number, Few& few) {
  constexpr std::size_t kMost = 16;
  few.insert(number);
  if (few.size() > kMost) {
    few.erase(std::prev(few.end()));
  }
}

// What a node's output goes to, through the nodes that pass.
struct Users {
  Few kinds;    // of layers and joins
  Few offsets;  // in concatenations: the parts before it
};

std::uint64_t hash_of(std::string_view what, const Users& users) {
  std::vector<std::uint64_t> all(users.kinds.begin(), users.kinds.end());
  all.push_back(users.kinds.size());
  all.insert(all.end(), users.offsets.begin(), users.offsets.end());
  return hash_of(what, all);
}

// Adds to `result` what `user` is for one of its inputs; `next` are the user's own.
void look_ahead(const PlaceNode& user, const Sight& sight, std::uint64_t kind, std::uint64_t offset,
                const Users& next, Users& result) {
  if (user.kind == PlaceKind::whole) {
    return;
  }
  if (sight.passes) {
    for (const auto number : next.kinds) {
      add_few(number, result.kinds);
    }
    for (const auto number : next.offsets) {
      add_few(number, result.offsets);
    }
  } else if (user.kind == PlaceKind::concat) {
    const bool only_inner = next.kinds.empty() && !next.offsets.empty();
    if (!only_inner) {
      add_few(offset, result.offsets);
    }
    for (const auto outer : next.offsets) {
      add_few(outer + offset, result.offsets);
    }
  } else if (!user.what.starts_with("Dense")) {
    add_few(kind, result.kinds);
  }
}

std::vector<Users> users_of(const std::vector<PlaceNode>& nodes, const std::vector<Sight>& sights,
                            const std::vector<std::uint64_t>& kinds) {
  std::vector<Users> users(nodes.size());
  for (std::size_t i = nodes.size(); i > 0; --i) {
    std::uint64_t offset = 0;
    for (const auto input : nodes[i - 1].inputs) {
      look_ahead(nodes[i - 1], sights[i - 1], kinds[i - 1], offset, users[i - 1], users[input]);
      offset += sights[input].after == 0 ? 0 : sights[input].parts;
    }
  }
  return users;
}

}  // namespace

std::vector<std::uint64_t> places_of(const std::vector<PlaceNode>& nodes) {
  std::vector<Sight> sights;
  std::vector<std::uint64_t> kinds;
  sights.reserve(nodes.size());
  kinds.reserve(nodes.size());
  for (const auto& node : nodes) {
    sights.push_back(look_back(node, sights));
    kinds.push_back(hash_of(node.what, Users{}));
  }
  // Two steps ahead: Inception's branches begin alike for one.
  auto users = users_of(nodes, sights, kinds);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    kinds[i] = hash_of(nodes[i].what, users[i]);
  }
  users = users_of(nodes, sights, kinds);
  std::vector<std::uint64_t> places;
  places.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Hash hash;
    hash.add("place").add(sights[i].own).add(hash_of(nodes[i].what, users[i]));
    places.push_back(sights[i].own == 0 ? 0 : hash.value());
  }
  return places;
}

std::string place_of_weight(const char* kind, const Shape& shape) {
  return std::string(kind) + " " + to_string(shape);
}

std::vector<std::uint64_t> places_of(const Graph& graph) {
  std::vector<PlaceNode> nodes;
  nodes.reserve(graph.nodes().size());
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    nodes.push_back(place_node(graph, id));
  }
  return places_of(nodes);
}

}  // namespace headstart
