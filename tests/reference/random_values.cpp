// Values to run the cases on: random parameters that keep activations near 1, and random tensors.
#include <cmath>

#include "core/random.h"
#include "reference/cases.h"

namespace headstart::reference {

namespace {

// A deviation that keeps activations near 1 from layer to layer.
float kernel_deviation(const Shape& shape) {
  const auto products = static_cast<float>(element_count(shape) / shape.back());
  return 1.0F / std::sqrt(products);
}

Tensor random_parameter(const ParameterSpec& spec, std::uint64_t seed) {
  using Initializer = ParameterSpec::Initializer;
  if (spec.initializer == Initializer::zeros) {
    return random_tensor(spec.shape, seed, 0.3F);
  }
  if (spec.initializer != Initializer::constant) {
    return random_tensor(spec.shape, seed, kernel_deviation(spec.shape));
  }
  Tensor tensor(spec.shape);  // scales and variances
  Random random(seed, RandomPurpose::test);
  for (float& value : tensor.values()) {
    value = random.uniform(0.5F, 1.5F);
  }
  return tensor;
}

}  // namespace

Shape with_batch(std::int64_t batch, const Shape& shape) {
  Shape whole{batch};
  whole.insert(whole.end(), shape.begin(), shape.end());
  return whole;
}

Tensor random_tensor(const Shape& shape, std::uint64_t seed, float deviation) {
  Tensor tensor(shape);
  Random random(seed, RandomPurpose::test);
  for (float& value : tensor.values()) {
    value = deviation * random.normal();
  }
  return tensor;
}

Parameters random_parameters(const Graph& graph, std::uint64_t seed) {
  Parameters parameters;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    for (const ParameterSpec& spec : parameter_specs(graph, id)) {
      parameters.insert(graph.node(id).name + "/" + spec.name, random_parameter(spec, ++seed * 7919));
    }
  }
  return parameters;
}

}  // namespace headstart::reference
