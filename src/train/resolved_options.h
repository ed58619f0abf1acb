// What train() goes by: the options with their defaults filled in.
#pragma once

#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/train.h"

namespace headstart {

// Where the fine-tuning stages begin, one after the other.
std::vector<std::string> fine_tuning_cuts(const TrainOptions& options);

// For a network that ends in class scores; throws Error for another and for options out of range.
TrainOptions resolved(TrainOptions options, const Graph& graph);

}  // namespace headstart
