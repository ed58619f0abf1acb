// Which parameters a stage may change, copies of them, and the hash of all the others.
#pragma once

#include <set>
#include <string>

#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "headstart/train.h"
#include "weights/safetensors.h"

namespace headstart {

// Trainable parameters of trainable nodes; with BatchNormMode::training their moving statistics too.
std::set<std::string> changing_parameters(const Graph& graph, BatchNormMode batch_norm);

TensorList list_of(const Parameters& parameters, const std::set<std::string>& names);
Parameters copy_of(const Parameters& parameters, const std::set<std::string>& names);
// Values in place: programs that read `target` by reference see them. Throws Error for tensors that `target`
// does not have, or has in other shapes.
void assign(Parameters& target, const Parameters& source);
void swap_values(Parameters& a, Parameters& b);  // of every tensor of `b`; throws likewise

// average += (1 - decay) * (parameter - average), for every tensor of `average`.
void move_average(Parameters& average, const Parameters& parameters, double decay);

// SHA-256 over names and values of everything that is not in `changing`.
FrozenReport hash_frozen(const Parameters& parameters, const std::set<std::string>& changing);

}  // namespace headstart
