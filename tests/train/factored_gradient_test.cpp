// Gradients of wide dense kernels as outer products: the program that leaves them so, and the optimizer that
// takes them, against the whole gradients.
#include <vector>

#include <gtest/gtest.h>

#include "headstart/engine.h"
#include "headstart/error.h"
#include "headstart/head.h"
#include "headstart/model.h"
#include "headstart/optimizer.h"
#include "reference/cases.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

// 400 features to 200, 200 and 1: the first two kernels differ in whether they are wide.
Graph wide_head() {
  Graph features("features");
  features.add("input_1", Input{.shape = {400}}, std::vector<NodeId>{});
  return attach_head(features, {.head = "dense:200:relu,dense:20:tanh,dense"});
}

constexpr int kBatch = 12;

struct Trained {
  Parameters parameters;
  std::vector<float> logits;
};

enum class Gradients { whole, factored, factored_with_next };

Trained trained(const OptimizerOptions& options, Gradients gradients, int threads = 0) {
  set_engine_threads(threads);
  const bool factored = gradients != Gradients::whole;
  const Graph graph = wide_head();
  Trained result{.parameters = initialize(graph, 3), .logits = {}};
  TrainingProgram program(graph, result.parameters, {.batch = kBatch, .factored = factored});
  EXPECT_EQ(program.factored_gradients().size(), factored ? 1U : 0U);
  EXPECT_EQ(program.takes_next(), factored);
  EXPECT_EQ(program.trainable().size(), 6U);
  EXPECT_EQ(program.gradients().size(), factored ? 5U : 6U);
  Optimizer optimizer(options, result.parameters);
  const Tensor diff = reference::random_tensor({kBatch}, 9);
  std::vector<Tensor> batches;
  for (std::uint64_t step = 0; step < 4; ++step) {
    batches.push_back(reference::random_tensor({kBatch, 400}, 20 + step));
  }
  for (std::size_t step = 0; step < batches.size(); ++step) {
    const float* boundary = batches[step].data();
    const auto logits = program.forward({&boundary, 1}, step).values();
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    program.backward(diff.data());
    const bool has_next = gradients == Gradients::factored_with_next && step + 1 < batches.size();
    const float* next = has_next ? batches[step + 1].data() : nullptr;
    optimizer.step(result.parameters, program.gradients(), 1.0,
                   program.factored_gradients({&next, has_next ? 1U : 0U}));
  }
  set_engine_threads(0);
  return result;
}

TEST(OuterProduct, TrainsAsTheWholeGradientDoes) {
  for (const OptimizerOptions& options :
       {OptimizerOptions{.kind = OptimizerKind::sgd},
        OptimizerOptions{.kind = OptimizerKind::sgd, .momentum = 0.9},
        OptimizerOptions{.kind = OptimizerKind::rmsprop},
        OptimizerOptions{.kind = OptimizerKind::rmsprop, .momentum = 0.5},
        OptimizerOptions{.kind = OptimizerKind::adam},
        OptimizerOptions{.kind = OptimizerKind::adamw, .weight_decay = 0.5}}) {
    const Trained whole = trained(options, Gradients::whole),
                  factored = trained(options, Gradients::factored);
    for (const auto& [name, parameter] : whole.parameters) {
      // Adam's first steps divide g by |g|: where g cancels to almost nothing its rounding is what is left.
      EXPECT_TRUE(test::all_close(factored.parameters.at(name).values(), parameter.values(),
                                  {.atol = 2e-4, .rtol = 1e-5}))
          << to_string(options.kind) << " " << name;
    }
    EXPECT_TRUE(test::all_close(factored.logits, whole.logits, {.atol = 1e-3, .rtol = 1e-4}));
  }
}

