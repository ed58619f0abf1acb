// Learning rates of single parameters while a pre-trained base is fine-tuned.
#pragma once

#include <map>
#include <set>
#include <string>

#include "headstart/graph.h"
#include "headstart/train.h"

namespace headstart {

// By parameter name. `head`: what the head stage trained. The other trainable layers with kernels, in the
// order of the graph, make up to twelve groups of equal length (norms and biases go with the kernel before
// them); the last has the optimizer's rate, every one before it `layer_decay` times that of the next.
std::map<std::string, double> rate_factors(const Graph& graph, const std::set<std::string>& head,
                                           const StageOptions& stage);

}  // namespace headstart
