// The training program against the reference: values, every gradient, moving statistics, dropout, in f32 and
// bf16.
#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "engine/program_support.h"
#include "headstart/error.h"
#include "headstart/model.h"
#include "reference/random_graph.h"

namespace headstart {
namespace {

using reference::Array;
using reference::Case;
using test::Fixture;

Tensor run_forward(TrainingProgram& program, std::span<const Tensor> boundary, std::uint64_t step) {
  std::vector<const float*> pointers;
  for (const Tensor& value : boundary) {
    pointers.push_back(value.data());
  }
  return program.forward(pointers, step);
}

// Names of the parameters that the program has to give gradients for.
std::set<std::string> trainable_names(const Graph& graph) {
  std::set<std::string> names;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    for (const ParameterSpec& spec : parameter_specs(graph, id)) {
      if (graph.node(id).trainable && spec.trainable) {
        names.insert(graph.node(id).name + "/" + spec.name);
      }
    }
  }
  return names;
}

// A gradient is compared by its own largest element, or by a small share of the largest of all where its own
// terms cancel: a bias before a batch norm in training mode has a gradient of exactly 0 in theory.
void expect_gradients(const Parameters& actual, const reference::ParameterArrays& expected,
                      const std::set<std::string>& names, Precision precision,
                      double bf16 = test::kBf16SmoothGradient) {
  double largest = 0.0;
  for (const auto& [name, gradient] : expected) {
    for (const double value : gradient.values) {
      largest = std::max(largest, std::abs(value));
    }
  }
  for (const auto& [name, gradient] : actual) {
    EXPECT_TRUE(names.contains(name)) << name << " is not trainable";
  }
  for (const auto& name : names) {
    ASSERT_TRUE(actual.contains(name)) << name;
    const Tensor& gradient = actual.at(name);
    const auto found = expected.find(name);
    const Array reference = found == expected.end() ? Array(gradient.shape()) : found->second;
    if (test::all_close(gradient.values(), reference::to_tensor(reference).values(),
                        {.atol = largest * (precision == Precision::bf16 ? 3e-2 : 1e-5)})) {
      continue;
    }
    EXPECT_TRUE(test::agrees(gradient, reference, precision, bf16)) << name;
  }
}

struct Setting {
  Case which;
  BatchNormMode batch_norm = BatchNormMode::frozen;
  Precision precision = Precision::f32;
};

void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.which.name; }

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const Case& each : reference::all_cases()) {
    for (const auto mode : {BatchNormMode::frozen, BatchNormMode::training}) {
      const auto has_norm = [](const Node& node) {
        return std::holds_alternative<BatchNormalization>(node.op);
      };
      if (mode == BatchNormMode::training && std::ranges::none_of(each.graph.nodes(), has_norm)) {
        continue;
      }
      for (const auto precision : test::floating_precisions()) {
        all.push_back({each, mode, precision});
      }
    }
  }
  return all;
}

std::string setting_name(const testing::TestParamInfo<Setting>& info) {
  return info.param.which.name + (info.param.batch_norm == BatchNormMode::training ? "_training" : "") + "_" +
         to_string(info.param.precision);
}

class TrainingProgramCase : public testing::TestWithParam<Setting> {
 protected:
  TrainingProgram program() {
    return TrainingProgram(
        fixture_.graph, fixture_.parameters,
        {.batch = fixture_.batch, .precision = GetParam().precision, .batch_norm = GetParam().batch_norm});
  }

  Fixture fixture_{GetParam().which, GetParam().batch_norm};
  reference::ParameterArrays before_ = reference::to_arrays(fixture_.parameters);
  Tensor diff_ = reference::random_tensor(fixture_.expected_logits().shape, 17);
};

TEST_P(TrainingProgramCase, ForwardAndGradientsEqualTheReference) {
  TrainingProgram training = program();
  ASSERT_EQ(training.boundary(), partition(fixture_.graph, GetParam().batch_norm).boundary);
  const auto boundary = test::boundary_values(fixture_, training.boundary());
  const Tensor logits = run_forward(training, boundary, 0);
  EXPECT_TRUE(test::agrees(logits, fixture_.expected_logits(), GetParam().precision));
  training.backward(diff_.data());
  const auto expected = reference::backward(fixture_.logits, before_, fixture_.logits_trace,
                                            reference::to_array(diff_), fixture_.options);
  expect_gradients(training.gradients(), expected.parameters, trainable_names(fixture_.graph),
                   GetParam().precision, test::bf16_gradient_tolerance(fixture_.graph));
}

