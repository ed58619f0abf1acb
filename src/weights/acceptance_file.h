// "None of these" in a model file: one metadata value and two tensors under a reserved name.
#pragma once

#include <string>

#include "headstart/acceptance.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "weights/safetensors.h"

namespace headstart {

// No layer is called so: its tensors are no parameters of the network.
bool is_reserved_tensor(const std::string& name);
Parameters without_reserved_tensors(Parameters&& tensors);

// JSON: "node", "noise", "share", "limits".
std::string acceptance_metadata(const Acceptance& acceptance);
void append_acceptance(TensorList& list, const Acceptance& acceptance);

// Throws Error for a node that the graph does not have, and for sizes or numbers that do not fit.
void check_acceptance(const Graph& graph, const Acceptance& acceptance);
// Takes its tensors out of `tensors`. Throws Error when one is not there or a field is malformed.
Acceptance acceptance_from(const std::string& metadata, const Graph& graph, Parameters& tensors);

}  // namespace headstart
