// Programs that run parts of their forward pass again: the same bits in less memory, by running the schedules
// on symbols and the programs on values.
#include "engine/recomputation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "core/random.h"
#include "engine/program_support.h"
#include "headstart/model.h"
#include "headstart/outer_product.h"
#include "headstart/zoo.h"
#include "reference/random_graph.h"

namespace headstart {
namespace {

using reference::Case;

// A chain of steps, each with a value that its backward step reads; the values are `bytes` long.
ProgramOutline chain(int depth, std::size_t bytes) {
  ProgramOutline program;
  const auto buffer = [&] {
    program.buffers.push_back({.bytes = bytes});
    return static_cast<int>(program.buffers.size()) - 1;
  };
  std::vector<int> values{buffer()};
  program.buffers.front().in_arena = false;
  for (int i = 0; i < depth; ++i) {
    values.push_back(buffer());
    program.steps.push_back({.reads = {values[values.size() - 2]}, .writes = {values.back()}, .work = 1.0});
  }
  int diff = buffer();
  program.steps.push_back({.reads = {values.back()}, .writes = {diff}, .work = 1.0});
  for (int i = depth; i-- > 0;) {
    const int next = buffer();
    program.steps.push_back(
        {.reads = {values[static_cast<std::size_t>(i)], diff}, .writes = {next}, .work = 2.0});
    diff = next;
  }
  return program;
}

// What a buffer holds as a number that depends on all that went into it; a place in the arena holds what was
// written there last.
class SymbolicRun {
 public:
  SymbolicRun(const ProgramOutline& program, const RecomputationPlan& plan)
      : program_(program),
        plan_(plan),
        content_(program.buffers.size(), 1),
        runs_(program.steps.size(), 0),
        results_(program.steps.size(), 0) {}

  void run() {
    for (const int step : plan_.schedule) {
      execute(step);
    }
  }

  // Of every step what it computed, which is the same at every run.
  const std::vector<std::uint64_t>& results() const { return results_; }
  const std::vector<int>& runs() const { return runs_; }

 private:
  void execute(int index) {
    const auto i = static_cast<std::size_t>(index);
    const auto& step = program_.steps[i];
    std::uint64_t result = i + 1;
    for (const int buffer : step.reads) {
      for_pages(buffer, [&](int& owner) {
        EXPECT_EQ(owner, buffer) << "step " << index << " reads a place that was overwritten";
      });
      result = (result ^ content_[static_cast<std::size_t>(buffer)]) * 0x9E3779B97F4A7C15ULL;
    }
    for (const int buffer : step.writes) {
      for_pages(buffer, [&](int& owner) { owner = buffer; });
      content_[static_cast<std::size_t>(buffer)] = result + static_cast<std::uint64_t>(buffer);
    }
    if (runs_[i]++ > 0) {
      EXPECT_EQ(results_[i], result) << "step " << index << " computes something else when it runs again";
    }
    results_[i] = result;
  }

  void for_pages(int buffer, const std::function<void(int&)>& work) {
    const auto b = static_cast<std::size_t>(buffer);
    if (program_.buffers[b].in_arena) {
      for (std::size_t at = 0; at < program_.buffers[b].bytes; at += kArenaAlignment) {
        work(owner_[(plan_.arena.offsets[b] + at) / kArenaAlignment]);
      }
    }
  }

