// A layer's values before the activation that they passed last.
#pragma once

#include "headstart/graph.h"

namespace headstart {

// The network up to `output`, without the layer's own activation, and without those that only pooling and
// what moves values separates from it: where a ReLU is off, and for most inputs most are, no gradient tells
// what would turn it on. An activation that other layers on the way to `output` read stays.
Graph before_activation(const Graph& graph, NodeId output);

}  // namespace headstart
