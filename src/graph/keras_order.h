// The order in which Keras lists the layers of a network.
#pragma once

#include <vector>

#include "headstart/graph.h"

namespace headstart {

// By falling length of the longest way to the output; of equals the one that comes first when the network is
// walked from its output backwards, inputs in their order (keras.Model.layers, _map_graph_network). Nodes
// that the output does not need come last.
std::vector<NodeId> keras_order(const Graph& graph);

}  // namespace headstart
