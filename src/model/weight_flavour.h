// Whose network of a name a weight file belongs to.
#pragma once

#include <optional>
#include <string>

#include "headstart/weights.h"
#include "headstart/zoo.h"

namespace headstart {

// PyTorch files are torchvision's networks, Keras and tfjs files Keras's unless their layers have the names
// of torchvision's modules. A safetensors file of ours says it; of others the tensors' names tell. Nothing
// when it cannot be told.
std::optional<Flavour> weight_flavour(const std::string& architecture, const WeightFile& file,
                                      const std::string& path);

// The flavour to build for a file's weights: what the file tells, else what was asked for. Throws Error when
// both are there and differ.
std::optional<Flavour> flavour_for(const std::string& architecture, const WeightFile& file,
                                   const std::string& path, std::optional<Flavour> asked);

}  // namespace headstart
