// The cost plan's arithmetic, and that its measurements are of this machine's order of magnitude.
#include "headstart/plan.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "support/temporary_folder.h"
#include "tiny.h"

namespace headstart {
namespace {

TEST(Plan, ReadsAndWritesDurations) {
  EXPECT_DOUBLE_EQ(seconds_from("90"), 90.0);
  EXPECT_DOUBLE_EQ(seconds_from("1.5m"), 90.0);
  EXPECT_DOUBLE_EQ(seconds_from("1h30m"), 5400.0);
  for (const char* wrong : {"", "0", "m", "5x", "-3s", "1h-2m", "nan"}) {
    EXPECT_THROW(seconds_from(wrong), Error) << wrong;
  }
  EXPECT_EQ(duration_text(4.24), "4.2 s");
  EXPECT_EQ(duration_text(200.0), "3 min 20 s");
  EXPECT_EQ(duration_text(7500.0), "2 h 5 min");
}

TEST(Plan, BudgetTakesTheMostThatFits) {
  const std::vector<PlanRow> plan{
      {.fine_tune_from = "",
       .cached = true,
       .seconds_features = 10,
       .seconds_per_epoch = 1,
       .seconds_total = 40},
      {.fine_tune_from = "", .cached = false, .seconds_per_epoch = 11, .seconds_total = 330},
      {.fine_tune_from = "b5", .cached = true, .seconds_features = 20, .seconds_total = 100},
      {.fine_tune_from = "b5", .cached = false, .seconds_total = 90},
      {.fine_tune_from = "base", .cached = false, .seconds_total = 1000}};
  TrainOptions options;
  options.head.epochs = 30;
  EXPECT_EQ(fit_budget(plan, options, 2000)->fine_tune_from, "base");
  EXPECT_EQ(fit_budget(plan, options, 150)->fine_tune_from, "b5");
  EXPECT_EQ(fit_budget(plan, options, 150)->cache, CacheMode::off);
  EXPECT_EQ(fit_budget(plan, options, 50)->fine_tune_from, "");
  EXPECT_EQ(fit_budget(plan, options, 50)->head.epochs, 30);
  EXPECT_EQ(fit_budget(plan, options, 15)->head.epochs, 5);
  EXPECT_FALSE(fit_budget(plan, options, 10.5).has_value());
}

TEST(Plan, MeasuresEveryCutOfARealNetwork) {
  const test::TemporaryFolder folder;
  test::write_tiny_images(folder.path(), 40, 4, 1);
  const auto data = read_dataset(folder.path().string());
  TrainOptions options;
  options.fine_tune_from = "tiny/block3_conv";
  const auto plan = plan_costs(test::tiny_model({.classes = 4}), data, options);
  ASSERT_EQ(plan.size(), 5U);  // head and block 3 with and without a cache, everything
  EXPECT_EQ(plan[2].fine_tune_from, "tiny/block3_conv");
  EXPECT_EQ(plan[4].fine_tune_from, "tiny");
  EXPECT_EQ(plan[0].disk_bytes, 40 * 12 * 4);  // what global pooling leaves
  EXPECT_EQ(plan[4].disk_bytes, 0);
  for (const PlanRow& row : plan) {
    EXPECT_GT(row.seconds_per_epoch, 0.0);
    EXPECT_LT(row.seconds_per_epoch, 10.0);
    EXPECT_GT(row.seconds_total, row.seconds_per_epoch);
    EXPECT_GT(row.memory_bytes, 4 * 1000);
  }
  EXPECT_GT(plan[1].seconds_per_epoch, plan[0].seconds_per_epoch);
  EXPECT_GE(plan[4].memory_bytes, plan[0].memory_bytes);
  options.fine_tune_from = "tiny/block3_conv,tiny";  // two stages
  const auto gradual = plan_costs(test::tiny_model({.classes = 4}), data, options);
  ASSERT_EQ(gradual.size(), 5U);
  EXPECT_EQ(gradual[2].fine_tune_from, options.fine_tune_from);
  EXPECT_TRUE(gradual[2].cached);
  EXPECT_FALSE(gradual[3].cached);
  EXPECT_EQ(gradual[2].disk_bytes, plan[2].disk_bytes);
  EXPECT_EQ(fit_budget(gradual, options, 1e9)->fine_tune_from, "tiny");
}

}  // namespace
}  // namespace headstart
