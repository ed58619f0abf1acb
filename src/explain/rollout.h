// Attention rollout: which patches a vision transformer's class token drew from.
#pragma once

#include <span>
#include <vector>

#include "headstart/explain.h"

namespace headstart {

// The layers whose outputs the attentions read, first block first: queries, keys and values side by side.
// Throws Error for a network without attention and class token.
std::vector<NodeId> attention_inputs(const Graph& graph);

// `values[i]`: the output (tokens, 3 * channels) of attention_inputs()[i] for one picture.
HeatMap attention_rollout(const Graph& graph, std::span<const float* const> values);

}  // namespace headstart
