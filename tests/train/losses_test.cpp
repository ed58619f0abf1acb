// Losses against hand-computed numbers and finite differences in double precision.
#include "headstart/losses.h"

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/error.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

std::vector<float> random_values(std::size_t count, float scale, std::uint64_t key) {
  Random random(7, RandomPurpose::test, key);
  std::vector<float> values(count);
  for (float& value : values) {
    value = scale * random.normal();
  }
  return values;
}

// Central differences of `loss`, which is evaluated on float logits; the step is a power of two so that it is
// exact.
std::vector<float> numerical_gradient(std::vector<float> logits,
                                      const std::function<double(const std::vector<float>&)>& loss) {
  constexpr float kStep = 1.0F / 256.0F;
  std::vector<float> gradient(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float value = logits[i];
    logits[i] = value + kStep;
    const double above = loss(logits);
    const float high = logits[i];
    logits[i] = value - kStep;
    const double below = loss(logits);
    gradient[i] = static_cast<float>((above - below) / static_cast<double>(high - logits[i]));
    logits[i] = value;
  }
  return gradient;
}

// Central differences err by step^2 / 6 times a third derivative below 1: under 3e-6.
constexpr test::Tolerance kDifferences{.atol = 5e-6, .rtol = 1e-4};

TEST(Losses, SparseCategoricalOfKnownLogits) {
  // softmax(0, ln 3) = (1/4, 3/4): -ln(3/4) and -ln(1/4), mean 0.5 ln(16/3).
  const std::vector<float> logits{0.0F, std::log(3.0F), 0.0F, std::log(3.0F)};
  std::vector<float> gradient(4);
  const LossValue value = sparse_categorical_crossentropy(logits, std::vector<int>{1, 0}, {}, gradient);
  EXPECT_NEAR(value.loss, 0.5 * std::log(16.0 / 3.0), 1e-7);
  EXPECT_EQ(value.correct, 1);
  const std::vector<float> expected{0.125F, -0.125F, -0.375F, 0.375F};
  EXPECT_TRUE(test::all_close(gradient, expected, {.atol = 1e-7}));
}

TEST(Losses, BinaryOfKnownLogits) {
  // sigmoid(ln 3) = 3/4.
  const std::vector<float> logits{std::log(3.0F), std::log(3.0F)};
  std::vector<float> gradient(2);
  const LossValue value = binary_crossentropy(logits, std::vector<float>{1.0F, 0.0F}, 2, {}, gradient);
  EXPECT_NEAR(value.loss, 0.5 * std::log(16.0 / 3.0), 1e-7);
  EXPECT_EQ(value.correct, 1);
  EXPECT_TRUE(test::all_close(gradient, std::vector<float>{-0.125F, 0.375F}, {.atol = 1e-7}));
}

TEST(Losses, GradientsAgreeWithFiniteDifferences) {
  const auto logits = random_values(5 * 4, 2.0F, 1);
  const std::vector<int> labels{0, 3, 2, 1, 3};
  const std::vector<float> weights{1.0F, 0.5F, 2.0F, 0.0F, 3.0F};
  std::vector<float> targets = random_values(20, 1.0F, 2);
  for (float& value : targets) {
    value = std::abs(value) / 3.0F;  // rows need not sum to one
  }
  std::vector<float> gradient(20);
  sparse_categorical_crossentropy(logits, labels, weights, gradient);
  EXPECT_TRUE(test::all_close(
      gradient,
      numerical_gradient(
          logits,
          [&](const auto& z) { return sparse_categorical_crossentropy(z, labels, weights, {}).loss; }),
      kDifferences));
  categorical_crossentropy(logits, targets, 5, weights, gradient);
  EXPECT_TRUE(test::all_close(
      gradient,
      numerical_gradient(
          logits, [&](const auto& z) { return categorical_crossentropy(z, targets, 5, weights, {}).loss; }),
      kDifferences));
  binary_crossentropy(logits, targets, 5, weights, gradient);
  EXPECT_TRUE(test::all_close(
      gradient,
      numerical_gradient(logits,
                         [&](const auto& z) { return binary_crossentropy(z, targets, 5, weights, {}).loss; }),
      kDifferences));
}

TEST(Losses, LabelsAndOneHotTargetsAgree) {
  const auto logits = random_values(3 * 4, 1.0F, 3);
  const std::vector<int> labels{2, 0, 3};
  std::vector<float> sparse(12), dense(12);
  const auto a = loss_of_labels(Loss::sparse_categorical_crossentropy, logits, labels, {}, sparse);
  const auto b = loss_of_labels(Loss::categorical_crossentropy, logits, labels, {}, dense);
  EXPECT_DOUBLE_EQ(a.loss, b.loss);
  EXPECT_EQ(a.correct, b.correct);
  EXPECT_TRUE(test::all_close(sparse, dense, {.atol = 1e-7}));
}

