// A model: graph, parameters and everything needed to use it on a photo.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headstart/acceptance.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "headstart/preprocessing.h"
#include "headstart/ranges.h"

namespace headstart {

struct Model {
  Graph graph;
  Parameters parameters;
  Preprocessing preprocessing{};
  std::vector<std::string> class_names;  // one for each output; "cat", "dog" for a sigmoid output of one unit
  std::vector<std::string> class_ids;    // WordNet ids ("n02112018") or empty
  // What the logits are divided by before they become probabilities: fitted on held-out images
  // (headstart/calibrate.h), so that of what is said with 0.8 about 80 % is right.
  double temperature = 1.0;
  // What is none of the classes; fitted by training or on held-out images. Without it nothing is unknown.
  std::optional<Acceptance> acceptance{};
  // Of the layers that were frozen when it was trained with --precision int8; without them it runs in
  // floating point only.
  ValueRanges ranges{};
  // Free text about where it came from and how it was trained: "architecture", "weights", "weights_sha256",
  // "created", ...
  std::map<std::string, std::string> provenance;
};

// Fresh parameters by the specs' initialisers (Keras's defaults: Glorot uniform kernels, zero biases). The
// same seed gives the same bits anywhere.
Parameters initialize(const Graph& graph, std::uint64_t seed);

// Checks that every parameter of the graph is there with its shape; throws Error listing what differs.
void check_parameters(const Graph& graph, const Parameters& parameters);

// Throws Error when the network does not read pictures of the size that the preprocessing makes.
void check_input(const Graph& graph, const Preprocessing& preprocessing);

// Throws Error for what no model file may hold: parameters that do not fit the graph or are no finite
// numbers, names, sizes and figures out of their ranges.
void check_model(const Model& model);

// One safetensors file that is the whole contract (docs/model-file.md). Written atomically: a full disk
// leaves the old file, and so does a model that check_model refuses.
void save_model(const Model& model, const std::string& path);
Model load_model(const std::string& path);

}  // namespace headstart
