// Which layer of a file belongs to which layer of a graph.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "weights/source_layers.h"

namespace headstart {

// A node of the graph that has parameters.
struct TargetLayer {
  NodeId id = 0;
  std::string name;
  std::vector<ParameterSpec> specs;
};

std::vector<TargetLayer> target_layers(const Graph& graph);

// For each target the index of its source layer. No source is used twice.
using Matching = std::vector<std::optional<std::size_t>>;

struct Candidate {
  Matching matching;
  const char* by = "";                             // what it goes by, for people
  std::map<std::size_t, std::string> ambiguous{};  // targets that several sources fit, with what to say of it
};

// Every plausible matching, the most trustworthy first: by equal names; automatic names (conv2d_188) by rank
// among their kind, the others by name; by class and number (Keras 3); by order. ONNX: by names; by places in
// the network. Which of them is right is told by kinds and shapes.
std::vector<Candidate> candidate_matchings(const Graph& graph, const std::vector<TargetLayer>& targets,
                                           const Source& source);

}  // namespace headstart
