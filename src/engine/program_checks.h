// What a program is asked for, before anything of it is compiled.
#pragma once

#include <vector>

#include "graph/needed_parameters.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// The batch; throws Error below 1.
int checked_batch(int batch);

struct AskedFor {
  std::vector<NodeId> outputs{}, sources{};
  bool operator==(const AskedFor&) const = default;
};
// The parameters that computing the outputs from the sources needs, which are looked for in `parameters`.
// Throws Error where they are not, and for nodes that are not there or that the sources do not lead to.
std::vector<NeededParameter> checked_parameters(const Graph& graph, const Parameters& parameters,
                                                const AskedFor& asked);

}  // namespace headstart
