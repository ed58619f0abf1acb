// Update rules step by step against references in double precision and hand-computed first steps.
#include "headstart/optimizer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/error.h"
#include "headstart/model.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

constexpr std::size_t kCount = 37;  // no multiple of a vector's width
constexpr int kSteps = 25;

Tensor random_tensor(const Shape& shape, std::uint64_t key) {
  Random random(11, RandomPurpose::test, key);
  Tensor tensor(shape);
  for (float& value : tensor.values()) {
    value = random.normal();
  }
  return tensor;
}

Parameters single(const Shape& shape, std::uint64_t key) {
  Parameters parameters;
  parameters.insert("dense/kernel", random_tensor(shape, key));
  return parameters;
}

// One value's state and its update, written from the formulas of Keras's documentation.
struct Cell {
  double w = 0, v = 0, m = 0, s = 0;
};
using Rule = std::function<void(Cell&, double gradient, int t)>;

void expect_trajectory(const OptimizerOptions& options, const Rule& rule) {
  Parameters parameters = single({static_cast<std::int64_t>(kCount), 1}, 0);
  Optimizer optimizer(options, parameters);
  std::vector<Cell> cells(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    cells[i].w = static_cast<double>(parameters.at("dense/kernel").values()[i]);
  }
  for (int t = 1; t <= kSteps; ++t) {
    Parameters gradients = single({static_cast<std::int64_t>(kCount), 1}, static_cast<std::uint64_t>(t));
    std::vector<float> expected;
    for (std::size_t i = 0; i < kCount; ++i) {
      rule(cells[i], static_cast<double>(gradients.at("dense/kernel").values()[i]), t);
      expected.push_back(static_cast<float>(cells[i].w));
    }
    optimizer.step(parameters, gradients);
    // f32 rounding of 25 steps on values of about 1.
    ASSERT_TRUE(
        test::all_close(parameters.at("dense/kernel").values(), expected, {.atol = 5e-6, .rtol = 2e-6}))
        << "step " << t;
  }
  EXPECT_EQ(optimizer.iterations(), kSteps);
}

TEST(Optimizer, DefaultsAreThoseOfKeras) {
  EXPECT_DOUBLE_EQ(resolve({.kind = OptimizerKind::sgd}).learning_rate, 0.01);
  EXPECT_DOUBLE_EQ(resolve({.kind = OptimizerKind::rmsprop}).learning_rate, 0.001);
  EXPECT_DOUBLE_EQ(resolve({.kind = OptimizerKind::adam}).learning_rate, 0.001);
  EXPECT_DOUBLE_EQ(resolve({.kind = OptimizerKind::adamw}).weight_decay, 0.004);
  EXPECT_DOUBLE_EQ(resolve({.kind = OptimizerKind::adam}).weight_decay, 0.0);
  const OptimizerOptions automatic = resolve(OptimizerOptions{});
  EXPECT_EQ(automatic.kind, OptimizerKind::adamw);
  EXPECT_DOUBLE_EQ(automatic.weight_decay, 1.0);
  const OptimizerOptions options = resolve({.kind = OptimizerKind::adam});
  EXPECT_DOUBLE_EQ(options.rho, 0.9);
  EXPECT_DOUBLE_EQ(options.beta_1, 0.9);
  EXPECT_DOUBLE_EQ(options.beta_2, 0.999);
  EXPECT_DOUBLE_EQ(options.epsilon, 1e-7);
}

TEST(Optimizer, Sgd) {
  expect_trajectory({.kind = OptimizerKind::sgd}, [](Cell& c, double g, int) { c.w -= 0.01 * g; });
}

TEST(Optimizer, SgdWithMomentum) {
  expect_trajectory({.kind = OptimizerKind::sgd, .momentum = 0.9}, [](Cell& c, double g, int) {
    c.v = 0.9 * c.v - 0.01 * g;
    c.w += c.v;
  });
}

