#include "support/formula.h"

#include <cmath>
#include <cstdint>
#include <variant>

#include "headstart/error.h"

namespace headstart::test {

namespace {

std::uint32_t fnv1a(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return hash;
}

// Uniform in [-1, 1) in steps of 2^-23.
double unit(std::uint32_t key, std::uint32_t i) {
  std::uint32_t x = i * 0x9E3779B9U + key;
  x ^= x >> 16U;
  x *= 0x7FEB352DU;
  x ^= x >> 15U;
  x *= 0x846CA68BU;
  x ^= x >> 16U;
  return 2.0 * static_cast<double>(x >> 8U) / 16777216.0 - 1.0;
}

// offset + scale * u, rounded to float once.
Tensor filled(const std::string& name, const Shape& shape, double offset, double scale) {
  Tensor tensor(shape);
  const std::uint32_t key = fnv1a(name);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    tensor[i] = static_cast<float>(offset + scale * unit(key, static_cast<std::uint32_t>(i)));
  }
  return tensor;
}

double kernel_scale(bool depthwise, const Shape& shape) {
  const std::int64_t fan_in = depthwise ? shape[0] * shape[1] : element_count(shape) / shape.back();
  return std::sqrt(6.0 / static_cast<double>(fan_in));
}

Tensor formula_parameter(const Op& op, const std::string& name, const ParameterSpec& spec, double gain) {
  if (spec.name.ends_with("kernel")) {
    const bool depthwise = std::holds_alternative<DepthwiseConv2D>(op) || spec.name == "depthwise_kernel";
    return filled(name, spec.shape, 0.0, kernel_scale(depthwise, spec.shape) * gain);
  }
  if (spec.name == "bias" || spec.name == "beta" || spec.name.ends_with("mean")) {
    return filled(name, spec.shape, 0.0, 0.1);
  }
  if (spec.name == "gamma") {
    return filled(name, spec.shape, 1.0, 0.2);
  }
  if (spec.name.ends_with("variance")) {
    return filled(name, spec.shape, 1.0, 0.3);
  }
  if (spec.name == "class_token" || spec.name == "position_embedding" ||
      spec.name == "relative_position_bias_table") {
    return filled(name, spec.shape, 0.0, 0.5);
  }
  throw Error("[formula] expected a kind of parameter that the formula knows; received " + name +
              "; add it here and in the script");
}

}  // namespace

Parameters formula_parameters(const Graph& graph, double gain) {
  Parameters parameters;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    for (const ParameterSpec& spec : parameter_specs(graph, id)) {
      const std::string name = graph.node(id).name + "/" + spec.name;
      parameters.insert(name, formula_parameter(graph.node(id).op, name, spec, gain));
    }
  }
  return parameters;
}

Tensor formula_images(const std::string& name, const Shape& shape) { return filled(name, shape, 0.0, 1.0); }

}  // namespace headstart::test