TEST(Losses, TargetsOfSetsOfClasses) {
  const std::vector<std::vector<int>> sets{{}, {0, 2}, {1}};
  const std::vector<int> labels{1, 0}, partners{2, 1};
  EXPECT_EQ(soft_targets({.labels = labels, .sets = sets}, 3),
            (std::vector<float>{1.0F, 0.0F, 1.0F, 0.0F, 0.0F, 0.0F}));
  // Mixed, and every target half way to 1/2 (Keras's BinaryCrossentropy).
  EXPECT_EQ(soft_targets(
                {.labels = labels, .partners = partners, .share = 0.75F, .smoothing = 0.5F, .sets = sets}, 3),
            (std::vector<float>{0.625F, 0.375F, 0.625F, 0.375F, 0.25F, 0.375F}));
  const std::vector<int> unknown{3};
  EXPECT_THROW(soft_targets({.labels = unknown, .sets = sets}, 3), Error);
  EXPECT_THROW(soft_targets({.labels = labels, .sets = sets}, 2), Error);
}

TEST(Losses, RightSharesCountEveryUnit) {
  const std::vector<float> logits{2.0F, -1.0F, 0.5F, -0.5F, 0.1F, -3.0F};
  const std::vector<float> targets{1.0F, 1.0F, 1.0F, 0.0F, 0.0F, 0.0F};
  EXPECT_DOUBLE_EQ(right_shares(logits, targets, 2), 2.0 / 3.0 + 2.0 / 3.0);
  EXPECT_THROW(right_shares(logits, std::span(targets).first(3), 2), Error);
}

TEST(Losses, LargeLogitsStayFinite) {
  const std::vector<float> logits{1e4F, -1e4F};
  std::vector<float> gradient(2);
  EXPECT_NEAR(binary_crossentropy(logits, std::vector<float>{0.0F, 0.0F}, 2, {}, gradient).loss, 5e3, 1e-3);
  EXPECT_TRUE(test::all_close(gradient, std::vector<float>{0.5F, 0.0F}, {.atol = 1e-7}));
  EXPECT_NEAR(sparse_categorical_crossentropy(logits, std::vector<int>{1}, {}, gradient).loss, 2e4, 1e-3);
  EXPECT_TRUE(test::all_close(gradient, std::vector<float>{1.0F, -1.0F}, {.atol = 1e-7}));
}

TEST(Losses, NotANumberIsNotHidden) {
  const std::vector<float> logits{std::numeric_limits<float>::quiet_NaN(), 0.0F};
  EXPECT_TRUE(std::isnan(
      loss_of_labels(Loss::sparse_categorical_crossentropy, logits, std::vector<int>{0}, {}, {}).loss));
  EXPECT_TRUE(
      std::isnan(loss_of_labels(Loss::binary_crossentropy, logits, std::vector<int>{0, 1}, {}, {}).loss));
}

TEST(Losses, RefusesWhatDoesNotFit) {
  const std::vector<float> logits{0.0F, 0.0F, 0.0F, 0.0F};
  EXPECT_THROW(sparse_categorical_crossentropy(logits, std::vector<int>{0, 2}, {}, {}), Error);
  EXPECT_THROW(sparse_categorical_crossentropy(logits, std::vector<int>{0, -1}, {}, {}), Error);
  EXPECT_THROW(sparse_categorical_crossentropy(logits, std::vector<int>{0, 1, 1}, {}, {}), Error);
  EXPECT_THROW(sparse_categorical_crossentropy({}, {}, {}, {}), Error);
  EXPECT_THROW(loss_of_labels(Loss::binary_crossentropy, logits, std::vector<int>{0, 1, 1, 2}, {}, {}),
               Error);
  EXPECT_THROW(categorical_crossentropy(logits, {}, 2, {}, {}), Error);
  EXPECT_THROW(binary_crossentropy(logits, {}, 2, {}, {}), Error);
  std::vector<float> small(3);
  EXPECT_THROW(loss_of_labels(Loss::binary_crossentropy, logits, std::vector<int>{0, 1, 1, 1}, {}, small),
               Error);
  EXPECT_THROW(loss_from("cross_entropy"), Error);
}

TEST(Losses, ProbabilitiesOfLogits) {
  const Tensor logits({1, 2}, std::vector<float>{0.0F, std::log(3.0F)});
  const Tensor soft = probabilities(OutputActivation::softmax, logits);
  EXPECT_TRUE(test::all_close(soft.values(), std::vector<float>{0.25F, 0.75F}, {.atol = 1e-7}));
  const Tensor sigmoid = probabilities(OutputActivation::sigmoid, logits);
  EXPECT_TRUE(test::all_close(sigmoid.values(), std::vector<float>{0.5F, 0.75F}, {.atol = 1e-7}));
  const Tensor same = probabilities(OutputActivation::none, logits);
  EXPECT_TRUE(test::all_close(same.values(), logits.values(), {}));
  EXPECT_THROW(probabilities(OutputActivation::softmax, Tensor(Shape{})), Error);
}

}  // namespace
}  // namespace headstart
