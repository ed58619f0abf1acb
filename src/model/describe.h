// A network of the zoo as a model without parameters.
#pragma once

#include "headstart/model.h"
#include "headstart/zoo.h"

namespace headstart {

Model describe_architecture(const Architecture& architecture, const ArchitectureOptions& options);

}  // namespace headstart
