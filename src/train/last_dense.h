// The dense layer that a classifier ends in, and what enters it.
#pragma once

#include "headstart/graph.h"
#include "headstart/op.h"

namespace headstart {

struct LastDense {
  NodeId dense = -1;
  NodeId features = -1;      // what enters it, before any dropout
  float dropout = 0.0F;      // between the two
  Activation activation{};   // of the layer or of the one behind it
  std::int64_t inputs = 0;   // values of a feature
  std::int64_t outputs = 0;  // logits
};
// Throws Error for another network.
LastDense last_dense(const Graph& graph);

}  // namespace headstart
