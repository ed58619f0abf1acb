// Which nodes a value depends on.
#pragma once

#include <vector>

#include "headstart/graph.h"

namespace headstart {

// By node id: `outputs` and all that they need, going up as far as `sources`.
std::vector<bool> ancestors(const std::vector<Node>& nodes, const std::vector<NodeId>& outputs,
                            const std::vector<NodeId>& sources = {});

}  // namespace headstart
