// The inference program against the reference, in f32 and bf16.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/program_support.h"
#include "headstart/error.h"
#include "reference/random_graph.h"
#include "support/error_message.h"

namespace headstart {
namespace {

using reference::Case;
using test::Fixture;

class FrozenProgramCase : public testing::TestWithParam<Case> {
 protected:
  Tensor output(Precision precision, bool logits) {
    FrozenProgram program(fixture_.graph, fixture_.parameters, {fixture_.graph.output()},
                          {.batch = fixture_.batch, .precision = precision, .logits = logits});
    return test::run_frozen(program, fixture_.graph, std::span(&fixture_.input, 1), {fixture_.graph.output()})
        .front();
  }

  Fixture fixture_{GetParam()};
};

TEST_P(FrozenProgramCase, EqualsTheReference) {
  EXPECT_TRUE(test::elements_close(output(Precision::f32, false), fixture_.value(fixture_.graph.output()),
                                   test::kF32));
}

TEST_P(FrozenProgramCase, GivesLogits) {
  EXPECT_TRUE(test::elements_close(output(Precision::f32, true), fixture_.expected_logits(), test::kF32));
}

TEST_P(FrozenProgramCase, EqualsTheReferenceInBf16) {
  if (!is_supported(Precision::bf16)) {
    GTEST_SKIP() << "needs a CPU for bf16";
  }
  EXPECT_TRUE(test::norm_close(output(Precision::bf16, true), fixture_.expected_logits(), test::kBf16));
}

TEST_P(FrozenProgramCase, EqualsTheReferenceInInt8) {
  if (!is_supported(Precision::int8)) {
    GTEST_SKIP() << "needs a CPU for int8";
  }
  const auto ranges =
      measure_ranges(fixture_.graph, fixture_.parameters, {fixture_.graph.output()}, fixture_.input).ranges;
  FrozenProgram program(
      fixture_.graph, fixture_.parameters, {fixture_.graph.output()},
      {.batch = fixture_.batch, .precision = Precision::int8, .logits = true, .ranges = &ranges});
  const auto output =
      test::run_frozen(program, fixture_.graph, std::span(&fixture_.input, 1), {fixture_.graph.output()});
  EXPECT_TRUE(test::norm_close(output.front(), fixture_.expected_logits(), test::kInt8));
}

// Every node asked for at once: nothing may be fused away or overwritten.
TEST_P(FrozenProgramCase, GivesEveryNodesValue) {
  std::vector<NodeId> all;
  for (NodeId id = 0; id < static_cast<NodeId>(fixture_.graph.nodes().size()); ++id) {
    all.push_back(id);
  }
  FrozenProgram program(fixture_.graph, fixture_.parameters, all, {.batch = fixture_.batch});
  const auto values = test::run_frozen(program, fixture_.graph, std::span(&fixture_.input, 1), all);
  for (const NodeId id : all) {
    EXPECT_TRUE(test::elements_close(values[static_cast<std::size_t>(id)], fixture_.value(id), test::kF32))
        << fixture_.graph.node(id).name;
  }
}

// One value of the middle beside the output, in turn: its buffer must outlive its last reader.
TEST_P(FrozenProgramCase, GivesAnyNodeBesideTheOutput) {
  for (NodeId id = 1; id < fixture_.graph.output(); ++id) {
    const std::vector<NodeId> outputs{id, fixture_.graph.output()};
    FrozenProgram program(fixture_.graph, fixture_.parameters, outputs, {.batch = fixture_.batch});
    const auto values = test::run_frozen(program, fixture_.graph, std::span(&fixture_.input, 1), outputs);
    EXPECT_TRUE(test::elements_close(values[0], fixture_.value(id), test::kF32))
        << fixture_.graph.node(id).name;
    EXPECT_TRUE(test::elements_close(values[1], fixture_.value(fixture_.graph.output()), test::kF32))
        << fixture_.graph.node(id).name;
  }
}

TEST_P(FrozenProgramCase, StartsFromTheBoundary) {
  const auto boundary = partition(fixture_.graph, BatchNormMode::frozen).boundary;
  FrozenProgram program(fixture_.graph, fixture_.parameters, {fixture_.graph.output()},
                        {.batch = fixture_.batch, .sources = boundary});
  const auto values = test::boundary_values(fixture_, boundary);
  const auto result = test::run_frozen(program, fixture_.graph, values, {fixture_.graph.output()});
  EXPECT_TRUE(test::elements_close(result.front(), fixture_.value(fixture_.graph.output()), test::kF32));
}

// A second run on other data, then the first again: nothing is left over in the buffers.
TEST_P(FrozenProgramCase, RunsAgainToTheSameBits) {
  FrozenProgram program(fixture_.graph, fixture_.parameters, {fixture_.graph.output()},
                        {.batch = fixture_.batch});
  const std::vector<NodeId> outputs{fixture_.graph.output()};
  const Tensor other = reference::random_tensor(fixture_.input.shape(), 99, 5.0F);
  const Tensor first =
      test::run_frozen(program, fixture_.graph, std::span(&fixture_.input, 1), outputs).front();
  test::run_frozen(program, fixture_.graph, std::span(&other, 1), outputs);
  const Tensor again =
      test::run_frozen(program, fixture_.graph, std::span(&fixture_.input, 1), outputs).front();
  EXPECT_TRUE(std::ranges::equal(first.values(), again.values()));
}

INSTANTIATE_TEST_SUITE_P(Engine, FrozenProgramCase, testing::ValuesIn(reference::all_cases()),
                         test::case_name);

class FrozenProgramRandom : public testing::TestWithParam<int> {};

TEST_P(FrozenProgramRandom, EqualsTheReference) {
  const Fixture fixture(
      {.name = "random", .graph = reference::random_graph(static_cast<std::uint64_t>(GetParam()), {})});
  const auto boundary = partition(fixture.graph, BatchNormMode::frozen).boundary;
  std::vector<NodeId> outputs = boundary;
  if (std::ranges::find(boundary, fixture.graph.output()) == boundary.end()) {
    outputs.push_back(fixture.graph.output());
  }
  FrozenProgram program(fixture.graph, fixture.parameters, outputs, {.batch = fixture.batch});
  const auto values = test::run_frozen(program, fixture.graph, std::span(&fixture.input, 1), outputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_TRUE(test::elements_close(values[i], fixture.value(outputs[i]), test::kF32))
        << fixture.graph.node(outputs[i]).name;
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, FrozenProgramRandom, testing::Range(0, 80));

Graph head_graph() {
  Graph graph("head");
  graph.add("input", Input{{6}}, std::vector<NodeId>{});
  graph.add("dropout", Dropout{.rate = 0.5F}, 0);
  graph.add("dense", Dense{.units = 3}, 1);
  return graph;
}

TEST(FrozenProgram, DropoutPassesItsInputOn) {
  const Fixture fixture({.name = "head", .graph = head_graph()});
  FrozenProgram program(fixture.graph, fixture.parameters, {2}, {.batch = 2});
  EXPECT_TRUE(test::elements_close(
      test::run_frozen(program, fixture.graph, std::span(&fixture.input, 1), {2}).front(), fixture.value(2),
      test::kF32));
}

TEST(FrozenProgram, KeepsItsOwnCopyOfTheParameters) {
  Fixture fixture({.name = "head", .graph = head_graph()});
  FrozenProgram program(fixture.graph, fixture.parameters, {2}, {.batch = 2});
  std::ranges::fill(fixture.parameters.at("dense/kernel").values(), 0.0F);
  EXPECT_TRUE(test::elements_close(
      test::run_frozen(program, fixture.graph, std::span(&fixture.input, 1), {2}).front(), fixture.value(2),
      test::kF32));
}

TEST(FrozenProgram, LeavesTheParametersAlone) {
  Fixture fixture(reference::composed_cases().front());
  const Parameters before = fixture.parameters;
  FrozenProgram program(fixture.graph, fixture.parameters, {fixture.graph.output()},
                        {.batch = fixture.batch});
  test::run_frozen(program, fixture.graph, std::span(&fixture.input, 1), {fixture.graph.output()});
  for (const auto& [name, tensor] : before) {
    EXPECT_TRUE(std::ranges::equal(tensor.values(), fixture.parameters.at(name).values())) << name;
  }
}

TEST(FrozenProgram, ReportsEveryStepWithoutReferenceImplementations) {
  for (const auto precision : test::floating_precisions()) {
    for (const Case& each : reference::composed_cases()) {
      const Fixture fixture(each);
      FrozenProgram program(fixture.graph, fixture.parameters, {fixture.graph.output()},
                            {.batch = fixture.batch, .precision = precision});
      const auto steps = program.report(1);
      EXPECT_FALSE(steps.empty()) << each.name;
      for (const StepReport& step : steps) {
        EXPECT_FALSE(step.implementation.starts_with("ref"))
            << each.name << ": " << step.node << " " << step.kind << " " << step.implementation;
      }
    }
  }
}

TEST(FrozenProgram, MultipliesInt8WithoutReferenceImplementations) {
  if (!is_supported(Precision::int8)) {
    GTEST_SKIP() << "needs a CPU for int8";
  }
  for (const Case& each : reference::composed_cases()) {
    const Fixture fixture(each);
    const auto ranges =
        measure_ranges(fixture.graph, fixture.parameters, {fixture.graph.output()}, fixture.input).ranges;
    FrozenProgram program(fixture.graph, fixture.parameters, {fixture.graph.output()},
                          {.batch = fixture.batch, .precision = Precision::int8, .ranges = &ranges});
    for (const StepReport& step : program.report(1)) {
      EXPECT_FALSE(step.implementation.starts_with("ref"))
          << each.name << ": " << step.node << " " << step.kind << " " << step.implementation;
    }
  }
}

// The largest bytes by the largest weights, in whatever channels a CPU without VNNI adds up in 16 bits.
TEST(FrozenProgram, AddsUpTheLargestInt8Products) {
  if (!is_supported(Precision::int8)) {
    GTEST_SKIP() << "needs a CPU for int8";
  }
  for (const int channels : {3, 6, 16, 24, 32, 40, 64}) {
    for (const int every : {1, 2, 3, 4}) {  // of which channels count
      for (const int kernel : {1, 3}) {
        Graph graph("largest");
        graph.add("input", Input{{4, 4, channels}}, std::vector<NodeId>{});
        graph.add("conv", Conv2D{.filters = 16, .kernel = {kernel, kernel}, .use_bias = false}, 0);
        graph.add("pool", GlobalAveragePooling2D{}, 1);
        graph.add("dense", Dense{.units = 8, .use_bias = false}, 2);
        auto parameters = reference::random_parameters(graph, 1);
        auto& weights = parameters.at("conv/kernel");
        for (std::int64_t i = 0; i < weights.size(); ++i) {
          weights[i] = i / 16 % channels % every == 0 ? 1.0F : 0.0F;
        }
        std::ranges::fill(parameters.at("dense/kernel").values(), 1.0F);
        const Tensor ones({1, 4, 4, channels},
                          std::vector<float>(static_cast<std::size_t>(16 * channels), 1.0F));
        const auto ranges = measure_ranges(graph, parameters, {graph.output()}, ones).ranges;
        FrozenProgram program(graph, parameters, {graph.output()},
                              {.precision = Precision::int8, .ranges = &ranges});
        const auto output = test::run_frozen(program, graph, std::span(&ones, 1), {graph.output()}).front();
        const auto expected = static_cast<float>(16 * kernel * kernel * ((channels + every - 1) / every));
        EXPECT_NEAR(output[0], expected, 0.02F * expected) << channels << " " << every << " " << kernel;
      }
    }
  }
}

// Buffers of values that are never alive together are one buffer: three blocks need no more than two do, give
// or take a tensor.
TEST(FrozenProgram, ReusesBuffers) {
  const auto bytes_of_a_chain = [](int layers) {
    Graph graph("chain");
    graph.add("input", Input{{16, 16, 16}}, std::vector<NodeId>{});
    for (int i = 0; i < layers; ++i) {
      graph.add("conv" + std::to_string(i),
                Conv2D{.filters = 16, .kernel = {3, 3}, .padding = Padding::same()}, i);
    }
    FrozenProgram program(graph, reference::random_parameters(graph, 1), {graph.output()}, {});
    return program.activation_bytes();
  };
  EXPECT_EQ(bytes_of_a_chain(4), bytes_of_a_chain(12));
}

// What the outputs do not need is not computed, so it takes over no padding.
TEST(FrozenProgram, LeavesPaddingToItsOnlyReaderThatIsNeeded) {
  Case branches{.name = "branches", .graph = Graph("branches"), .batch = 2};
  branches.graph.add("input", Input{{6, 6, 8}}, std::vector<NodeId>{});
  const auto pad = branches.graph.add("pad", ZeroPadding2D{.top = 1, .bottom = 1, .left = 1, .right = 1}, 0);
  const auto pool = branches.graph.add("pool", MaxPooling2D{.pool = {3, 3}, .strides = {1, 1}}, pad);
  const auto conv = branches.graph.add("conv", Conv2D{.filters = 8, .kernel = {3, 3}}, pad);
  branches.graph.add("cat", Concatenate{}, std::vector<NodeId>{pool, conv});
  const Fixture fixture(branches);
  for (const NodeId output : {pool, conv, branches.graph.output()}) {
    FrozenProgram program(fixture.graph, fixture.parameters, {output}, {.batch = fixture.batch});
    const auto values = test::run_frozen(program, fixture.graph, std::span(&fixture.input, 1), {output});
    EXPECT_TRUE(test::elements_close(values[0], fixture.value(output), test::kF32)) << output;
  }
}

TEST(FrozenProgram, RefusesWhatItCannotRun) {
  const Fixture fixture({.name = "head", .graph = head_graph()});
  EXPECT_THROW(FrozenProgram(fixture.graph, Parameters{}, {2}, {.batch = 2}), Error);
  FrozenProgram program(fixture.graph, fixture.parameters, {2}, {.batch = 2});
  EXPECT_THROW(program.run(fixture.input.data(), {}), Error);
  const auto refuses = [&](std::vector<NodeId> outputs, const FrozenProgram::Options& options) {
    return test::message_of([&] { FrozenProgram(fixture.graph, fixture.parameters, outputs, options); });
  };
  EXPECT_THAT(refuses({2}, {.batch = 0}), testing::HasSubstr("a batch of at least 1; received 0"));
  EXPECT_THAT(refuses({99}, {}), testing::HasSubstr("received node 99"));
  EXPECT_THAT(refuses({-1}, {}), testing::HasSubstr("received node -1"));
  EXPECT_THAT(refuses({2}, {.sources = {99}}), testing::HasSubstr("received node 99"));
  EXPECT_THAT(refuses({1}, {.sources = {2}}), testing::HasSubstr("expected sources that"));
  EXPECT_THROW(FrozenProgram(Graph(), Parameters{}, {0}, {}), Error);
  EXPECT_THROW(SlicedProgram(fixture.graph, fixture.parameters, {2}, {.batch = 0}), Error);
}

TEST(FrozenProgram, RefusesLogitsWhereAnotherNodeReadsTheProbabilities) {
  Graph graph("read");
  graph.add("input", Input{{6}}, std::vector<NodeId>{});
  const auto output =
      graph.add("probabilities", Dense{.units = 3, .activation = {Activation::Kind::softmax}}, 0);
  const auto later = graph.add("later", Dense{.units = 2}, output);
  graph.set_output(output);
  const auto parameters = reference::random_parameters(graph, 1);
  EXPECT_NO_THROW(FrozenProgram(graph, parameters, {output}, {.logits = true}));
  EXPECT_NO_THROW(FrozenProgram(graph, parameters, {output, later}, {}));
  EXPECT_THROW(FrozenProgram(graph, parameters, {later}, {.logits = true}), Error);
}

TEST(FrozenProgram, RefusesParametersOfOtherShapes) {
  const Fixture fixture({.name = "head", .graph = head_graph()});
  for (const auto& [name, tensor] : fixture.parameters) {
    Parameters wrong = fixture.parameters;
    wrong.at(name) = Tensor({1});
    EXPECT_THAT(test::message_of([&] { FrozenProgram(fixture.graph, wrong, {2}, {}); }),
                testing::HasSubstr(name + " has shape (1)"));
    FrozenProgram program(fixture.graph, fixture.parameters, {2}, {});
    EXPECT_THROW(program.refresh(wrong), Error) << name;
    EXPECT_THROW(measure_ranges(fixture.graph, wrong, {2}, fixture.input), Error) << name;
    EXPECT_NO_THROW(FrozenProgram(fixture.graph, wrong, {2}, {.sources = {2}})) << name;
  }
  for (const Shape& shape : {Shape{}, Shape{6}, Shape{2, 7}, Shape{2, 6, 1}}) {
    EXPECT_THROW(measure_ranges(fixture.graph, fixture.parameters, {2}, Tensor(shape)), Error);
  }
}

TEST(FrozenProgram, SharesWeightsWithItsLikeOnly) {
  const Fixture fixture({.name = "head", .graph = head_graph()});
  const FrozenProgram lender(fixture.graph, fixture.parameters, {2}, {});
  EXPECT_NO_THROW(FrozenProgram(fixture.graph, fixture.parameters, {2}, {.weights_of = &lender}));
  EXPECT_THROW(FrozenProgram(fixture.graph, fixture.parameters, {2}, {.batch = 2, .weights_of = &lender}),
               Error);
  EXPECT_THROW(FrozenProgram(fixture.graph, fixture.parameters, {1}, {.weights_of = &lender}), Error);
}

}  // namespace
}  // namespace headstart
