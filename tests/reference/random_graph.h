// Random small graphs of every kind of op and join, for properties that must hold whatever the graph.
#pragma once

#include <cstdint>

#include "headstart/graph.h"

namespace headstart::reference {

struct RandomGraphOptions {
  int nodes = 14;
  float dropout_rate = 0.0F;  // 0: no dropout layers
};

// All values are images of one height and width, so any two nodes can be joined. Trainable flags are random.
// The output depends on the last node; other branches may end nowhere.
Graph random_graph(std::uint64_t seed, const RandomGraphOptions& options);

}  // namespace headstart::reference
