// Watched nodes of the training program: their values and gradients against the reference, from any cut, in
// networks without a trainable layer too.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/program_support.h"
#include "headstart/error.h"
#include "reference/random_graph.h"

namespace headstart {
namespace {

using reference::Array;
using reference::Case;
using test::Fixture;

std::vector<NodeId> nodes_of_the_output(const Graph& graph) {
  std::vector<bool> needed(graph.nodes().size(), false);
  needed[static_cast<std::size_t>(graph.output())] = true;
  std::vector<NodeId> ids;
  for (auto id = graph.output(); id >= 0; --id) {
    if (needed[static_cast<std::size_t>(id)]) {
      ids.push_back(id);
      for (const auto input : graph.node(id).inputs) {
        needed[static_cast<std::size_t>(input)] = true;
      }
    }
  }
  return ids;
}

// A gradient whose terms cancel is compared by the largest of all.
double largest_gradient(const std::vector<Array>& gradients) {
  double largest = 0.0;
  for (const auto& gradient : gradients) {
    for (const double value : gradient.values) {
      largest = std::max(largest, std::abs(value));
    }
  }
  return largest;
}

struct Oracle {
  explicit Oracle(Fixture& fixture) : diff(reference::random_tensor(fixture.expected_logits().shape, 17)) {
    gradients = reference::backward(fixture.logits, reference::to_arrays(fixture.parameters),
                                    fixture.logits_trace, reference::to_array(diff), fixture.options)
                    .values;
    largest = largest_gradient(gradients);
  }

