// Metrics on cases small enough to work out by hand.
#include "headstart/metrics.h"

#include <cmath>

#include <gtest/gtest.h>

#include "headstart/error.h"

namespace headstart {
namespace {

// Labels a a a b b c; predictions a a b b b a.
Evaluation worked_example() {
  const std::vector<float> probabilities{
      0.8F, 0.1F,  0.1F,   // a
      0.6F, 0.3F,  0.1F,   // a
      0.2F, 0.7F,  0.1F,   // a taken for b
      0.1F, 0.8F,  0.1F,   // b
      0.3F, 0.4F,  0.3F,   // b
      0.5F, 0.25F, 0.25F,  // c taken for a
  };
  return measure(Tensor({6, 3}, probabilities), {0, 0, 0, 1, 1, 2}, {"a", "b", "c"});
}

TEST(Metrics, WorkedExample) {
  const auto result = worked_example();
  EXPECT_EQ(result.images, 6);
  EXPECT_DOUBLE_EQ(result.accuracy, 4.0 / 6);
  EXPECT_DOUBLE_EQ(result.top5_accuracy, 1.0);
  EXPECT_DOUBLE_EQ(result.balanced_accuracy, (2.0 / 3 + 1.0 + 0.0) / 3);
  const double product = 0.8 * 0.6 * 0.2 * 0.8 * 0.4 * 0.25;
  EXPECT_NEAR(result.loss, -std::log(product) / 6, 1e-7);  // the probabilities are floats
  EXPECT_EQ(result.confusion, (std::vector<std::vector<std::int64_t>>{{2, 1, 0}, {0, 2, 0}, {1, 0, 0}}));
}

TEST(Metrics, PerClass) {
  const auto classes = worked_example().classes;
  EXPECT_DOUBLE_EQ(classes[0].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(classes[0].recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(classes[0].f1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(classes[1].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(classes[1].recall, 1.0);
  EXPECT_DOUBLE_EQ(classes[1].f1, 0.8);
  EXPECT_EQ(classes[2].name, "c");
  EXPECT_EQ(classes[2].precision, 0.0);
  EXPECT_EQ(classes[2].f1, 0.0);
  EXPECT_EQ(classes[2].support, 1);
}

TEST(Metrics, Top5CountsTheFiveMostProbableAndEqualsByIndex) {
  const std::vector<std::string> names{"0", "1", "2", "3", "4", "5", "6"};
  const std::vector<float> falling{0.4F, 0.2F, 0.1F, 0.1F, 0.1F, 0.05F, 0.05F};
  for (int label = 0; label < 7; ++label) {
    const auto result = measure(Tensor({1, 7}, falling), {label}, names);
    EXPECT_EQ(result.top5_accuracy, label < 5 ? 1.0 : 0.0) << label;
    EXPECT_EQ(result.accuracy, label == 0 ? 1.0 : 0.0) << label;
  }
  const auto equal = measure(Tensor({1, 7}, std::vector<float>(7, 1.0F / 7)), {5}, names);
  EXPECT_EQ(equal.top5_accuracy, 0.0);
}

TEST(Metrics, BalancedAccuracyLeavesOutAbsentClasses) {
  const auto result = measure(Tensor({2, 2}, std::vector<float>{0.9F, 0.1F, 0.9F, 0.1F}), {0, 0}, {"a", "b"});
  EXPECT_EQ(result.balanced_accuracy, 1.0);
  EXPECT_EQ(result.classes[1].recall, 0.0);
}

TEST(Metrics, LossIsClippedAsInKeras) {
  const auto result = measure(Tensor({1, 2}, std::vector<float>{1.0F, 0.0F}), {1}, {"a", "b"});
  EXPECT_DOUBLE_EQ(result.loss, -std::log(1e-7));
}

TEST(Metrics, LossOfIndependentSigmoidsIsTheMeanOverThem) {
  const Tensor row({1, 3}, std::vector<float>{0.9F, 0.2F, 0.4F});
  const auto result = measure(row, {0}, {"a", "b", "c"}, 5, Loss::binary_crossentropy);
  EXPECT_NEAR(result.loss, -(std::log(0.9) + std::log(0.8) + std::log(0.6)) / 3.0, 1e-6);
}

// Average precision by hand: class a is ranked + - + -, so (1 + 2/3) / 2; b has two equal probabilities, one
// of each kind, taken together: 1/2.
TEST(Metrics, MultiLabelWorkedExample) {
  const std::vector<float> probabilities{
      0.9F, 0.6F, 0.2F,  // a, b
      0.8F, 0.6F, 0.1F,  // none
      0.4F, 0.3F, 0.1F,  // a
      0.1F, 0.2F, 0.3F,  // none
  };
  const auto result =
      measure_multi_label(Tensor({4, 3}, probabilities), {{0, 1}, {}, {0}, {}}, {"a", "b", "c"});
  EXPECT_EQ(result.images, 4);
  EXPECT_DOUBLE_EQ(result.classes[0].average_precision, (1.0 + 2.0 / 3.0) / 2.0);
  EXPECT_DOUBLE_EQ(result.classes[1].average_precision, 0.5);
  EXPECT_EQ(result.classes[2].average_precision, 0.0);
  EXPECT_DOUBLE_EQ(result.mean_average_precision, (5.0 / 6.0 + 0.5) / 2.0);  // c is on no image
  EXPECT_DOUBLE_EQ(result.classes[0].precision, 0.5);
  EXPECT_DOUBLE_EQ(result.classes[0].recall, 0.5);
  EXPECT_DOUBLE_EQ(result.classes[1].precision, 0.5);
  EXPECT_DOUBLE_EQ(result.classes[1].recall, 1.0);
  EXPECT_DOUBLE_EQ(result.macro_f1, (0.5 + 2.0 / 3.0) / 2.0);
  EXPECT_DOUBLE_EQ(result.micro_f1, 2.0 * 2.0 / (4.0 + 3.0));
  EXPECT_DOUBLE_EQ(result.accuracy, 9.0 / 12.0);
  EXPECT_DOUBLE_EQ(result.exact_accuracy, 0.5);
  EXPECT_NEAR(result.loss,
              -(std::log(0.9 * 0.6 * 0.8) + std::log(0.2 * 0.4 * 0.9) + std::log(0.4 * 0.7 * 0.9) +
                std::log(0.9 * 0.8 * 0.7)) /
                  12.0,
              1e-7);
  EXPECT_THROW(measure_multi_label(Tensor({4, 3}, probabilities), {{3}, {}, {}, {}}, {"a", "b", "c"}), Error);
  EXPECT_THROW(measure_multi_label(Tensor({4, 3}, probabilities), {{}, {}}, {"a", "b", "c"}), Error);
}

TEST(Metrics, RefusesWhatDoesNotFit) {
  const float nan = std::nanf("");
  EXPECT_THROW(measure(Tensor({1, 2}, std::vector<float>{nan, nan}), {0}, {"a", "b"}), Error);
  const Tensor one({1, 2}, std::vector<float>{0.5F, 0.5F});
  EXPECT_THROW(measure(one, {}, {"a", "b"}), Error);
  EXPECT_THROW(measure(one, {0, 1}, {"a", "b"}), Error);
  EXPECT_THROW(measure(one, {2}, {"a", "b"}), Error);
  EXPECT_THROW(measure(one, {-1}, {"a", "b"}), Error);
  EXPECT_THROW(measure(one, {0}, {"a", "b", "c"}), Error);
}

}  // namespace
}  // namespace headstart
