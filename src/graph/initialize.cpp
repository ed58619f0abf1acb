// Fresh parameters for a graph, and the check that given ones fit it.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/random.h"
#include "graph/needed_parameters.h"
#include "headstart/error.h"
#include "headstart/model.h"

namespace headstart {
namespace {

void fill_glorot_uniform(Tensor& tensor, const ParameterSpec& spec, Random& random) {
  const float limit = std::sqrt(6.0F / static_cast<float>(spec.fan_in + spec.fan_out));
  random.uniform(-limit, limit, tensor.values());
}

Tensor norms_of_filters(const Tensor& kernel) {
  const std::int64_t filters = kernel.shape().back();
  std::vector<double> squares(static_cast<std::size_t>(filters), 0.0);
  for (std::int64_t i = 0; i < kernel.size(); ++i) {
    const double value = kernel[i];
    squares[static_cast<std::size_t>(i % filters)] += value * value;
  }
  Tensor norms({filters});
  for (std::int64_t c = 0; c < filters; ++c) {
    norms[c] = static_cast<float>(std::sqrt(squares[static_cast<std::size_t>(c)]));
  }
  return norms;
}

Tensor fresh_tensor(const ParameterSpec& spec, const std::string& name, std::uint64_t seed) {
  Tensor tensor(spec.shape);
  Random random(seed, RandomPurpose::initialise, name_hash(name));
  switch (spec.initializer) {
    case ParameterSpec::Initializer::zeros:
    case ParameterSpec::Initializer::kernel_norm:
      break;
    case ParameterSpec::Initializer::constant:
      for (float& value : tensor.values()) {
        value = spec.value;
      }
      break;
    case ParameterSpec::Initializer::normal:
      for (float& value : tensor.values()) {
        value = spec.value * random.normal();
      }
      break;
    case ParameterSpec::Initializer::glorot_uniform:
      fill_glorot_uniform(tensor, spec, random);
      break;
  }
  return tensor;
}

}  // namespace

Parameters initialize(const Graph& graph, std::uint64_t seed) {
  Parameters parameters;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const std::string& node = graph.nodes()[i].name;
    for (const ParameterSpec& spec : parameter_specs(graph, static_cast<NodeId>(i))) {
      const std::string name = node + "/" + spec.name;
      parameters.insert(name, spec.initializer == ParameterSpec::Initializer::kernel_norm
                                  ? norms_of_filters(parameters.at(node + "/kernel"))
                                  : fresh_tensor(spec, name, seed));
    }
  }
  return parameters;
}

std::vector<NeededParameter> needed_parameters(const Graph& graph, const std::vector<bool>& nodes) {
  std::vector<NeededParameter> needed;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (nodes[i]) {
      for (ParameterSpec& spec : parameter_specs(graph, static_cast<NodeId>(i))) {
        needed.push_back({.name = graph.nodes()[i].name + "/" + spec.name, .shape = std::move(spec.shape)});
      }
    }
  }
  return needed;
}

void check_parameters(const Graph& graph, const Parameters& parameters) {
  check_parameters(graph.name(), needed_parameters(graph, std::vector<bool>(graph.nodes().size(), true)),
                   parameters);
}

void check_parameters(const std::string& network, const std::vector<NeededParameter>& needed,
                      const Parameters& parameters) {
  constexpr std::size_t kListed = 8;
  std::vector<std::string> differences;
  for (const auto& [name, shape] : needed) {
    if (!parameters.contains(name)) {
      differences.push_back(name + " is missing");
    } else if (const Shape& given = parameters.at(name).shape(); given != shape) {
      differences.push_back(name + " has shape " + to_string(given) + " in place of " + to_string(shape));
    }
  }
  if (differences.empty()) {
    return;
  }
  std::string listed;
  for (std::size_t i = 0; i < differences.size() && i < kListed; ++i) {
    listed += (i == 0 ? "" : ", ") + differences[i];
  }
  if (differences.size() > kListed) {
    listed += " and " + std::to_string(differences.size() - kListed) + " more";
  }
  throw Error("[parameters] expected the " + std::to_string(needed.size()) + " parameters of \"" + network +
              "\"; received " + std::to_string(parameters.size()) + " of which " + listed +
              "; use weights of this architecture");
}

}  // namespace headstart
