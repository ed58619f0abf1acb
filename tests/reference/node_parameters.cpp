#include "reference/node_parameters.h"

#include <variant>

#include "reference/convolution.h"

namespace headstart::reference {

std::string parameter_name(const Graph& graph, NodeId id, std::size_t place) {
  return graph.node(id).name + "/" + parameter_specs(graph, id).at(place).name;
}

KernelsAndBias kernels_and_bias(const Graph& graph, const ParameterArrays& parameters, NodeId id,
                                std::size_t kernels) {
  KernelsAndBias found;
  for (std::size_t place = 0; place < parameter_specs(graph, id).size(); ++place) {
    const Array& array = parameters.at(parameter_name(graph, id, place));
    if (place < kernels) {
      found.kernels.push_back(&array);
    } else {
      found.bias = &array;
    }
  }
  return found;
}

Array effective_kernel(const KernelsAndBias& parameters) {
  return parameters.kernels.size() == 2 ? normalized_kernel(*parameters.kernels[0], *parameters.kernels[1])
                                        : *parameters.kernels[0];
}

const Array* parameter_or_null(const Graph& graph, const ParameterArrays& parameters, NodeId id,
                               const std::string& suffix) {
  const auto found = parameters.find(graph.node(id).name + "/" + suffix);
  return found == parameters.end() ? nullptr : &found->second;
}

BatchNormParameters batch_norm_parameters(const Graph& graph, const ParameterArrays& parameters, NodeId id) {
  const auto& op = std::get<BatchNormalization>(graph.node(id).op);
  BatchNormParameters found;
  std::size_t place = 0;
  if (op.scale) {
    found.gamma_name = parameter_name(graph, id, place++);
    found.gamma = &parameters.at(found.gamma_name);
  }
  if (op.center) {
    found.beta_name = parameter_name(graph, id, place++);
    found.beta = &parameters.at(found.beta_name);
  }
  found.mean_name = parameter_name(graph, id, place++);
  found.variance_name = parameter_name(graph, id, place);
  found.moving = {.mean = parameters.at(found.mean_name), .variance = parameters.at(found.variance_name)};
  return found;
}

bool uses_batch_statistics(const Node& node, const Options& options) {
  return options.batch_norm == BatchNormMode::training && node.trainable;
}

}  // namespace headstart::reference
