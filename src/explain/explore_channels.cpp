#include "explain/explore_channels.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <variant>

#include "graph/overloaded.h"

namespace headstart {
namespace {

constexpr std::int64_t kLargestVector = 65'536;  // longer ones keep their strongest
constexpr std::size_t kVectorUnits = 48;
constexpr std::int64_t kPhotoChannels = 3;  // of a map with no more all are kept

std::size_t at(NodeId id) { return static_cast<std::size_t>(id); }

bool is_vector(const Shape& shape) { return positions_of(shape) == 1; }

// Whether channel c of every input becomes channel c of the output.
bool passes_channels(const Graph& graph, const Node& node) {
  return std::visit(
      Overloaded{
          [](const DepthwiseConv2D& conv) { return conv.depth_multiplier == 1; },
          [](const ZeroPadding2D& padding) {
            return padding.channels_before == 0 && padding.channels_after == 0;
          },
          [&](const Reshape&) { return graph.node(node.inputs[0]).shape.back() == node.shape.back(); },
          [](const OneOf<MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D,
                         ActivationLayer, BatchNormalization, LayerNormalization, Scale, Normalization,
                         ClassToken, PositionEmbedding, Cropping2D, GroupNormalization,
                         LocalResponseNormalization, UpSampling2D, Add, Multiply, Dropout, Rescaling> auto&) {
            return true;
          },
          [](const OneOf<Input, Conv2D, Conv2DTranspose, SeparableConv2D, Dense, SelfAttention,
                         WindowAttention, ChannelShuffle, ChannelSlice, Concatenate, Flatten> auto&) {
            return false;
          }},
      node.op);
}

// The channel of the output that channel `c` of input number `input` goes to, where the layer only moves
// channels.
std::optional<int> moved_channel(const Graph& graph, const Node& node, std::size_t input, int c) {
  const auto channels = static_cast<int>(graph.node(node.inputs[input]).shape.back());
  return std::visit(
      Overloaded{
          [&](const Concatenate&) -> std::optional<int> {
            for (std::size_t i = 0; i < input; ++i) {
              c += static_cast<int>(graph.node(node.inputs[i]).shape.back());
            }
            return c;
          },
          [&](const ChannelShuffle& shuffle) -> std::optional<int> {
            const int width = channels / shuffle.groups;
            return c % width * shuffle.groups + c / width;
          },
          [&](const ChannelSlice& slice) -> std::optional<int> {
            const bool inside = c >= slice.begin && c < slice.begin + slice.count;
            return inside ? std::optional(c - slice.begin) : std::nullopt;
          },
          [&](const ZeroPadding2D& padding) -> std::optional<int> { return c + padding.channels_before; },
          [&](const DepthwiseConv2D& conv) -> std::optional<int> { return c * conv.depth_multiplier; },
          [&](const OneOf<SelfAttention, WindowAttention> auto&) -> std::optional<int> {  // the values' part
            const int width = channels / 3;
            return c >= 2 * width ? std::optional(c - 2 * width) : std::nullopt;
          },
          [](const auto&) -> std::optional<int> { return std::nullopt; }},
      node.op);
}

// Sets of nodes that keep the same channels: the id of the first node of each one's set.
std::vector<std::size_t> channel_groups(const Graph& graph) {
  std::vector<std::size_t> parent(graph.nodes().size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  const auto root = [&](std::size_t i) {
    while (parent[i] != i) {
      i = parent[i] = parent[parent[i]];
    }
    return i;
  };
  for (std::size_t i = 0; i < parent.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.inputs.empty() || !passes_channels(graph, node)) {
      continue;
    }
    for (const NodeId input : node.inputs) {
      const std::size_t a = root(i), b = root(at(input));
      parent[std::max(a, b)] = std::min(a, b);
    }
  }
  for (std::size_t i = 0; i < parent.size(); ++i) {
    parent[i] = root(i);
  }
  return parent;
}

// How many channels the maps of each group keep when no map may keep more than `largest` values. What joins
// other maps has room for the channels of two of them.
std::vector<std::int64_t> group_sizes(const Graph& graph, const std::vector<std::size_t>& groups,
                                      std::int64_t largest, int channels) {
  std::vector<std::int64_t> sizes(groups.size(), channels);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (std::holds_alternative<Concatenate>(graph.nodes()[i].op)) {
      sizes[groups[i]] = 2 * std::int64_t{channels};
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Shape& shape = graph.nodes()[i].shape;
    const std::int64_t least = shape.back() <= kPhotoChannels ? shape.back() : 1;
    const std::int64_t fit = std::max(least, largest / positions_of(shape));
    sizes[groups[i]] = std::min({sizes[groups[i]], shape.back(), fit});
  }
  return sizes;
}

// An upper bound of the values that a page keeps: maps, their gradients, both rests and the kernels.
std::int64_t kept_values(const Graph& graph, const std::vector<std::size_t>& groups,
                         const std::vector<std::int64_t>& sizes) {
  const auto units = [&](std::size_t i) {
    const Shape& shape = graph.nodes()[i].shape;
    return is_vector(shape) ? std::min<std::int64_t>(shape.back(), kVectorUnits) : sizes[groups[i]];
  };
  std::int64_t total = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Node& node = graph.nodes()[i];
    const std::int64_t positions = positions_of(node.shape);
    total += 2 * (is_vector(node.shape) ? std::min(node.shape.back(), kLargestVector) : units(i) * positions);
    const auto linear = [&](std::int64_t window) {
      const std::size_t input = at(node.inputs[0]);
      const std::int64_t inputs = units(input);
      total += units(i) * positions + inputs * positions_of(graph.node(node.inputs[0]).shape);
      total += window * inputs * units(i);
    };
    std::visit(Overloaded{[&](const OneOf<Conv2D, Conv2DTranspose> auto& conv) {
                            linear(std::int64_t{conv.kernel.height} * conv.kernel.width);
                          },
                          [&](const Dense&) { linear(1); },
                          [&](const SelfAttention&) { total += positions * positions; },
                          [&](const WindowAttention& op) { total += positions * op.window * op.window; },
                          [](const auto&) {}},
               node.op);
  }
  return total;
}

std::vector<std::int64_t> fit_sizes(const Graph& graph, const std::vector<std::size_t>& groups,
                                    const ChannelBudget& budget) {
  std::int64_t fits = 1, too_many = 2;
  for (const auto& node : graph.nodes()) {
    too_many = std::max(too_many, positions_of(node.shape) * node.shape.back() + 1);
  }
  while (too_many - fits > 1) {
    const std::int64_t middle = fits + (too_many - fits) / 2;
    const auto sizes = group_sizes(graph, groups, middle, budget.channels);
    (kept_values(graph, groups, sizes) <= budget.maximum_values ? fits : too_many) = middle;
  }
  return group_sizes(graph, groups, fits, budget.channels);
}

// The `count` best, ascending; `first` are taken before all others.
std::vector<int> best(const std::vector<float>& scores, const std::set<int>& first, std::size_t count) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto better = [&](int a, int b) {
    if (first.contains(a) != first.contains(b)) {
      return first.contains(a);
    }
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  };
  std::stable_sort(order.begin(), order.end(), better);
  order.resize(std::min(order.size(), count));
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<float> scaled_to_one(std::vector<float> scores) {
  const float largest = *std::max_element(scores.begin(), scores.end());
  for (float& score : scores) {
    score = largest > 0.0F ? score / largest : 0.0F;
  }
  return scores;
}

// The channels of an attention that belong to the head of the best one: others get no score.
void keep_one_head(int heads, std::vector<float>& scores) {
  const std::size_t width = scores.size() / static_cast<std::size_t>(heads);
  const auto head =
      static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin()) / width;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    if (c / width != head) {
      scores[c] = -1.0F;
    }
  }
}