  const ProgramOutline& program_;
  const RecomputationPlan& plan_;
  std::vector<std::uint64_t> content_;
  std::vector<int> runs_;
  std::vector<std::uint64_t> results_;
  std::map<std::size_t, int> owner_{};
};

std::vector<int> run_symbolically(const ProgramOutline& program, const RecomputationPlan& plan,
                                  const std::vector<std::uint64_t>& expected) {
  SymbolicRun run(program, plan);
  run.run();
  EXPECT_EQ(run.results(), expected);
  return run.runs();
}

std::vector<std::uint64_t> plain_results(const ProgramOutline& program, std::size_t forward_steps) {
  const auto plan = plan_recomputation(program, forward_steps, 0);
  EXPECT_EQ(plan.schedule.size(), program.steps.size());
  EXPECT_EQ(plan.share, 0.0);
  SymbolicRun run(program, plan);
  run.run();
  return run.results();
}

TEST(Recomputation, NeedsTheRootOfTheDepthForOneForwardPassMore) {
  constexpr std::int64_t kValue = 1 << 20;
  for (const int depth : {16, 64, 256}) {
    const auto program = chain(depth, kValue);
    const auto forward = static_cast<std::size_t>(depth) + 1;
    const auto plain = plain_results(program, forward);
    const auto plan = plan_recomputation(program, forward, 1);
    EXPECT_EQ(plan.unlimited_bytes, (depth + 1) * kValue);
    EXPECT_LE(static_cast<double>(plan.arena.bytes), (2.5 * std::sqrt(depth) + 4.0) * kValue) << depth;
    EXPECT_LE(plan.share, 1.0);
    for (const int runs : run_symbolically(program, plan, plain)) {
      EXPECT_LE(runs, 2);
    }
  }
}

TEST(Recomputation, RepeatsNoMoreThanTheLimitAsksFor) {
  constexpr std::int64_t kValue = 1 << 20;
  const auto program = chain(64, kValue);
  const auto smallest = plan_recomputation(program, 65, 1);
  double share = 2.0;
  for (std::int64_t limit = smallest.arena.bytes; limit <= 66 * kValue; limit += kValue) {
    const auto plan = plan_recomputation(program, 65, limit);
    EXPECT_LE(plan.arena.bytes, limit);
    EXPECT_LE(plan.share, share);
    share = plan.share;
  }
  EXPECT_EQ(share, 0.0);
  EXPECT_LT(plan_recomputation(program, 65, 40 * kValue).share, 0.6);
}

// Steps with several inputs and results, steps that only act outside of the arena, values that are computed
// from what such steps change, two steps that fill one buffer.
struct RandomProgram {
  explicit RandomProgram(std::uint64_t seed) : random(seed, RandomPurpose::test) {
    const int input = buffer(false), moving = buffer(false);
    std::vector<int> values{input};
    std::vector<ProgramOutline::Step> forward;
    for (int i = 0; i < 40; ++i) {
      ProgramOutline::Step step{.work = random.uniform(1.0F, 9.0F)};
      for (const std::size_t back : {1U, 1U + random.below(6)}) {
        step.reads.push_back(values[values.size() - std::min(back, values.size())]);
      }
      if (any(8) == 0) {
        step.reads.push_back(moving);
        step.writes = {buffer(true)};
        program.buffers.back().kept = any(2) == 0;
        values.push_back(step.writes[0]);
        forward.push_back(step);
        forward.push_back({.reads = {values.back()}, .writes = {moving}, .work = 1.0});
        continue;
      }
      for (int results = any(3) == 0 ? 2 : 1; results > 0; --results) {
        step.writes.push_back(buffer(true));
      }
      values.push_back(step.writes[0]);
      forward.push_back(step);
      if (any(8) == 0) {
        forward.push_back({.reads = {input}, .writes = {step.writes[0]}, .work = 1.0});
      }
    }
    program.steps = forward;
    forward_steps = forward.size();
    int diff = values.back();
    for (std::size_t i = forward.size(); i-- > 0;) {
      ProgramOutline::Step step{.reads = {diff}, .work = 2.0};
      for (const auto* buffers : {&forward[i].reads, &forward[i].writes}) {
        for (const int b : *buffers) {
          if (any(3) != 0 && b != moving) {
            step.reads.push_back(b);
          }
        }
      }
      diff = buffer(true);
      step.writes = {diff};
      program.steps.push_back(step);
    }
  }

  int any(std::uint32_t count) { return static_cast<int>(random.below(count)); }
  int buffer(bool in_arena) {
    const auto pages = static_cast<std::size_t>(1 + any(9));
    program.buffers.push_back({.bytes = pages * kArenaAlignment - 5, .in_arena = in_arena});
    return static_cast<int>(program.buffers.size()) - 1;
  }

