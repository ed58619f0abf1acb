// A graph as JSON text and back: what travels inside a model file.
#pragma once

#include <string>
#include <string_view>

#include "headstart/graph.h"

namespace headstart {

// Names, ops, inputs, trainable flags, scopes and the output; shapes are inferred again when it is read.
std::string graph_to_json(const Graph& graph);

// Throws Error for anything that graph_to_json would not have written: unknown or missing keys, unknown ops,
// values out of range, layers that do not fit together.
Graph graph_from_json(std::string_view text);

}  // namespace headstart