// 0 for layers without attention.
int heads_of(const Op& op) {
  return std::visit(
      Overloaded{[](const OneOf<SelfAttention, WindowAttention> auto& attention) { return attention.heads; },
                 [](const auto&) { return 0; }},
      op);
}

// Queries, keys and values side by side: those of the values' head that the attention will show.
void prefer_values(const Graph& graph, const std::vector<std::vector<NodeId>>& consumers, std::size_t id,
                   std::vector<float>& scores) {
  for (const NodeId consumer : consumers[id]) {
    const int heads = heads_of(graph.node(consumer).op);
    if (heads == 0) {
      continue;
    }
    const std::size_t width = scores.size() / 3;
    std::vector<float> values(scores.begin() + static_cast<std::ptrdiff_t>(2 * width), scores.end());
    keep_one_head(heads, values);
    for (std::size_t c = 0; c < width; ++c) {
      scores[2 * width + c] = values[c] < 0.0F ? 0.0F : 1.0F + values[c];
    }
  }
}

struct Chooser {
  const Graph& graph;
  const std::vector<std::vector<float>>& scores;
  std::vector<std::size_t> groups;
  std::vector<std::int64_t> sizes;
  std::vector<std::vector<NodeId>> consumers = graph.consumers();
  std::map<std::size_t, std::vector<int>> chosen{};