TEST(OuterProduct, TrainsToTheSameBytesWithAnyThreads) {
  const OptimizerOptions options{.kind = OptimizerKind::adamw};
  const Trained one = trained(options, Gradients::factored_with_next, 1),
                two = trained(options, Gradients::factored_with_next, 2);
  for (const auto& [name, parameter] : one.parameters) {
    EXPECT_TRUE(test::all_close(two.parameters.at(name).values(), parameter.values(), {})) << name;
  }
}

// Products that are summed while the kernel is updated are those that the layer computes.
TEST(OuterProduct, TrainsToTheSameBytesWithTheNextBatch) {
  const OptimizerOptions options{.kind = OptimizerKind::rmsprop};
  const Trained without = trained(options, Gradients::factored),
                with = trained(options, Gradients::factored_with_next);
  for (const auto& [name, parameter] : without.parameters) {
    EXPECT_TRUE(test::all_close(with.parameters.at(name).values(), parameter.values(), {})) << name;
  }
  EXPECT_TRUE(test::all_close(with.logits, without.logits, {}));
}

// What was summed is of one forward pass and its batch.
TEST(OuterProduct, OfAnotherNextBatchIsNotTaken) {
  const Graph graph = wide_head();
  Parameters parameters = initialize(graph, 3);
  TrainingProgram program(graph, parameters, {.batch = kBatch, .factored = true});
  Optimizer optimizer({.kind = OptimizerKind::sgd, .learning_rate = 0.1}, parameters);
  const Tensor first = reference::random_tensor({kBatch, 400}, 1),
               expected = reference::random_tensor({kBatch, 400}, 2),
               other = reference::random_tensor({kBatch, 400}, 3);
  const Tensor diff = reference::random_tensor({kBatch}, 9);
  const auto forward = [&](TrainingProgram& of, const Tensor& images) {
    const float* boundary = images.data();
    const auto logits = of.forward({&boundary, 1}, 0).values();
    return std::vector<float>(logits.begin(), logits.end());
  };
  forward(program, first);
  program.backward(diff.data());
  const float* next = expected.data();
  optimizer.step(parameters, program.gradients(), 1.0, program.factored_gradients({&next, 1}));
  TrainingProgram fresh(graph, parameters, {.batch = kBatch, .factored = true});
  EXPECT_EQ(forward(program, other), forward(fresh, other));
  EXPECT_EQ(forward(program, expected), forward(fresh, expected));
}

TEST(OuterProduct, OfTooManyNextTensorsIsRefused) {
  const Graph graph = wide_head();
  Parameters parameters = initialize(graph, 3);
  TrainingProgram program(graph, parameters, {.batch = kBatch, .factored = true});
  const Tensor images = reference::random_tensor({kBatch, 400}, 1);
  const std::vector<const float*> next(2, images.data());
  EXPECT_THROW(program.factored_gradients(next), Error);
}

TEST(OuterProduct, IsNotForClippedGradients) {
  EXPECT_THROW(trained({.kind = OptimizerKind::sgd, .clip_norm = 1.0}, Gradients::factored), Error);
  set_engine_threads(0);
}

TEST(OuterProduct, OfTooManyRowsIsRefused) {
  Parameters parameters, none;
  parameters.insert("kernel", Tensor(Shape{4, 3}));
  Optimizer optimizer({.kind = OptimizerKind::sgd}, parameters);
  const Tensor source({65, 4}), diff({65, 3});
  const OuterProduct product{.parameter = "kernel",
                             .source = source.data(),
                             .diff = diff.data(),
                             .rows = 65,
                             .inputs = 4,
                             .outputs = 3};
  EXPECT_THROW(optimizer.step(parameters, none, 1.0, {&product, 1}), Error);
}

TEST(OuterProduct, IsNotForManyRows) {
  const Graph graph = wide_head();
  Parameters parameters = initialize(graph, 3);
  TrainingProgram program(graph, parameters, {.batch = 128, .factored = true});
  EXPECT_TRUE(program.factored_gradients().empty());
  EXPECT_EQ(program.gradients().size(), 6U);
}

}  // namespace
}  // namespace headstart
