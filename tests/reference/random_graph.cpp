#include "reference/random_graph.h"

#include "core/random.h"

namespace headstart::reference {

namespace {

// Smooth activations: a saturated one would hide that a value depends on another.
constexpr Activation::Kind kActivations[] = {Activation::Kind::linear, Activation::Kind::tanh,
                                             Activation::Kind::swish, Activation::Kind::leaky_relu};

struct Grower {
  Graph graph{"random"};
  Random random;
  RandomGraphOptions options;

  int below(int limit) { return static_cast<int>(random.below(static_cast<std::uint32_t>(limit))); }
  NodeId any() { return below(static_cast<int>(graph.nodes().size())); }
  // Recent nodes are taken more often, which makes chains.
  NodeId recent() {
    const auto last = static_cast<NodeId>(graph.nodes().size()) - 1;
    return below(3) == 0 ? any() : last;
  }
  Activation activation() { return {.kind = kActivations[below(4)], .alpha = 0.3F}; }
  std::int64_t channels(NodeId id) const { return graph.node(id).shape.back(); }

  NodeId with_channels_of(NodeId id) {
    NodeId other = any();
    for (int attempt = 0; attempt < 8 && channels(other) != channels(id); ++attempt) {
      other = any();
    }
    return channels(other) == channels(id) ? other : id;
  }

  NodeId grow(const std::string& name) {
    const NodeId from = recent();
    switch (below(options.dropout_rate > 0.0F ? 12 : 11)) {
      case 0:
      case 1:
        return graph.add(
            name,
            Conv2D{.filters = 8, .kernel = {3, 3}, .padding = Padding::same(), .activation = activation()},
            from);
      case 2:
        return graph.add(name, Conv2D{.filters = 4 + below(5), .use_bias = false}, from);
      case 3:
        return graph.add(
            name, DepthwiseConv2D{.kernel = {3, 3}, .padding = Padding::same(), .activation = activation()},
            from);
      case 4:
      case 5:
        return graph.add(name, BatchNormalization{.scale = below(4) != 0, .center = below(4) != 0}, from);
      case 6:
        return graph.add(name, ActivationLayer{activation()}, from);
      case 7:
      case 8:
        return graph.add(name, Add{}, std::vector<NodeId>{from, with_channels_of(from)});
      case 9:
        return graph.add(name, Concatenate{}, std::vector<NodeId>{from, any()});
      case 10:
        return graph.add(name, AveragePooling2D{.pool = {3, 3}, .padding = Padding::same()}, from);
      default:
        return graph.add(name, Dropout{.rate = options.dropout_rate}, from);
    }
  }
};

}  // namespace

Graph random_graph(std::uint64_t seed, const RandomGraphOptions& options) {
  Grower grower{.random = Random(seed, RandomPurpose::test, 77), .options = options};
  grower.graph.add("input", Input{{4, 5, 6}}, std::vector<NodeId>{});
  for (int i = 1; i < options.nodes; ++i) {
    const NodeId id = grower.grow("node" + std::to_string(i));
    grower.graph.set_trainable(id, grower.below(3) == 0);
  }
  return grower.graph;
}

}  // namespace headstart::reference
