// Probabilities at the very end of a foreign graph.
#pragma once

#include "headstart/graph.h"

namespace headstart {

// Everything that asks whether a network gives probabilities looks at its last node. Where only layers that
// keep the values of a vector (Reshape, Flatten, Dropout, a linear Activation) follow a softmax or sigmoid,
// as in Keras's older MobileNets (conv_preds, act_softmax, reshape_2), that activation is moved behind them:
// the network computes the same. An activation inside another layer becomes an Activation layer there.
Graph with_activation_last(Graph graph);

}  // namespace headstart
