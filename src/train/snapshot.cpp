// Copies in place and the frozen hash.
#include "train/snapshot.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/sha256.h"
#include "headstart/error.h"

namespace headstart {
namespace {

std::span<const std::uint8_t> bytes_of(const void* data, std::size_t size) {
  return {static_cast<const std::uint8_t*>(data), size};
}

Tensor& of_same_shape(Parameters& parameters, const std::string& name, const Tensor& other) {
  Tensor& own = parameters.at(name);
  if (own.shape() != other.shape()) {
    throw Error(fmt::format("[train] expected {} to have the shape {}; received {}", name,
                            to_string(own.shape()), to_string(other.shape())));
  }
  return own;
}

}  // namespace

std::set<std::string> changing_parameters(const Graph& graph, BatchNormMode batch_norm) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!node.trainable) {
      continue;
    }
    for (const ParameterSpec& spec : parameter_specs(graph, static_cast<NodeId>(i))) {
      if (spec.trainable || batch_norm == BatchNormMode::training) {
        names.insert(node.name + "/" + spec.name);
      }
    }
  }
  return names;
}

TensorList list_of(const Parameters& parameters, const std::set<std::string>& names) {
  TensorList list;
  for (const auto& [name, tensor] : parameters) {
    if (names.contains(name)) {
      list.emplace_back(name, &tensor);
    }
  }
  return list;
}

Parameters copy_of(const Parameters& parameters, const std::set<std::string>& names) {
  Parameters copy;
  for (const auto& [name, tensor] : list_of(parameters, names)) {
    copy.insert(name, *tensor);
  }
  return copy;
}

void assign(Parameters& target, const Parameters& source) {
  for (const auto& [name, tensor] : source) {
    Tensor& own = of_same_shape(target, name, tensor);
    std::copy(tensor.values().begin(), tensor.values().end(), own.values().begin());
  }
}

void swap_values(Parameters& a, Parameters& b) {
  for (auto& [name, tensor] : b) {
    Tensor& own = of_same_shape(a, name, tensor);
    std::swap_ranges(tensor.values().begin(), tensor.values().end(), own.values().begin());
  }
}

void move_average(Parameters& average, const Parameters& parameters, double decay) {
  const auto share = static_cast<float>(1.0 - decay);
  for (auto& [name, tensor] : average) {
    const auto values = parameters.at(name).values();
    const auto averages = tensor.values();
    for (std::size_t i = 0; i < averages.size(); ++i) {
      averages[i] += share * (values[i] - averages[i]);
    }
  }
}

FrozenReport hash_frozen(const Parameters& parameters, const std::set<std::string>& changing) {
  FrozenReport report;
  Sha256 hash;
  for (const auto& [name, tensor] : parameters) {
    if (!changing.contains(name)) {
      hash.update(bytes_of(name.data(), name.size() + 1));
      hash.update(bytes_of(tensor.data(), tensor.values().size_bytes()));
      report.parameters += tensor.size();
    }
  }
  report.sha256_before = hash.hex();
  return report;
}

}  // namespace headstart
