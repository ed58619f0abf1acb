// Schedules at the points where their value is known.
#include <cmath>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/optimizer.h"
#include "support/error_message.h"

namespace headstart {
namespace {

double factor(const std::string& text, std::int64_t step) {
  return schedule_factor(schedule_from(text), {.step = step, .steps_per_epoch = 10, .total_steps = 100});
}

TEST(Schedule, Constant) {
  EXPECT_DOUBLE_EQ(factor("constant", 0), 1.0);
  EXPECT_DOUBLE_EQ(factor("constant", 99), 1.0);
}

TEST(Schedule, Cosine) {
  EXPECT_DOUBLE_EQ(factor("cosine", 0), 1.0);
  EXPECT_NEAR(factor("cosine", 50), 0.5, 1e-12);
  EXPECT_NEAR(factor("cosine", 100), 0.0, 1e-12);
  EXPECT_GT(factor("cosine", 99), 0.0);
}

TEST(Schedule, WarmupRisesThenTheCurveBegins) {
  EXPECT_DOUBLE_EQ(factor("cosine,warmup:0.1", 0), 0.1);
  EXPECT_DOUBLE_EQ(factor("cosine,warmup:0.1", 9), 1.0);
  EXPECT_DOUBLE_EQ(factor("cosine,warmup:0.1", 10), 1.0);
  EXPECT_NEAR(factor("cosine,warmup:0.1", 55), 0.5, 1e-12);
}

TEST(Schedule, StepAndExponential) {
  EXPECT_DOUBLE_EQ(factor("step:2:0.5", 19), 1.0);
  EXPECT_DOUBLE_EQ(factor("step:2:0.5", 20), 0.5);
  EXPECT_DOUBLE_EQ(factor("step:2:0.5", 99), 0.0625);
  EXPECT_DOUBLE_EQ(factor("exponential:1:0.5", 25), 0.25);
}

TEST(Schedule, OneCycle) {
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=100)
  for (const auto& [step, expected] : std::vector<std::pair<int, double>>{{0, 0.04},
                                                                          {1, 0.0428137805659},
                                                                          {15, 0.545986676121},
                                                                          {28, 0.997186219434},
                                                                          {29, 1},
                                                                          {30, 0.999496535285},
                                                                          {60, 0.589280090286},
                                                                          {98, 0.000507464715476},
                                                                          {99, 4e-06}}) {
    EXPECT_NEAR(factor("one-cycle", step), expected, 1e-9) << step;
  }
  EXPECT_THROW(schedule_from("one-cycle,warmup:0.1"), Error);
}

TEST(Schedule, TextGoesRound) {
  for (const char* text : {"auto", "constant", "cosine", "cosine,warmup:0.05", "step:3:0.2",
                           "exponential:1:0.9", "one-cycle", "plateau:4:0.5"}) {
    EXPECT_EQ(to_string(schedule_from(text)), text);
  }
}

TEST(Schedule, PlateausAreCounted) {
  const Schedule schedule = schedule_from("plateau:3:0.5");
  EXPECT_EQ(schedule.every, 3);
  EXPECT_DOUBLE_EQ(schedule_factor(schedule, {.step = 90, .total_steps = 100}), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor(schedule, {.step = 90, .total_steps = 100, .plateaus = 2}), 0.25);
}

TEST(Schedule, AutomaticFollowsTheOptimizer) {
  EXPECT_EQ(to_string(resolve(Schedule{}, OptimizerKind::automatic)), "cosine");
  EXPECT_EQ(to_string(resolve(Schedule{}, OptimizerKind::rmsprop)), "constant");
  EXPECT_EQ(to_string(resolve(schedule_from("one-cycle"), OptimizerKind::automatic)), "one-cycle");
}

TEST(Schedule, RefusesNonsense) {
  for (const char* text : {"", "cosin", "cosine:3", "step:0", "step:x", "step:2:-1", "step:2:0.5:3",
                           "cosine,warmup:1", "cosine,warm:0.1", "cosine,", "step:nan", "range-test"}) {
    EXPECT_THROW(schedule_from(text), Error) << text;
  }
  EXPECT_EQ(test::message_of([] { schedule_from("rang"); }).find("range-test"), std::string::npos);
  using Kind = Schedule::Kind;
  const double nan = std::nan("");
  for (const Schedule& wrong :
       {Schedule{.kind = Kind::step, .every = 0}, Schedule{.kind = Kind::exponential, .every = -1},
        Schedule{.kind = Kind::plateau, .every = 0}, Schedule{.kind = Kind::step, .gamma = -1.0},
        Schedule{.kind = Kind::step, .gamma = nan}, Schedule{.kind = Kind::cosine, .warmup = 2.0},
        Schedule{.kind = Kind::cosine, .warmup = nan}, Schedule{.warmup = -0.1},
        Schedule{.kind = Kind::one_cycle, .final_factor = nan}}) {
    EXPECT_THROW(resolve(wrong, OptimizerKind::sgd), Error) << to_string(wrong);
    EXPECT_THROW(schedule_factor(wrong, {}), Error) << to_string(wrong);
  }
}

}  // namespace
}  // namespace headstart