TEST_P(TrainingProgramCase, UpdatesMovingStatisticsOnlyInTrainingMode) {
  TrainingProgram training = program();
  run_forward(training, test::boundary_values(fixture_, training.boundary()), 0);
  const auto after = reference::moving_statistics_after(fixture_.logits, before_, fixture_.logits_trace);
  for (const auto& [name, tensor] : fixture_.parameters) {
    const auto moved = after.find(name);
    if (moved == after.end() || moved->second.values == before_.at(name).values) {
      EXPECT_EQ(reference::to_array(tensor).values, before_.at(name).values) << name;
    } else {
      EXPECT_TRUE(test::agrees(tensor, moved->second, GetParam().precision)) << name;
    }
  }
}

// Gradients are overwritten, not added up, and another batch in between leaves nothing behind. Only moving
// statistics move, and are put back here: batch renormalisation reads them.
TEST_P(TrainingProgramCase, RunsAgainToTheSameBits) {
  TrainingProgram training = program();
  const auto boundary = test::boundary_values(fixture_, training.boundary());
  std::vector<Tensor> other;
  for (const Tensor& value : boundary) {
    other.push_back(reference::random_tensor(value.shape(), 23, 2.0F));
  }
  const Parameters before = fixture_.parameters;
  const Tensor first = run_forward(training, boundary, 0);
  training.backward(diff_.data());
  const Parameters gradients = training.gradients();
  run_forward(training, other, 1);
  training.backward(reference::random_tensor(diff_.shape(), 29).data());
  fixture_.parameters = before;
  const Tensor again = run_forward(training, boundary, 0);
  training.backward(diff_.data());
  EXPECT_TRUE(std::ranges::equal(first.values(), again.values()));
  for (const auto& [name, gradient] : gradients) {
    EXPECT_TRUE(std::ranges::equal(gradient.values(), training.gradients().at(name).values())) << name;
  }
}

// The parameters are read anew at each step: this is how an optimizer's step takes effect.
TEST_P(TrainingProgramCase, FollowsChangedParameters) {
  TrainingProgram training = program();
  const auto boundary = test::boundary_values(fixture_, training.boundary());
  run_forward(training, boundary, 0);
  const std::set<std::string> names = trainable_names(fixture_.graph);
  const Parameters fresh = reference::random_parameters(fixture_.graph, 31);
  for (auto& [name, tensor] : fixture_.parameters) {
    const Tensor& source = names.contains(name) ? fresh.at(name) : tensor;
    const Array kept = before_.at(name);
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      tensor[i] = names.contains(name) ? source[i] : static_cast<float>(kept[i]);
    }
  }
  const auto arrays = reference::to_arrays(fixture_.parameters);
  const auto trace =
      reference::forward(fixture_.logits, arrays, reference::to_array(fixture_.input), fixture_.options);
  const Tensor logits = run_forward(training, boundary, 1);
  EXPECT_TRUE(test::agrees(logits, trace.values[static_cast<std::size_t>(fixture_.logits.output())],
                           GetParam().precision));
  training.backward(diff_.data());
  const auto expected =
      reference::backward(fixture_.logits, arrays, trace, reference::to_array(diff_), fixture_.options);
  expect_gradients(training.gradients(), expected.parameters, names, GetParam().precision,
                   test::bf16_gradient_tolerance(fixture_.graph));
}

INSTANTIATE_TEST_SUITE_P(Engine, TrainingProgramCase, testing::ValuesIn(settings()), setting_name);

class TrainingProgramRandom : public testing::TestWithParam<int> {};

