#include "engine/program_support.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <variant>

namespace headstart::test {

testing::AssertionResult elements_close(const Tensor& actual, const reference::Array& expected,
                                        double relative) {
  if (actual.shape() != expected.shape) {
    return testing::AssertionFailure()
           << "shapes differ: " << to_string(actual.shape()) << " and " << to_string(expected.shape);
  }
  double largest = 0.0;
  for (const double value : expected.values) {
    largest = std::max(largest, std::abs(value));
  }
  return all_close(actual.values(), reference::to_tensor(expected).values(),
                   {.atol = relative * largest, .rtol = relative});
}

testing::AssertionResult norm_close(const Tensor& actual, const reference::Array& expected, double relative) {
  if (actual.shape() != expected.shape) {
    return testing::AssertionFailure()
           << "shapes differ: " << to_string(actual.shape()) << " and " << to_string(expected.shape);
  }
  double difference = 0.0;
  double norm = 0.0;
  for (std::int64_t i = 0; i < actual.size(); ++i) {
    const double error = static_cast<double>(actual[i]) - expected[i];
    difference += error * error;
    norm += expected[i] * expected[i];
  }
  if (std::sqrt(difference) <= relative * std::sqrt(norm)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "relative error " << std::sqrt(difference / norm) << ", allowed "
                                     << relative;
}

std::vector<Precision> floating_precisions() {
  return is_supported(Precision::bf16) ? std::vector{Precision::f32, Precision::bf16}
                                       : std::vector{Precision::f32};
}

testing::AssertionResult agrees(const Tensor& actual, const reference::Array& expected, Precision precision,
                                double bf16) {
  return precision == Precision::bf16 ? norm_close(actual, expected, bf16)
                                      : elements_close(actual, expected, kF32);
}

bool has_kinks(const Graph& graph) {
  using Kind = Activation::Kind;
  const auto is_kinked = [](const Activation& activation) {
    return activation.kind == Kind::relu || activation.kind == Kind::relu6 ||
           activation.kind == Kind::leaky_relu || activation.kind == Kind::hard_sigmoid ||
           activation.kind == Kind::hard_swish;
  };
  return std::ranges::any_of(graph.nodes(), [&](const Node& node) {
    return std::visit(
        [&](const auto& op) {
          using Concrete = std::decay_t<decltype(op)>;
          if constexpr (requires { op.activation; }) {
            return is_kinked(op.activation);
          }
          return std::is_same_v<Concrete, MaxPooling2D> || std::is_same_v<Concrete, GlobalMaxPooling2D>;
        },
        node.op);
  });
}

double bf16_gradient_tolerance(const Graph& graph) {
  return has_kinks(graph) ? kBf16KinkedGradient : kBf16SmoothGradient;
}

Fixture::Fixture(const reference::Case& which, BatchNormMode batch_norm)
    : graph(which.graph),
      logits(reference::logits_graph(which.graph)),
      batch(which.batch),
      options{.batch_norm = batch_norm},
      parameters(reference::random_parameters(which.graph, 11)),
      input(reference::random_tensor(reference::with_batch(which.batch, which.graph.input_shape()), 13,
                                     which.input_scale)) {
  const auto arrays = reference::to_arrays(parameters);
  trace = reference::forward(graph, arrays, reference::to_array(input), options);
  logits_trace = reference::forward(logits, arrays, reference::to_array(input), options);
}

std::vector<Tensor> run_frozen(FrozenProgram& program, const Graph& graph, std::span<const Tensor> inputs,
                               const std::vector<NodeId>& outputs) {
  std::vector<const float*> sources;
  for (const Tensor& input : inputs) {
    sources.push_back(input.data());
  }
  std::vector<Tensor> results;
  std::vector<float*> targets;
  for (const NodeId id : outputs) {
    targets.push_back(
        results.emplace_back(reference::with_batch(program.batch(), graph.node(id).shape)).data());
  }
  program.run(sources, targets);
  return results;
}

std::vector<Tensor> boundary_values(const Fixture& fixture, const std::vector<NodeId>& boundary) {
  std::vector<Tensor> values;
  for (const NodeId id : boundary) {
    values.push_back(reference::to_tensor(fixture.value(id)));
  }
  return values;
}

std::string case_name(const testing::TestParamInfo<reference::Case>& info) { return info.param.name; }

}  // namespace headstart::test