  Random random;
  ProgramOutline program;
  std::size_t forward_steps = 0;
};

TEST(Recomputation, EveryStepOfRandomProgramsReadsWhatItWouldWithoutIt) {
  double saved = 0.0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RandomProgram made(seed);
    const auto& program = made.program;
    const auto plain = plain_results(program, made.forward_steps);
    const auto unlimited = plan_recomputation(program, made.forward_steps, 0).arena.bytes;
    for (const double part : {0.0, 0.4, 0.6, 0.8}) {
      const auto limit = static_cast<std::int64_t>(part * static_cast<double>(unlimited)) + 1;
      const auto plan = plan_recomputation(program, made.forward_steps, limit);
      EXPECT_LE(plan.arena.bytes, unlimited);
      EXPECT_LE(plan.share, 1.0);
      const auto runs = run_symbolically(program, plan, plain);
      for (std::size_t i = 0; i < runs.size(); ++i) {
        const auto& writes = program.steps[i].writes;
        const bool acts_outside = std::none_of(writes.begin(), writes.end(), [&](int b) {
          return program.buffers[static_cast<std::size_t>(b)].in_arena;
        });
        EXPECT_LE(runs[i], i >= made.forward_steps || acts_outside ? 1 : 2) << "seed " << seed;
      }
      saved +=
          part == 0.0 ? 1.0 - static_cast<double>(plan.arena.bytes) / static_cast<double>(unlimited) : 0.0;
    }
  }
  EXPECT_GT(saved / 200.0, 0.2);
}

// Some steps of plain gradient descent: everything that comes out of them.
struct Outcome {
  std::vector<Tensor> tensors{};
  std::int64_t bytes = 0, unlimited_bytes = 0;
  double share = 0;
  std::multiset<std::string> kinds{};  // of one step
};

Outcome run_steps(const Graph& graph, Parameters parameters, const TrainingProgram::Options& options) {
  TrainingProgram program(graph, parameters, options);
  Outcome outcome{.bytes = program.activation_bytes(),
                  .unlimited_bytes = program.unlimited_activation_bytes(),
                  .share = program.recomputed_share()};
  std::vector<Tensor> boundary;
  for (const NodeId id : program.boundary()) {
    boundary.push_back(
        reference::random_tensor(reference::with_batch(options.batch, graph.node(id).shape), 3));
  }
  std::vector<const float*> pointers;
  for (const Tensor& value : boundary) {
    pointers.push_back(value.data());
  }
  for (std::uint64_t step = 0; step < 2; ++step) {
    const Tensor logits = program.forward(pointers, step);
    outcome.tensors.push_back(logits);
    program.backward(reference::random_tensor(logits.shape(), 17 + step).data());
    for (const auto& [name, gradient] : program.gradients()) {
      outcome.tensors.push_back(gradient);
      Tensor& parameter = parameters.at(name);
      for (std::int64_t i = 0; i < gradient.size(); ++i) {
        parameter[i] -= 1e-3F * gradient[i];
      }
    }
    for (const OuterProduct& product : program.factored_gradients()) {
      for (const auto& [values, size] : {std::pair(product.source, product.rows * product.inputs),
                                         std::pair(product.diff, product.rows * product.outputs)}) {
        outcome.tensors.emplace_back(Shape{size});
        std::copy_n(values, size, outcome.tensors.back().data());
      }
    }
    for (const NodeId id : options.watch) {
      outcome.tensors.push_back(program.value_of(id));
      outcome.tensors.push_back(program.gradient_of(id));
    }
  }
  for (const auto& [name, parameter] : parameters) {
    outcome.tensors.push_back(parameter);
  }
  for (const StepReport& step : program.report(0)) {
    outcome.kinds.insert(step.kind);
  }
  return outcome;
}

// NaNs are equal when their bits are.
bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

// The plain program against those with the smallest arena and with one in between.
Outcome expect_same_bits(const Graph& graph, const Parameters& parameters, TrainingProgram::Options options) {
  options.activation_limit = 0;
  const Outcome plain = run_steps(graph, parameters, options);
  EXPECT_EQ(plain.bytes, plain.unlimited_bytes);
  EXPECT_EQ(plain.share, 0.0);
  Outcome smallest;
  for (const std::int64_t limit : {std::int64_t{1}, (plain.bytes + 1) / 2}) {
    options.activation_limit = limit;
    Outcome limited = run_steps(graph, parameters, options);
    EXPECT_EQ(limited.tensors.size(), plain.tensors.size());
    for (std::size_t i = 0; i < plain.tensors.size(); ++i) {
      EXPECT_TRUE(same_bits(plain.tensors[i], limited.tensors[i])) << "tensor " << i << ", limit " << limit;
    }
    EXPECT_LE(limited.bytes, plain.bytes);
    EXPECT_EQ(limited.unlimited_bytes, plain.bytes);
    EXPECT_LE(limited.share, 1.0);
    EXPECT_EQ(limited.kinds.count("moving statistics, again"), 0U);
    if (limit == 1) {
      smallest = std::move(limited);
    }
  }
  return smallest;
}

class RecomputationOfCase : public testing::TestWithParam<Case> {};

TEST_P(RecomputationOfCase, GivesTheSameBits) {
  const Case& which = GetParam();
  const auto parameters = reference::random_parameters(which.graph, 11);
  for (const auto mode : {BatchNormMode::frozen, BatchNormMode::training}) {
    for (const auto precision : test::floating_precisions()) {
      expect_same_bits(which.graph, parameters,
                       {.batch = which.batch, .precision = precision, .batch_norm = mode});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, RecomputationOfCase, testing::ValuesIn(reference::all_cases()),
                         test::case_name);

TEST(Recomputation, OfRandomNetworksGivesTheSameBits) {
  int less = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Graph graph = reference::random_graph(seed, {});
    graph.set_all_trainable(true);
    graph.set_trainable(graph.add("last", Conv2D{.filters = 3}, graph.output()), true);
    const auto parameters = reference::random_parameters(graph, seed);
    const auto outcome = expect_same_bits(graph, parameters, {.batch = 2});
    less += outcome.bytes < outcome.unlimited_bytes ? 1 : 0;
  }
  EXPECT_GT(less, 10);
}

// Batch renormalisation computes with moving statistics that move in the same forward pass.
TEST(Recomputation, OfBatchRenormalizationsGivesTheSameBits) {
  Graph graph("renormalized");
  graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  for (int i = 0; i < 8; ++i) {
    const auto number = std::to_string(i);
    graph.add("conv" + number, Conv2D{.filters = 8, .kernel = {3, 3}, .padding = Padding::same()},
              graph.output());
    graph.add(
        "norm" + number,
        BatchNormalization{.momentum = 0.5F, .renorm = true, .renorm_scale = 3.0F, .renorm_shift = 5.0F},
        graph.output());
  }
  const auto outcome = expect_same_bits(graph, reference::random_parameters(graph, 5), {.batch = 4});
  EXPECT_LT(outcome.bytes, outcome.unlimited_bytes);
}

struct ZooCase {
  const char* name;
  Flavour flavour = Flavour::keras;
};

void PrintTo(const ZooCase& which, std::ostream* out) { *out << which.name; }

class RecomputationOfZoo : public testing::TestWithParam<ZooCase> {
 protected:
  Graph smallest() const {
    const Architecture& row = architecture(GetParam().name, GetParam().flavour);
    return build_architecture(
        row, {.height = row.minimum_size, .width = row.minimum_size, .include_top = true, .classes = 10});
  }
};

TEST_P(RecomputationOfZoo, GivesTheSameBits) {
  const Graph graph = smallest();
  const auto parameters = initialize(graph, 1);
  for (const auto precision : test::floating_precisions()) {
    const auto outcome =
        expect_same_bits(graph, parameters, {.batch = 4, .precision = precision, .dropout_seed = 9});
    EXPECT_LT(outcome.bytes, outcome.unlimited_bytes);
  }
}

// The upper half trains; a watched node in it keeps its value, and wide dense layers the factors of their
// gradients.
TEST_P(RecomputationOfZoo, GivesTheSameBitsAboveAFrozenPart) {
  Graph graph = smallest();
  std::vector<NodeId> layers;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (!parameter_specs(graph, static_cast<NodeId>(i)).empty()) {
      layers.push_back(static_cast<NodeId>(i));
    }
  }
  graph.set_trainable_from(graph.node(layers[layers.size() / 2]).name);
  const NodeId watched = layers[layers.size() * 3 / 4];
  expect_same_bits(graph, initialize(graph, 1),
                   {.batch = 4, .dropout_seed = 9, .watch = {watched}, .factored = true});
}

INSTANTIATE_TEST_SUITE_P(Engine, RecomputationOfZoo,
                         testing::Values(ZooCase{"vgg16"}, ZooCase{"resnet50"}, ZooCase{"mobilenet_v2"},
                                         ZooCase{"densenet121"}, ZooCase{"xception"},
                                         ZooCase{"efficientnet_b0"}, ZooCase{"convnext_tiny"},
                                         ZooCase{"vit_tiny_patch16_224", Flavour::torch},
                                         ZooCase{"swin_t", Flavour::torch}),
                         [](const auto& each) { return std::string(each.param.name); });

// At sizes of practice it is the activations that fill the arena.
// 0.345 of what a step takes that keeps all it reads again.
TEST(Recomputation, OfResNet50TakesLittleMoreThanAThirdOfTheMemory) {
  const Graph graph = build_architecture(architecture("resnet50"), {.height = 128, .width = 128});
  auto parameters = initialize(graph, 1);
  const TrainingProgram smallest(graph, parameters, {.batch = 64, .activation_limit = 1});
  const auto unlimited = smallest.unlimited_activation_bytes();
  EXPECT_LT(smallest.activation_bytes(), unlimited * 7 / 20);
  EXPECT_LE(smallest.recomputed_share(), 1.0);
  const auto limit = unlimited * 2 / 3;
  const TrainingProgram fits(graph, parameters, {.batch = 64, .activation_limit = limit});
  EXPECT_LE(fits.activation_bytes(), limit);
  EXPECT_LT(fits.recomputed_share(), smallest.recomputed_share());
}

}  // namespace
}  // namespace headstart
