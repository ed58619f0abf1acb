// Loss and accuracy of the trainable part in evaluation mode, on batches of boundary tensors.
#pragma once

#include <vector>

#include "headstart/engine.h"
#include "headstart/losses.h"
#include "train/boundary_source.h"

namespace headstart {

struct EvaluatorOptions {
  std::vector<NodeId> boundary{};
  int batch = 32;
  Precision precision = Precision::f32;
  Loss loss = Loss::sparse_categorical_crossentropy;
};

struct Evaluation {
  double loss = 0, accuracy = 0;
};

// Compiles the inference program for the parameters as they are now (batch norm folded) and runs every sample
// once.
Evaluation evaluate_boundary(const Graph& graph, const Parameters& parameters,
                             const EvaluatorOptions& options, BoundarySource& source);

}  // namespace headstart
