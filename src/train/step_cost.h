// What a training step is made of: whether it has convolutions, in what it computes, how much it multiplies.
#pragma once

#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/optimizer.h"

namespace headstart {

// Of the part that is not frozen.
bool trains_convolutions(const Graph& graph, const Partition& cut);
// Convolutions are what low precision pays for: `automatic` trains a head of dense layers in f32. int8 is for
// what stands still, and `automatic` for the rest.
Precision training_precision(const Graph& graph, const Partition& cut, Precision asked);
// Gradients that are added up over batches or clipped have to be there as a whole (TrainingProgram::Options).
bool takes_factored_gradients(int accumulate, const OptimizerOptions& optimizer);
// Multiplications of one training step: forward, and twice that backward.
double multiplications_of_step(const Graph& graph, const Partition& cut, int batch);

}  // namespace headstart
