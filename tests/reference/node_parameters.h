// A node's parameters by their place in its specs, which follow Keras's order.
#pragma once

#include "reference/interpreter.h"

namespace headstart::reference {

std::string parameter_name(const Graph& graph, NodeId id, std::size_t place);

// Kernels first; `bias` is null without one.
struct KernelsAndBias {
  std::vector<const Array*> kernels;
  const Array* bias = nullptr;
};
KernelsAndBias kernels_and_bias(const Graph& graph, const ParameterArrays& parameters, NodeId id,
                                std::size_t kernels);

// The kernel that the layer computes with: the second "kernel" of a layer with weight normalisation is the
// norms of its filters.
Array effective_kernel(const KernelsAndBias& parameters);

// By its suffix ("gamma"); null where the node has none.
const Array* parameter_or_null(const Graph& graph, const ParameterArrays& parameters, NodeId id,
                               const std::string& suffix);

// Of a BatchNormalization; gamma and beta are null where the op has none.
struct BatchNormParameters {
  const Array* gamma = nullptr;
  const Array* beta = nullptr;
  BatchStatistics moving;
  std::string gamma_name, beta_name, mean_name, variance_name;
};
BatchNormParameters batch_norm_parameters(const Graph& graph, const ParameterArrays& parameters, NodeId id);

// Whether the node normalises with the statistics of its own batch.
bool uses_batch_statistics(const Node& node, const Options& options);

}  // namespace headstart::reference
