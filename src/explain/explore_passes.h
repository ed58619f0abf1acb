// Values and gradients of every layer for one input, a bounded part of the network at a time.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "headstart/tensor.h"

namespace headstart {

// Consecutive layers with what they computed. Tensors are those of one sample, channels last.
struct NetworkPart {
  std::vector<NodeId> nodes;
  std::map<NodeId, Tensor> values;     // of the nodes and their inputs
  std::map<NodeId, Tensor> gradients;  // of the nodes that the gradient passes
};

// The node that holds the logits: the output, or what its softmax or sigmoid reads.
NodeId logits_of(const Graph& graph);

class NetworkPasses {
 public:
  // Refers to the parameters. `input`: one sample.
  NetworkPasses(const Graph& graph, Parameters& parameters, Tensor input);

  Tensor value_of(NodeId id) const;
  // In order; `logits_gradient` has the size of the logits.
  void for_each_part(const std::vector<float>& logits_gradient,
                     const std::function<void(const NetworkPart&)>& visit);

 private:
  NetworkPart compute(const std::vector<NodeId>& nodes, const std::vector<float>& logits_gradient);

  Graph graph_;  // without a trainable layer
  Parameters* parameters_;
  Tensor input_;
  std::vector<std::vector<NodeId>> parts_;
  NetworkPart only_;  // the whole network, when it is one part
};

}  // namespace headstart
