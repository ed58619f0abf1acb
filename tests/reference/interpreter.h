// A graph run node by node with the reference loops, forwards and backwards: what both programs of the engine
// must agree with.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "reference/array.h"
#include "reference/batch_norm.h"

namespace headstart::reference {

using ParameterArrays = std::map<std::string, Array>;
ParameterArrays to_arrays(const Parameters& parameters);

struct Options {
  BatchNormMode batch_norm = BatchNormMode::frozen;
  // By node, elements 0 or 1 / (1 - rate); of the shape of its value, or (N, C) for whole channels, or (N, 1)
  // for whole samples. A dropout without a mask passes its input on.
  std::map<NodeId, Array> dropout_masks{};
  // By node: given ones in place of those of the batch, which count as constants in the gradient.
  std::map<NodeId, RenormCorrections> renorm_corrections{};
};

struct Trace {
  std::vector<Array> values;                     // by node
  std::vector<Array> pre_activations;            // by node, of ops that carry an activation
  std::map<NodeId, BatchStatistics> statistics;  // of the batch norms that ran in training mode
  std::map<NodeId, RenormCorrections> renorm_corrections;
};

// `input` is (N, input shape).
Trace forward(const Graph& graph, const ParameterArrays& parameters, const Array& input,
              const Options& options = {});

struct Gradients {
  // Of all but moving statistics, of every node that the output depends on, trainable or not.
  ParameterArrays parameters;
  // By node; the gradient of its value, empty when the output does not depend on it.
  std::vector<Array> values;
};
// `diff_output` is the gradient of the graph's output.
Gradients backward(const Graph& graph, const ParameterArrays& parameters, const Trace& trace,
                   const Array& diff_output, const Options& options = {});

// The moving statistics after the step that `trace` recorded, by parameter name.
ParameterArrays moving_statistics_after(const Graph& graph, const ParameterArrays& parameters,
                                        const Trace& trace);

// The graph whose output is the logits: without a final sigmoid or softmax.
Graph logits_graph(const Graph& graph);

}  // namespace headstart::reference
