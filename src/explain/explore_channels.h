// Which channels of every layer a page keeps.
#pragma once

#include <cstdint>
#include <vector>

#include "headstart/graph.h"

namespace headstart {

// Of a tensor of one sample: (H, W, C), (T, C) or (C).
std::int64_t positions_of(const Shape& shape);

struct ChosenChannels {
  std::vector<int> channels;  // as ExploredLayer
  std::vector<int> units;
};

struct ChannelBudget {
  int channels = 16;                // of a map, at most
  std::int64_t maximum_values = 0;  // of all that is kept; one channel a map is kept in any case
};

// `scores[node][channel]`: how much it is worth seeing. Layers that pass channels on (normalisation,
// activation, pooling, addition, ...) keep the same ones, so that a value can be followed through them.
std::vector<ChosenChannels> choose_channels(const Graph& graph, const std::vector<std::vector<float>>& scores,
                                            const ChannelBudget& budget);

}  // namespace headstart
