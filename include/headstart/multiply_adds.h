// The work of a network, by the measure in which papers state it.
#pragma once

#include <cstdint>

#include "headstart/graph.h"

namespace headstart {

// Multiplications, with as many additions, of one image in a node's convolutions, matrix products and the
// products of attention; those of the padding count, biases, norms, activations, poolings and sums do not
// (torchvision's "GFLOPS", MobileNet's "mult-adds").
std::int64_t multiply_adds(const Graph& graph, NodeId id);

}  // namespace headstart