  // Channels of the group that come unchanged from channels already chosen elsewhere.
  std::set<int> moved_into(std::size_t group) const {
    std::set<int> result;
    for (std::size_t i = group; i < groups.size(); ++i) {
      const Node& node = graph.nodes()[i];
      for (std::size_t k = 0; groups[i] == group && k < node.inputs.size(); ++k) {
        const auto source = chosen.find(groups[at(node.inputs[k])]);
        if (source == chosen.end() || groups[at(node.inputs[k])] == group) {
          continue;
        }
        for (const int c : source->second) {
          if (const auto moved = moved_channel(graph, node, k, c)) {
            result.insert(*moved);
          }
        }
      }
    }
    return result;
  }

  void choose(std::size_t group) {
    std::vector<float> sum(scores[group].size(), 0.0F);
    for (std::size_t i = group; i < groups.size(); ++i) {
      if (groups[i] != group || scores[i].size() != sum.size()) {
        continue;
      }
      const auto one = scaled_to_one(scores[i]);
      std::transform(sum.begin(), sum.end(), one.begin(), sum.begin(), std::plus<>());
    }
    prefer_values(graph, consumers, group, sum);
    chosen[group] = best(sum, moved_into(group), static_cast<std::size_t>(sizes[group]));
  }
};

}  // namespace

std::int64_t positions_of(const Shape& shape) {
  std::int64_t positions = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
    positions *= shape[i];
  }
  return positions;
}

std::vector<ChosenChannels> choose_channels(const Graph& graph, const std::vector<std::vector<float>>& scores,
                                            const ChannelBudget& budget) {
  auto groups = channel_groups(graph);
  auto sizes = fit_sizes(graph, groups, budget);
  Chooser chooser{.graph = graph, .scores = scores, .groups = std::move(groups), .sizes = std::move(sizes)};
  std::vector<ChosenChannels> result;
  result.reserve(graph.nodes().size());
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const std::size_t group = chooser.groups[i];
    if (group == i) {
      chooser.choose(group);
    }
    const auto& shared = chooser.chosen.at(group);
    if (is_vector(graph.nodes()[i].shape)) {
      const std::set<int> first(shared.begin(), shared.end());
      auto channels = best(scores[i], first, kLargestVector);
      result.push_back({.channels = std::move(channels), .units = best(scores[i], first, kVectorUnits)});
    } else {
      result.push_back({.channels = shared, .units = shared});
    }
  }
  return result;
}

}  // namespace headstart