TEST(Optimizer, SgdWithNesterovMomentumAndDecay) {
  expect_trajectory(
      {.kind = OptimizerKind::sgd, .learning_rate = 0.05, .momentum = 0.8, .nesterov = true, .decay = 0.1},
      [](Cell& c, double g, int t) {
        const double rate = 0.05 / (1.0 + 0.1 * (t - 1));
        c.v = 0.8 * c.v - rate * g;
        c.w += 0.8 * c.v - rate * g;
      });
}

TEST(Optimizer, Rmsprop) {
  expect_trajectory({.kind = OptimizerKind::rmsprop}, [](Cell& c, double g, int) {
    c.s = 0.9 * c.s + 0.1 * g * g;
    c.w -= 0.001 * g / (std::sqrt(c.s) + 1e-7);
  });
}

TEST(Optimizer, RmspropWithMomentum) {
  expect_trajectory({.kind = OptimizerKind::rmsprop, .momentum = 0.5, .rho = 0.95},
                    [](Cell& c, double g, int) {
                      c.s = 0.95 * c.s + 0.05 * g * g;
                      c.v = 0.5 * c.v + 0.001 * g / (std::sqrt(c.s) + 1e-7);
                      c.w -= c.v;
                    });
}

void adam(Cell& c, double g, int t) {
  c.m = 0.9 * c.m + 0.1 * g;
  c.s = 0.999 * c.s + 0.001 * g * g;
  c.w -=
      0.001 * std::sqrt(1.0 - std::pow(0.999, t)) / (1.0 - std::pow(0.9, t)) * c.m / (std::sqrt(c.s) + 1e-7);
}

TEST(Optimizer, Adam) { expect_trajectory({.kind = OptimizerKind::adam}, adam); }

TEST(Optimizer, Adamw) {
  expect_trajectory({.kind = OptimizerKind::adamw, .weight_decay = 0.1}, [](Cell& c, double g, int t) {
    c.w -= 0.001 * 0.1 * c.w;
    adam(c, g, t);
  });
}

TEST(Optimizer, FirstStepsByHand) {
  // Adam's first step is rate * sign(g): m / sqrt(s) = g / |g| after both corrections.
  Parameters parameters, gradients;
  parameters.insert("bias", Tensor({2}, std::vector<float>{1.0F, -1.0F}));
  gradients.insert("bias", Tensor({2}, std::vector<float>{0.5F, -20.0F}));
  Optimizer({.kind = OptimizerKind::adam, .learning_rate = 0.1}, parameters).step(parameters, gradients);
  EXPECT_TRUE(
      test::all_close(parameters.at("bias").values(), std::vector<float>{0.9F, -0.9F}, {.atol = 1e-5}));
  // RMSprop's is rate * sign(g) / sqrt(0.1).
  Optimizer({.kind = OptimizerKind::rmsprop, .learning_rate = 0.1}, parameters).step(parameters, gradients);
  const float moved = 0.1F / std::sqrt(0.1F);
  EXPECT_TRUE(test::all_close(parameters.at("bias").values(), std::vector<float>{0.9F - moved, -0.9F + moved},
                              {.atol = 1e-5}));
}

TEST(Optimizer, WeightDecayLeavesBiasesAlone) {
  Parameters parameters, gradients;
  parameters.insert("bias", Tensor({2}, std::vector<float>{1.0F, 1.0F}));
  parameters.insert("kernel", Tensor({2, 1}, std::vector<float>{1.0F, 1.0F}));
  gradients.insert("bias", Tensor({2}));
  gradients.insert("kernel", Tensor({2, 1}));
  Optimizer({.kind = OptimizerKind::sgd, .learning_rate = 0.5, .weight_decay = 0.5}, parameters)
      .step(parameters, gradients);
  EXPECT_EQ(parameters.at("bias")[0], 1.0F);
  EXPECT_EQ(parameters.at("kernel")[0], 0.75F);
}

TEST(Optimizer, ClipsTheGlobalNorm) {
  Parameters parameters, gradients;
  parameters.insert("a", Tensor({1}));
  parameters.insert("b", Tensor({1}));
  gradients.insert("a", Tensor({1}, std::vector<float>{3.0F}));
  gradients.insert("b", Tensor({1}, std::vector<float>{4.0F}));
  Optimizer({.kind = OptimizerKind::sgd, .learning_rate = 1.0, .clip_norm = 1.0}, parameters)
      .step(parameters, gradients);
  EXPECT_FLOAT_EQ(parameters.at("a")[0], -0.6F);
  EXPECT_FLOAT_EQ(parameters.at("b")[0], -0.8F);
}

