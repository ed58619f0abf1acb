// Lowering of a graph to an inference program.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/emitter.h"
#include "engine/fusion.h"
#include "engine/layout.h"
#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// The emitted program: what to bind before a run, and what to call when parameters have changed.
struct LoweredInference {
  std::vector<Value> sources;  // external, f32
  std::vector<Value> outputs;  // external, f32
  std::vector<std::function<void(const Parameters&)>> loaders;
};

LoweredInference lower_inference(Emitter& emitter, const Graph& graph, const std::vector<NodeId>& outputs,
                                 const FrozenProgram::Options& options);

}  // namespace headstart
