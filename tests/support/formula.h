// Parameters and images by a formula that tests/tools/make_golden.py computes too, to the bit.
#pragma once

#include <string>

#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "headstart/tensor.h"

namespace headstart::test {

// Every parameter of the graph; the formula is written down in tests/tools/make_golden.py. `gain` scales
// kernels.
Parameters formula_parameters(const Graph& graph, double gain = 1.0);

// Uniform in [-1, 1): the image batch called `name`.
Tensor formula_images(const std::string& name, const Shape& shape);

}  // namespace headstart::test
