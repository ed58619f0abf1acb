// A network with every activation as a layer of its own, so that each value on the way can be looked at.
#pragma once

#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

struct SeparatedNetwork {
  Graph graph;
  Parameters parameters;
};

// Layers with an activation inside become a linear layer of the same name and an activation ("conv1_relu");
// separable convolutions become a depthwise one ("conv1_depthwise") and a pointwise one. The output computes
// the same.
SeparatedNetwork separate(const Graph& graph, Parameters parameters);

}  // namespace headstart
