// A network of the zoo as a model without parameters, and what network a model is.
#pragma once

#include <string>

#include "headstart/model.h"
#include "headstart/zoo.h"

namespace headstart {

Model describe_architecture(const Architecture& architecture, const ArchitectureOptions& options);

// "mobilenet_v2": of the network that the model was made from where that is known, else of its graph, which
// is "model" for one with a head of its own.
std::string network_name(const Model& model);

}  // namespace headstart