// Large enough to be split over threads.
TEST(Optimizer, RestoredStateGoesOnExactly) {
  for (const OptimizerKind kind :
       {OptimizerKind::sgd, OptimizerKind::rmsprop, OptimizerKind::adam, OptimizerKind::adamw}) {
    const OptimizerOptions options{
        .kind = kind, .momentum = kind == OptimizerKind::sgd ? 0.9 : 0.0, .decay = 0.01};
    const Shape shape{700, 100};
    Parameters whole = single(shape, 0), broken = single(shape, 0);
    Optimizer first(options, whole), before(options, broken);
    for (std::uint64_t t = 1; t <= 6; ++t) {
      Parameters gradients = single(shape, t);
      first.step(whole, gradients);
      if (t <= 3) {
        before.step(broken, gradients);
      }
    }
    Optimizer after(options, broken);
    after.restore(before.state(), before.iterations());
    for (std::uint64_t t = 4; t <= 6; ++t) {
      Parameters gradients = single(shape, t);
      after.step(broken, gradients);
    }
    EXPECT_TRUE(test::all_close(whole.at("dense/kernel").values(), broken.at("dense/kernel").values(), {}))
        << to_string(kind);
  }
}

TEST(Optimizer, RefusesBadOptions) {
  EXPECT_THROW(resolve({.learning_rate = -1.0}), Error);
  EXPECT_THROW(resolve({.learning_rate = std::nan("")}), Error);
  EXPECT_THROW(resolve({.kind = OptimizerKind::sgd, .momentum = 1.0}), Error);
  EXPECT_THROW(resolve({.kind = OptimizerKind::adam, .nesterov = true}), Error);
  EXPECT_THROW(optimizer_from("adma"), Error);
  Parameters parameters = single({2, 2}, 0), gradients = single({2, 3}, 1);
  EXPECT_THROW(Optimizer({}, parameters).step(parameters, gradients), Error);
  EXPECT_THROW(Optimizer({}, parameters).restore(Parameters{}, 1), Error);
}

TEST(Optimizer, RefusesWhatIsNotTrainedOrHasAnotherSize) {
  for (const OptimizerKind kind :
       {OptimizerKind::sgd, OptimizerKind::rmsprop, OptimizerKind::adam, OptimizerKind::adamw}) {
    Parameters small = single({2, 2}, 0), large = single({40, 20}, 1), gradients = single({40, 20}, 2);
    EXPECT_THROW(Optimizer({.kind = kind}, small).step(large, gradients), Error) << to_string(kind);
    EXPECT_THROW(Optimizer({.kind = kind}, Parameters{}).step(large, gradients), Error) << to_string(kind);
  }
}

TEST(Optimizer, WeightDecayLeavesTablesOfPositionsAlone) {
  Graph graph;
  graph.add("input", Input{{4, 4, 12}}, std::vector<NodeId>{});
  graph.add("windows", WindowAttention{.heads = 2, .window = 2}, 0);
  graph.add("tokens", Reshape{.shape = {16, 4}}, 1);
  graph.add("token", ClassToken{}, 2);
  graph.add("position", PositionEmbedding{}, 3);
  graph.add("dense", Dense{.units = 2}, 4);
  Parameters parameters = initialize(graph, 1), gradients;
  for (auto& [name, tensor] : parameters) {
    std::ranges::fill(tensor.values(), 1.0F);
    gradients.insert(name, Tensor(tensor.shape()));
  }
  Optimizer({.kind = OptimizerKind::adamw, .learning_rate = 0.1, .weight_decay = 1.0}, parameters)
      .step(parameters, gradients);
  for (const auto& [name, tensor] : parameters) {
    EXPECT_FLOAT_EQ(tensor[0], name == "dense/kernel" ? 0.9F : 1.0F) << name;
  }
}

}  // namespace
}  // namespace headstart
