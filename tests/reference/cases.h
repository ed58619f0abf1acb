// Small graphs that between them use every op in every way that the engine treats apart, and values to run
// them on.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "headstart/tensor.h"

namespace headstart::reference {

struct Case {
  std::string name;  // a GoogleTest name: letters, digits, underscores
  Graph graph;
  int batch = 2;
  float input_scale = 1.0F;  // inputs are normal with this deviation
};

// How GoogleTest shows a case.
inline void PrintTo(const Case& which, std::ostream* out) { *out << which.name; }

// One op behind a trainable linear layer, so that the op's input gradient shows as the gradient of that
// layer.
std::vector<Case> op_cases();
// Blocks of real networks and arrangements in which fusing or buffer reuse can go wrong; some are partly
// frozen.
std::vector<Case> composed_cases();
std::vector<Case> all_cases();

// Normal values of the given deviation, the same anywhere for a seed.
Tensor random_tensor(const Shape& shape, std::uint64_t seed, float deviation = 1.0F);
// Every parameter of the graph, moving statistics and biases included, away from its trivial value.
Parameters random_parameters(const Graph& graph, std::uint64_t seed);

Shape with_batch(std::int64_t batch, const Shape& shape);

}  // namespace headstart::reference
