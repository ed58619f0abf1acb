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

Trained trained(const OptimizerOptions& options, bool factored, int threads = 0) {
  set_engine_threads(threads);
  const Graph graph = wide_head();
  Trained result{.parameters = initialize(graph, 3), .logits = {}};
  TrainingProgram program(graph, result.parameters, {.batch = kBatch, .factored = factored});
  EXPECT_EQ(program.factored_gradients().size(), factored ? 1U : 0U);
  EXPECT_EQ(program.trainable().size(), 6U);
  EXPECT_EQ(program.gradients().size(), factored ? 5U : 6U);
  Optimizer optimizer(options, result.parameters);
  const Tensor diff = reference::random_tensor({kBatch}, 9);
  for (std::uint64_t step = 0; step < 4; ++step) {
    const Tensor images = reference::random_tensor({kBatch, 400}, 20 + step);
    const float* boundary = images.data();
    const auto logits = program.forward({&boundary, 1}, step).values();
    result.logits.assign(logits.begin(), logits.end());
    program.backward(diff.data());
    optimizer.step(result.parameters, program.gradients(), 1.0, program.factored_gradients());
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
    const Trained whole = trained(options, false), factored = trained(options, true);
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
  const Trained one = trained(options, true, 1), two = trained(options, true, 2);
  for (const auto& [name, parameter] : one.parameters) {
    EXPECT_TRUE(test::all_close(two.parameters.at(name).values(), parameter.values(), {})) << name;
  }
}

TEST(OuterProduct, IsNotForClippedGradients) {
  EXPECT_THROW(trained({.kind = OptimizerKind::sgd, .clip_norm = 1.0}, true), Error);
  set_engine_threads(0);
}

TEST(OuterProduct, IsNotForManyRows) {
  const Graph graph = wide_head();
  Parameters parameters = initialize(graph, 3);
  const TrainingProgram program(graph, parameters, {.batch = 128, .factored = true});
  EXPECT_TRUE(program.factored_gradients().empty());
  EXPECT_EQ(program.gradients().size(), 6U);
}

}  // namespace
}  // namespace headstart
