// Which parameters some nodes of a graph need, and the check that they are there.
#pragma once

#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

struct NeededParameter {
  std::string name;
  Shape shape;
  bool operator==(const NeededParameter&) const = default;
};

// Of the nodes that are marked, by id, in the graph's order.
std::vector<NeededParameter> needed_parameters(const Graph& graph, const std::vector<bool>& nodes);

// Throws Error listing what is missing or has another shape; `network` is its name.
void check_parameters(const std::string& network, const std::vector<NeededParameter>& needed,
                      const Parameters& parameters);

}  // namespace headstart
