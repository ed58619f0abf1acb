// Parameters and statistics with which the arithmetic of a layer can be followed by hand.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "explain/explore_channels.h"
#include "explain/explore_passes.h"

namespace headstart {

// ExploredLayer::arrays of a node of the part.
std::map<std::string, std::vector<float>> arithmetic_arrays(const Graph& graph, const Parameters& parameters,
                                                            NodeId id, const NetworkPart& part,
                                                            const std::vector<ChosenChannels>& chosen);

}  // namespace headstart
