// Other people's weights into a model of ours, with an account of every tensor, and back.
#pragma once

#include <string>

#include "headstart/model.h"
#include "headstart/weights.h"
#include "headstart/zoo.h"

namespace headstart {

struct ConvertRequest {
  std::string source, destination;  // the folder of a run is its model file
  std::string architecture;         // a name of the zoo; empty: the source is a model file, taken as it is
  ArchitectureOptions options{};
  TensorNames names = TensorNames::headstart;  // in a .safetensors destination
};

struct Conversion {
  Model model;
  WeightReport report;  // with missing or mismatched parameters the model is not complete
};

// By the name of the file: all but a model file of ours is for a network that has to be named.
bool needs_architecture(const std::string& source);

// Refuses a destination that write_converted would refuse, before any work.
Conversion read_foreign_weights(const ConvertRequest& request);

// To request.destination. .safetensors: a model file, or with PyTorch's names the tensors alone; .h5: Keras
// weights; .pth: a PyTorch state dict.
void write_converted(const Model& model, const ConvertRequest& request);

}  // namespace headstart
