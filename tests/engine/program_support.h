// Running the engine's programs on reference cases, and tolerances with their reasons.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "headstart/engine.h"
#include "reference/cases.h"
#include "reference/interpreter.h"
#include "support/tolerance.h"

namespace headstart::test {

// f32: sums of up to some hundred products of values near 1 through at most ten layers, each rounding 6e-8.
// Seen: 2e-6 of the largest value; the limit leaves room for other implementations' order of summation.
constexpr double kF32 = 1e-5;
// bf16 keeps 8 bits: each stored value is off by up to 2^-9 = 2e-3, which grows with the square root of the
// depth. Seen: 5.3e-3, and 1.5e-2 behind the sixteen stored values of a transformer block.
constexpr double kBf16 = 2e-2;
// int8 keeps 127 steps either way of values and filters: half a step is 4e-3 of the largest value, and the
// largest is some times the usual one. Without VNNI filters have half as many steps. Seen: 5.1e-2.
constexpr double kInt8 = 5.5e-2;
// Gradients pass every layer twice and are sums of either sign. Seen: 4.6e-2.
constexpr double kBf16SmoothGradient = 6e-2;
// A value that rounds across a kink, or to another maximum, switches its path altogether: where a share p of
// the values does, the gradient is off by sqrt(2 p) of its norm. With few values in small cases p is easily
// some per cent.
constexpr double kBf16KinkedGradient = 0.7;
bool has_kinks(const Graph& graph);
double bf16_gradient_tolerance(const Graph& graph);

// f32, and bf16 where this CPU can.
std::vector<Precision> floating_precisions();

// Every element within `relative` of the tensor's largest value.
testing::AssertionResult elements_close(const Tensor& actual, const reference::Array& expected,
                                        double relative);
// The whole tensor: |actual - expected| <= relative * |expected| in the Euclidean norm.
testing::AssertionResult norm_close(const Tensor& actual, const reference::Array& expected, double relative);
// elements_close at kF32, or norm_close at `bf16`.
testing::AssertionResult agrees(const Tensor& actual, const reference::Array& expected, Precision precision,
                                double bf16 = kBf16);

// Everything a test of one case needs: parameters, an input batch and what the reference makes of them.
struct Fixture {
  explicit Fixture(const reference::Case& which, BatchNormMode batch_norm = BatchNormMode::frozen);

  Graph graph;
  Graph logits;  // the same network up to its logits
  int batch = 1;
  reference::Options options;
  Parameters parameters;
  Tensor input;
  reference::Trace trace;         // of `graph`
  reference::Trace logits_trace;  // of `logits`

  const reference::Array& value(NodeId id) const { return trace.values[static_cast<std::size_t>(id)]; }
  const reference::Array& expected_logits() const {
    return logits_trace.values[static_cast<std::size_t>(logits.output())];
  }
};

// Runs an inference program once.
std::vector<Tensor> run_frozen(FrozenProgram& program, const Graph& graph, std::span<const Tensor> inputs,
                               const std::vector<NodeId>& outputs);

// The reference's boundary values as the training program takes them.
std::vector<Tensor> boundary_values(const Fixture& fixture, const std::vector<NodeId>& boundary);

std::string case_name(const testing::TestParamInfo<reference::Case>& info);

}  // namespace headstart::test