TEST_P(TrainingProgramRandom, EqualsTheReference) {
  for (const auto mode : {BatchNormMode::frozen, BatchNormMode::training}) {
    Graph graph = reference::random_graph(static_cast<std::uint64_t>(GetParam()), {});
    graph.set_trainable(graph.add("last", Conv2D{.filters = 3}, graph.output()), true);
    Fixture fixture({.name = "random", .graph = std::move(graph)}, mode);
    const auto before = reference::to_arrays(fixture.parameters);
    TrainingProgram program(fixture.graph, fixture.parameters, {.batch = fixture.batch, .batch_norm = mode});
    const auto boundary = test::boundary_values(fixture, program.boundary());
    const Tensor logits = run_forward(program, boundary, 0);
    EXPECT_TRUE(test::elements_close(logits, fixture.expected_logits(), test::kF32));
    const Tensor diff = reference::random_tensor(logits.shape(), 17);
    program.backward(diff.data());
    const auto expected = reference::backward(fixture.logits, before, fixture.logits_trace,
                                              reference::to_array(diff), fixture.options);
    // A trainable layer that the output does not depend on has no gradient, or one of zeros.
    std::set<std::string> names = trainable_names(fixture.graph);
    std::erase_if(names, [&](const std::string& name) {
      return !expected.parameters.contains(name) && !program.gradients().contains(name);
    });
    expect_gradients(program.gradients(), expected.parameters, names, Precision::f32);
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, TrainingProgramRandom, testing::Range(0, 80));

class ProgramAgainstProgram : public testing::TestWithParam<Case> {};

// The same network as an inference program (folded, fused) and as a training program in evaluation mode.
TEST_P(ProgramAgainstProgram, FrozenEqualsTrainingInEvaluationMode) {
  Fixture fixture(GetParam());
  TrainingProgram training(fixture.graph, fixture.parameters,
                           {.batch = fixture.batch, .batch_norm = BatchNormMode::frozen});
  std::vector<NodeId> outputs = training.boundary();
  FrozenProgram base(fixture.graph, fixture.parameters, outputs, {.batch = fixture.batch});
  const auto boundary = test::run_frozen(base, fixture.graph, std::span(&fixture.input, 1), outputs);
  const Tensor trained = run_forward(training, boundary, 0);
  FrozenProgram whole(fixture.graph, fixture.parameters, {fixture.graph.output()},
                      {.batch = fixture.batch, .logits = true});
  const auto inferred =
      test::run_frozen(whole, fixture.graph, std::span(&fixture.input, 1), {fixture.graph.output()});
  EXPECT_TRUE(test::elements_close(inferred.front(), reference::to_array(trained), test::kF32));
}

INSTANTIATE_TEST_SUITE_P(Engine, ProgramAgainstProgram, testing::ValuesIn(reference::composed_cases()),
                         test::case_name);

// Two dense layers with identity kernels and a dropout between them: the output is the mask times the input.
struct DropoutNetwork {
  static constexpr std::int64_t kFeatures = 512;
  static constexpr int kBatch = 4;

  explicit DropoutNetwork(float rate) : graph("dropout") {
    graph.add("input", Input{{kFeatures}}, std::vector<NodeId>{});
    graph.add("before", Dense{.units = kFeatures, .use_bias = false}, 0);
    dropout = graph.add("dropout", Dropout{.rate = rate}, 1);
    graph.add("after", Dense{.units = kFeatures, .use_bias = false}, dropout);
    for (const std::string layer : {"before", "after"}) {
      Tensor identity({kFeatures, kFeatures});
      for (std::int64_t i = 0; i < kFeatures; ++i) {
        identity[i * kFeatures + i] = 1.0F;
      }
      parameters.insert(layer + "/kernel", std::move(identity));
    }
    std::ranges::fill(ones.values(), 1.0F);
  }

  Tensor mask(std::uint64_t seed, std::uint64_t step) {
    TrainingProgram program(graph, parameters, {.batch = kBatch, .dropout_seed = seed});
    return run_forward(program, std::span(&ones, 1), step);
  }

  Graph graph;
  NodeId dropout = 0;
  Parameters parameters;
  Tensor ones{{kBatch, kFeatures}};
};

TEST(TrainingDropout, DropsItsShareAndScalesTheRest) {
  DropoutNetwork network(0.3F);
  const Tensor mask = network.mask(1, 0);
  int dropped = 0;
  for (const float value : mask.values()) {
    dropped += value == 0.0F ? 1 : 0;
    EXPECT_TRUE(value == 0.0F || std::abs(value - 1.0F / 0.7F) < 1e-6F) << value;
  }
  // 2048 draws: five standard deviations are 0.05.
  EXPECT_NEAR(static_cast<double>(dropped) / 2048.0, 0.3, 0.05);
}

TEST(TrainingDropout, MasksAreKeyedByStepAndSeed) {
  DropoutNetwork network(0.5F);
  const Tensor mask = network.mask(1, 7);
  EXPECT_TRUE(std::ranges::equal(mask.values(), network.mask(1, 7).values()));
  EXPECT_FALSE(std::ranges::equal(mask.values(), network.mask(1, 8).values()));
  EXPECT_FALSE(std::ranges::equal(mask.values(), network.mask(2, 7).values()));
  const auto half = mask.values().size() / 2;
  EXPECT_FALSE(std::ranges::equal(mask.values().first(half), mask.values().last(half)))
      << "samples share a mask";
}

TEST(TrainingDropout, BackwardUsesTheForwardMask) {
  DropoutNetwork network(0.5F);
  TrainingProgram program(network.graph, network.parameters,
                          {.batch = DropoutNetwork::kBatch, .dropout_seed = 3});
  const Tensor input = reference::random_tensor(network.ones.shape(), 1);
  const Array mask = reference::to_array(run_forward(program, std::span(&network.ones, 1), 5));
  run_forward(program, std::span(&input, 1), 5);
  const Tensor diff = reference::random_tensor(input.shape(), 2);
  program.backward(diff.data());
  const reference::Options options{.dropout_masks = {{network.dropout, mask}}};
  const auto arrays = reference::to_arrays(network.parameters);
  const auto trace = reference::forward(network.graph, arrays, reference::to_array(input), options);
  const auto expected = reference::backward(network.graph, arrays, trace, reference::to_array(diff), options);
  expect_gradients(program.gradients(), expected.parameters, trainable_names(network.graph), Precision::f32);
}

TEST(TrainingDropout, TwoLayersDrawDifferentMasks) {
  Graph graph("two");
  graph.add("input", Input{{1024}}, std::vector<NodeId>{});
  graph.add("first", Dropout{.rate = 0.5F}, 0);
  graph.add("second", Dropout{.rate = 0.5F}, 1);
  graph.add("norm", BatchNormalization{.epsilon = 1e-12F, .scale = true, .center = true}, 2);
  Parameters parameters = initialize(graph, 1);
  TrainingProgram program(graph, parameters, {.batch = 1, .batch_norm = BatchNormMode::frozen});
  Tensor ones({1, 1024});
  std::ranges::fill(ones.values(), 1.0F);
  const Tensor output = run_forward(program, std::span(&ones, 1), 0);
  // Kept by both: a quarter (five standard deviations are 0.07); one shared mask would keep a half.
  EXPECT_NEAR(
      static_cast<double>(std::ranges::count_if(output.values(), [](float v) { return v != 0.0F; })) / 1024.0,
      0.25, 0.07);
}

TEST(TrainingProgram, RefusesWrongBoundariesAndMissingParameters) {
  DropoutNetwork network(0.5F);
  TrainingProgram program(network.graph, network.parameters, {.batch = DropoutNetwork::kBatch});
  EXPECT_THROW(program.forward({}, 0), Error);
  Parameters none;
  const auto run_without = [&] {
    TrainingProgram bare(network.graph, none, {.batch = DropoutNetwork::kBatch});
    run_forward(bare, std::span(&network.ones, 1), 0);
  };
  EXPECT_THROW(run_without(), Error);
}

TEST(TrainingProgram, RefusesWhatItCannotRun) {
  DropoutNetwork network(0.5F);
  const auto refuses = [&](const TrainingProgram::Options& options) {
    EXPECT_THROW(TrainingProgram(network.graph, network.parameters, options), Error);
  };
  refuses({.batch = 0});
  refuses({.batch = -1});
  refuses({.watch = {99}});
  refuses({.watch = {-1}});
  Parameters none;
  EXPECT_THROW(TrainingProgram(Graph(), none, {}), Error);
  TrainingProgram program(network.graph, network.parameters, {.batch = DropoutNetwork::kBatch});
  EXPECT_THROW(program.backward(network.ones.data()), Error);
  run_forward(program, std::span(&network.ones, 1), 0);
  EXPECT_NO_THROW(program.backward(network.ones.data()));
  EXPECT_THROW(program.backward(network.ones.data()), Error);
}

TEST(TrainingProgram, RefusesParametersOfOtherShapesInItsPartAlone) {
  Graph graph;
  graph.add("input", Input{{4}}, std::vector<NodeId>{});
  graph.add("base", Dense{.units = 4}, 0);
  graph.add("head", Dense{.units = 2}, 1);
  graph.set_trainable(1, false);
  Parameters parameters = initialize(graph, 1);
  parameters.at("base/kernel") = Tensor({1});
  EXPECT_NO_THROW(TrainingProgram(graph, parameters, {}));
  parameters.at("head/kernel") = Tensor({1});
  EXPECT_THROW(TrainingProgram(graph, parameters, {}), Error);
}

// oneDNN 3 has only a reference implementation, without AVX-512, for the gradient of local response
// normalization, which no network of the zoo has.
TEST(TrainingProgram, ReportsEveryStepWithoutReferenceImplementations) {
  for (const auto precision : test::floating_precisions()) {
    for (const Case& each : reference::composed_cases()) {
      Fixture fixture(each, BatchNormMode::training);
      TrainingProgram program(fixture.graph, fixture.parameters,
                              {.batch = fixture.batch, .precision = precision});
      for (const StepReport& step : program.report(1)) {
        EXPECT_FALSE(step.implementation.starts_with("ref") &&
                     step.kind != "local response normalization backward")
            << each.name << ": " << step.node << " " << step.kind << " " << step.implementation;
      }
    }
  }
}

}  // namespace
}  // namespace headstart
