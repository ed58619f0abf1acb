// What a training step is made of: whether it has convolutions, and how much it multiplies.
#pragma once

#include "headstart/engine.h"
#include "headstart/graph.h"

namespace headstart {

// Of the part that is not frozen.
bool trains_convolutions(const Graph& graph, const Partition& cut);
// Convolutions are what low precision pays for: `automatic` trains a head of dense layers in f32. int8 is for
// what stands still, and `automatic` for the rest.
Precision training_precision(const Graph& graph, const Partition& cut, Precision asked);
// Multiplications of one training step: forward, and twice that backward.
double multiplications_of_step(const Graph& graph, const Partition& cut, int batch);

}  // namespace headstart