  Tensor diff;
  std::vector<Array> gradients;
  double largest = 0.0;
};

void run(TrainingProgram& program, const Fixture& fixture, const Oracle& oracle) {
  const auto boundary = test::boundary_values(fixture, program.boundary());
  std::vector<const float*> pointers;
  for (const Tensor& value : boundary) {
    pointers.push_back(value.data());
  }
  program.forward(pointers, 0);
  program.backward(oracle.diff.data());
}

void expect_watched(const TrainingProgram& program, const Fixture& fixture, const Oracle& oracle, NodeId id,
                    Precision precision = Precision::f32) {
  const auto i = static_cast<std::size_t>(id);
  const auto& name = fixture.graph.node(id).name;
  EXPECT_TRUE(test::agrees(program.value_of(id), fixture.logits_trace.values[i], precision)) << name;
  const double share = precision == Precision::bf16 ? 3e-2 : 1e-5;
  if (!test::all_close(program.gradient_of(id).values(), reference::to_tensor(oracle.gradients[i]).values(),
                       {.atol = share * oracle.largest})) {
    EXPECT_TRUE(test::agrees(program.gradient_of(id), oracle.gradients[i], precision,
                             test::bf16_gradient_tolerance(fixture.graph)))
        << name;
  }
}

Fixture frozen_fixture(const Case& which) {
  Case frozen = which;
  frozen.graph.set_all_trainable(false);
  return Fixture(frozen);
}

class Watch : public testing::TestWithParam<Case> {};

TEST_P(Watch, EveryNodeOfAFrozenNetworkEqualsTheReference) {
  Fixture fixture = frozen_fixture(GetParam());
  const Oracle oracle(fixture);
  const auto ids = nodes_of_the_output(fixture.graph);
  for (const auto precision : test::floating_precisions()) {
    TrainingProgram program(fixture.graph, fixture.parameters,
                            {.batch = fixture.batch, .precision = precision, .watch = ids});
    ASSERT_EQ(program.boundary(), std::vector<NodeId>{0});
    run(program, fixture, oracle);
    for (const auto id : ids) {
      expect_watched(program, fixture, oracle, id, precision);
    }
    EXPECT_EQ(program.gradients().begin(), program.gradients().end()) << "nothing is trainable";
  }
}

TEST_P(Watch, AnyOneNodeOfAFrozenNetworkIsACut) {
  Fixture fixture = frozen_fixture(GetParam());
  const Oracle oracle(fixture);
  for (const auto id : nodes_of_the_output(fixture.graph)) {
    if (id == fixture.graph.output()) {
      continue;
    }
    TrainingProgram program(fixture.graph, fixture.parameters, {.batch = fixture.batch, .watch = {id}});
    EXPECT_TRUE(std::ranges::find(program.boundary(), id) != program.boundary().end());
    run(program, fixture, oracle);
    expect_watched(program, fixture, oracle, id);
  }
}

// Watching changes neither the logits nor the gradients of what is trained.
TEST_P(Watch, LeavesTrainingAsItWas) {
  Fixture fixture(GetParam());
  const Oracle oracle(fixture);
  TrainingProgram plain(fixture.graph, fixture.parameters,
                        {.batch = fixture.batch, .batch_norm = BatchNormMode::frozen});
  TrainingProgram watching(fixture.graph, fixture.parameters,
                           {.batch = fixture.batch,
                            .batch_norm = BatchNormMode::frozen,
                            .watch = nodes_of_the_output(fixture.graph)});
  run(plain, fixture, oracle);
  run(watching, fixture, oracle);
  for (const auto& [name, gradient] : plain.gradients()) {
    EXPECT_TRUE(test::all_close(watching.gradients().at(name).values(), gradient.values(),
                                {.atol = 1e-5 * oracle.largest, .rtol = 1e-5}))
        << name;
  }
  for (const auto id : nodes_of_the_output(fixture.graph)) {
    expect_watched(watching, fixture, oracle, id);
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, Watch, testing::ValuesIn(reference::all_cases()), test::case_name);

class WatchRandom : public testing::TestWithParam<int> {};

TEST_P(WatchRandom, EqualsTheReference) {
  Graph graph = reference::random_graph(static_cast<std::uint64_t>(GetParam()), {});
  graph.add("last", Conv2D{.filters = 3}, graph.output());
  Fixture fixture({.name = "random", .graph = std::move(graph)});
  const Oracle oracle(fixture);
  const auto ids = nodes_of_the_output(fixture.graph);
  TrainingProgram program(fixture.graph, fixture.parameters,
                          {.batch = fixture.batch, .batch_norm = BatchNormMode::frozen, .watch = ids});
  run(program, fixture, oracle);
  for (const auto id : ids) {
    expect_watched(program, fixture, oracle, id);
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, WatchRandom, testing::Range(0, 40));

class WatchSmooth : public testing::TestWithParam<Case> {};

// The gradient at the Input against differences of the reference's output, in double precision.
TEST_P(WatchSmooth, InputGradientEqualsFiniteDifferences) {
  Fixture fixture = frozen_fixture(GetParam());
  const Oracle oracle(fixture);
  TrainingProgram program(fixture.graph, fixture.parameters, {.batch = fixture.batch, .watch = {0}});
  run(program, fixture, oracle);
  const Tensor& gradient = program.gradient_of(0);
  const auto arrays = reference::to_arrays(fixture.parameters);
  const auto output = static_cast<std::size_t>(fixture.logits.output());
  double largest = 0.0;
  for (const float value : gradient.values()) {
    largest = std::max(largest, static_cast<double>(std::abs(value)));
  }
  const auto seeded = [&](std::int64_t element, double step) {
    Array moved = reference::to_array(fixture.input);
    moved.values[static_cast<std::size_t>(element)] += step;
    const auto trace = reference::forward(fixture.logits, arrays, moved, fixture.options);
    double sum = 0.0;
    for (std::int64_t i = 0; i < oracle.diff.size(); ++i) {
      sum += static_cast<double>(oracle.diff[i]) * trace.values[output][i];
    }
    return sum;
  };
  constexpr double kStep = 1e-4;
  constexpr std::int64_t kProbes = 12;
  for (std::int64_t probe = 0; probe < kProbes; ++probe) {
    const auto element = probe * gradient.size() / kProbes;
    const double difference = (seeded(element, kStep) - seeded(element, -kStep)) / (2.0 * kStep);
    // The step's own error is its square times a third derivative; a program's is its f32.
    EXPECT_NEAR(static_cast<double>(gradient[element]), difference, 1e-4 * largest) << element;
  }
}

std::vector<Case> smooth_cases() {
  auto cases = reference::composed_cases();
  std::erase_if(cases, [](const Case& each) { return test::has_kinks(each.graph); });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Engine, WatchSmooth, testing::ValuesIn(smooth_cases()), test::case_name);

TEST(WatchRefuses, NodesThatAreNotWatchedOrLeadNowhere) {
  Graph graph("branches");
  graph.add("input", Input{{4, 4, 2}}, std::vector<NodeId>{});
  const auto used = graph.add("used", Conv2D{.filters = 2}, 0);
  const auto unused = graph.add("unused", Conv2D{.filters = 2}, 0);
  graph.set_output(used);
  Parameters parameters = reference::random_parameters(graph, 1);
  EXPECT_THROW(TrainingProgram(graph, parameters, {.watch = {unused}}), Error);
  const TrainingProgram program(graph, parameters, {.watch = {0}});
  EXPECT_THROW((void)program.value_of(used), Error);
  EXPECT_EQ(program.gradient_of(0).shape(), (Shape{1, 4, 4, 2}));
}

}  // namespace
}  // namespace headstart
