// What recipes add to plain training: soft labels, mixing, accumulated gradients, rates of single layers,
// gradual unfreezing, balanced sampling.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/rate_finder.h"
#include "headstart/train.h"
#include "support/tolerance.h"
#include "tiny.h"
#include "train/mixing.h"
#include "train/rate_factors.h"
#include "train/snapshot.h"

namespace headstart {
namespace {

using test::tiny_images;
using test::tiny_model;

MemorySplits recipe_splits(int train, int classes) {
  return {.train = tiny_images(train, classes, 1), .validation = tiny_images(20, classes, 2)};
}

TrainOptions quick_recipe(int epochs) {
  return {.head = {.epochs = epochs, .optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.05}},
          .batch_size = 16,
          .precision = Precision::f32,
          .threads = 1};
}

TEST(SoftTargets, SmoothAndMixed) {
  const std::vector<int> labels{0, 2}, partners{1, 2};
  const auto smooth = soft_targets({.labels = labels, .smoothing = 0.3F}, 3);
  const std::vector<float> expected{0.8F, 0.1F, 0.1F, 0.1F, 0.1F, 0.8F};
  EXPECT_TRUE(test::all_close(smooth, expected, {.atol = 1e-6}));
  const auto mixed = soft_targets({.labels = labels, .partners = partners, .share = 0.75F}, 3);
  const std::vector<float> mixture{0.75F, 0.25F, 0.0F, 0.0F, 0.0F, 1.0F};
  EXPECT_TRUE(test::all_close(mixed, mixture, {.atol = 1e-6}));
  // Keras: y (1 - s) + s / 2.
  const std::vector<int> binary{0, 1};
  const std::vector<float> halfway{0.05F, 0.95F};
  EXPECT_TRUE(
      test::all_close(soft_targets({.labels = binary, .smoothing = 0.1F}, 1), halfway, {.atol = 1e-6}));
}

// A single label smoothed by s costs (1 - s) times its own loss plus s times the mean over all classes.
TEST(SoftTargets, RefuseWhatDoesNotFit) {
  const std::vector<int> labels{0, 2}, one{1}, three{1, 1, 1};
  EXPECT_THROW(soft_targets({.labels = labels, .partners = one, .share = 0.5F}, 3), Error);
  EXPECT_THROW(soft_targets({.labels = labels, .partners = three, .share = 0.5F}, 3), Error);
  EXPECT_THROW(soft_targets({.labels = labels}, 0), Error);
}

TEST(SoftTargets, LossIsTheMixtureOfLosses) {
  const std::vector<float> logits{1.0F, -0.5F, 2.0F, 0.3F};
  const std::vector<int> label{2};
  const float s = 0.2F;
  double everywhere = 0.0;
  for (int c = 0; c < 4; ++c) {
    everywhere += sparse_categorical_crossentropy(logits, std::vector<int>{c}, {}, {}).loss / 4.0;
  }
  const double own = sparse_categorical_crossentropy(logits, label, {}, {}).loss;
  std::vector<float> diff(4);
  const auto value = loss_of_targets(Loss::sparse_categorical_crossentropy, logits,
                                     soft_targets({.labels = label, .smoothing = s}, 4), 1, {}, diff);
  EXPECT_NEAR(value.loss, 0.8 * own + 0.2 * everywhere, 1e-6);
  EXPECT_NEAR(diff[0] + diff[1] + diff[2] + diff[3], 0.0, 1e-6);
}

class MixerTest : public testing::Test {
 protected:
  BoundaryBatch batch() const { return {.tensors = {values_.data()}, .labels = {0, 1, 2}}; }

  // Three images 8x8x2 of constant values 0, 10 and 20.
  Tensor values_ = [] {
    Tensor tensor({3, 8, 8, 2});
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      tensor[i] = static_cast<float>(10 * (i / 128));
    }
    return tensor;
  }();
};

TEST_F(MixerTest, MixUpBlendsWithTheNextSample) {
  Mixer mixer({.mixup = 1.0, .seed = 4}, {{8, 8, 2}});
  std::set<float> shares;
  for (std::int64_t step = 0; step < 40; ++step) {
    const MixedBatch mixed = mixer.mix(batch(), step);
    EXPECT_EQ(mixed.partners, (std::vector<int>{1, 2, 0}));
    EXPECT_GE(mixed.share, 0.0F);
    EXPECT_LE(mixed.share, 1.0F);
    EXPECT_NEAR(mixed.tensors[0][0], 10.0F * (1.0F - mixed.share), 1e-4);
    EXPECT_NEAR(mixed.tensors[0][2 * 128 + 5], 20.0F * mixed.share, 1e-4);
    shares.insert(mixed.share);
  }
  EXPECT_GT(shares.size(), 35U);
  EXPECT_EQ(mixer.mix(batch(), 3).share, Mixer({.mixup = 1.0, .seed = 4}, {{8, 8, 2}}).mix(batch(), 3).share);
}

TEST_F(MixerTest, CutMixSharesAreShareOfPixels) {
  Mixer mixer({.cutmix = 1.0}, {{8, 8, 2}});
  for (std::int64_t step = 0; step < 40; ++step) {
    const MixedBatch mixed = mixer.mix(batch(), step);
    const auto own = std::count(mixed.tensors[0], mixed.tensors[0] + 128, 0.0F);
    EXPECT_NEAR(static_cast<double>(own) / 128.0, static_cast<double>(mixed.share), 1e-6);
    EXPECT_EQ(own + std::count(mixed.tensors[0], mixed.tensors[0] + 128, 10.0F), 128);
  }
}

// Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
TEST_F(MixerTest, SharesFollowTheBetaDistribution) {
  for (const double alpha : {0.2, 1.0, 3.0}) {
    Mixer mixer({.mixup = alpha}, {{8, 8, 2}});
    double sum = 0.0, squares = 0.0;
    constexpr int kDraws = 4000;
    for (int step = 0; step < kDraws; ++step) {
      const auto share = static_cast<double>(mixer.mix(batch(), step).share);
      sum += share;
      squares += share * share;
    }
    const double mean = sum / kDraws;
    EXPECT_NEAR(mean, 0.5, 0.03) << alpha;
    EXPECT_NEAR(squares / kDraws - mean * mean, 1.0 / (4.0 * (2.0 * alpha + 1.0)), 0.015) << alpha;
  }
}

// Beta(0, 0) is a coin.
TEST_F(MixerTest, ATinyAlphaTakesOneOfTheTwo) {
  for (const double alpha : {1e-3, 1e-9, 1e-300, 5e-324}) {
    Mixer mixer({.mixup = alpha}, {{8, 8, 2}});
    int own = 0;
    constexpr int kCoins = 400;
    for (int step = 0; step < kCoins; ++step) {
      const float share = mixer.mix(batch(), step).share;
      EXPECT_TRUE(share >= 0.0F && share <= 1.0F) << share;
      own += share > 0.5F ? 1 : 0;
    }
    EXPECT_NEAR(own, kCoins / 2, 60) << alpha;
  }
}

TEST_F(MixerTest, RefusesCutMixOfVectorsAndWildAlphas) {
  EXPECT_THROW(Mixer({.cutmix = 1.0}, {{128}}), Error);
  EXPECT_THROW(Mixer({.mixup = -0.1}, {{8, 8, 2}}), Error);
  EXPECT_THROW(Mixer({.mixup = 5.0}, {{8, 8, 2}}), Error);
}

TEST(Recipes, MixedAndSmoothedTrainingLearns) {
  TrainObserver silent;
  for (const bool whole : {false, true}) {
    TrainOptions options = quick_recipe(15);
    options.label_smoothing = 0.1;
    options.mixup = 0.2;
    options.cutmix = whole ? 1.0 : 0.0;
    options.head.optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.01};
    Model model = tiny_model({.classes = 4, .head = "flatten,dense"});
    if (whole) {
      model.graph.set_all_trainable(true);
    }
    const TrainResult result = train(model, recipe_splits(90, 4), options, silent);
    EXPECT_GT(result.history.back().val_accuracy, 0.7) << whole;
    const TrainResult again = train(model, recipe_splits(90, 4), options, silent);
    EXPECT_EQ(result.history.back().loss, again.history.back().loss);
  }
}

// Without batch norm and dropout in the trained part, two batches of 8 are one of 16.
TEST(Recipes, AccumulatedGradientsAreThoseOfTheLargerBatch) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = 4, .head = "flatten,dense"});
  TrainOptions large = quick_recipe(2), small = quick_recipe(2);
  small.batch_size = 8;
  small.accumulate = 2;
  const TrainResult whole = train(model, recipe_splits(72, 4), large, silent);
  const TrainResult parts = train(model, recipe_splits(72, 4), small, silent);
  ASSERT_EQ(whole.best_epoch, parts.best_epoch);
  for (const auto& [name, tensor] : whole.model.parameters) {
    EXPECT_TRUE(test::all_close(tensor.values(), parts.model.parameters.at(name).values(), {.atol = 1e-5}))
        << name;
  }
}

TEST(Recipes, LayersFurtherFromTheHeadLearnSlower) {
  Model model = tiny_model({.classes = 4, .head = "gap,dense"});
  const auto head = changing_parameters(model.graph, BatchNormMode::frozen);
  model.graph.set_trainable_from("tiny");
  const StageOptions stage{
      .optimizer = {.learning_rate = 0.001}, .head_learning_rate = 0.01, .layer_decay = 0.5};
  const auto factors = rate_factors(model.graph, head, stage);
  EXPECT_DOUBLE_EQ(factors.at("tiny/block3_conv/kernel"), 1.0);
  EXPECT_DOUBLE_EQ(factors.at("tiny/block2_conv/bias"), 0.5);
  EXPECT_DOUBLE_EQ(factors.at("tiny/block1_conv/kernel"), 0.25);
  EXPECT_DOUBLE_EQ(factors.at("tiny/block1_bn/gamma"), 0.25);
  for (const std::string& name : head) {
    EXPECT_DOUBLE_EQ(factors.at(name), 10.0) << name;
  }
  EXPECT_TRUE(rate_factors(model.graph, head, {.optimizer = {.learning_rate = 0.001}}).empty());
}

TEST(Recipes, RateFactorsScaleSteps) {
  Parameters parameters, gradients;
  for (const char* name : {"a/kernel", "b/kernel"}) {
    parameters.insert(name, Tensor({2, 2}));
    gradients.insert(name, Tensor({2, 2}));
    std::ranges::fill(gradients.at(name).values(), 1.0F);
  }
  Optimizer optimizer({.kind = OptimizerKind::sgd, .learning_rate = 0.1}, gradients);
  optimizer.set_rate_factors({{"b/kernel", 0.25}});
  optimizer.step(parameters, gradients);
  EXPECT_FLOAT_EQ(parameters.at("a/kernel")[0], -0.1F);
  EXPECT_FLOAT_EQ(parameters.at("b/kernel")[0], -0.025F);
}

TEST(Recipes, GradualUnfreezingIsAStageACut) {
  TrainObserver silent;
  TrainOptions options = quick_recipe(2);
  options.fine_tune_from = "block3_conv,block2_conv,block1_conv";
  options.fine_tune = {.epochs = 1,
                       .optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.05},
                       .batch_norm = BatchNormMode::frozen};
  const Model model = tiny_model({.classes = 4, .head = "flatten,dense"});
  const TrainResult result = train(model, recipe_splits(64, 4), options, silent);
  std::vector<std::string> stages;
  for (const EpochRecord& record : result.history) {
    stages.push_back(record.stage);
  }
  EXPECT_EQ(stages, (std::vector<std::string>{"head", "head", "fine_tune", "fine_tune_2", "fine_tune_3"}));
  ASSERT_EQ(result.frozen.size(), 4U);
  for (std::size_t i = 1; i < result.frozen.size(); ++i) {
    EXPECT_LT(result.frozen[i].parameters, result.frozen[i - 1].parameters);
  }
  options.fine_tune_from = "block3_conv,block9";
  EXPECT_THROW(train(model, recipe_splits(64, 4), options, silent), Error);
}

TEST(Recipes, BalancedSamplingHelpsTheSmallClass) {
  TrainObserver silent;
  MemorySplits data = recipe_splits(120, 2);
  MemoryDataset few{.images = Tensor({66, 8, 8, 3}), .labels = {}};
  std::int64_t kept = 0;
  for (std::size_t i = 0; i < 120; ++i) {
    if (data.train.labels[i] == 0 || i < 12) {  // 60 of one class, 6 of the other
      std::copy_n(data.train.images.data() + static_cast<std::int64_t>(i) * 192, 192,
                  few.images.data() + kept++ * 192);
      few.labels.push_back(data.train.labels[i]);
    }
  }
  ASSERT_EQ(kept, 66);
  data.train = few;
  TrainOptions options = quick_recipe(1);
  options.head.optimizer.learning_rate = 1e-9;  // the first loss tells which samples came
  options.class_weights = {0.0F, 1.0F};         // only the small class counts
  const Model model = tiny_model({.classes = 2, .head = "flatten,dense"});
  const double plain = train(model, data, options, silent).history[0].loss;
  options.balanced_sampling = true;
  const double balanced = train(model, data, options, silent).history[0].loss;
  EXPECT_NEAR(balanced / plain, 33.0 / 6.0, 0.6);
}

TEST(RateFinder, SuggestsARateBetweenTooSlowAndDiverging) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = 4, .head = "flatten,dense"});
  const RateCurve curve = find_learning_rate(model, recipe_splits(90, 4), quick_recipe(3), silent);
  ASSERT_GT(curve.points.size(), 40U);
  EXPECT_LT(curve.points.front().learning_rate, 1e-6);
  for (std::size_t i = 1; i < curve.points.size(); ++i) {
    EXPECT_GT(curve.points[i].learning_rate, curve.points[i - 1].learning_rate);
  }
  EXPECT_GT(curve.suggestion, 1e-4);
  EXPECT_LT(curve.suggestion, curve.points.back().learning_rate);
  TrainOptions options = quick_recipe(5);
  options.head.optimizer.learning_rate = curve.suggestion;
  const TrainResult result = train(model, recipe_splits(90, 4), options, silent);
  EXPECT_LT(result.history.back().loss, 0.8 * result.history.front().loss);
  EXPECT_FALSE(stop_requested());
}

TEST(RateFinder, NeedsAHeadStage) {
  TrainObserver silent;
  TrainOptions options = quick_recipe(0);
  options.fine_tune_from = "block3_conv";
  EXPECT_THROW(find_learning_rate(tiny_model({.classes = 4}), recipe_splits(90, 4), options, silent), Error);
}

// The request is the whole process's: whoever asked meanwhile is not forgotten.
TEST(RateFinder, LeavesTheRequestToStopAlone) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = 4, .head = "flatten,dense"});
  TrainOptions options = quick_recipe(3);
  options.head.optimizer = {.kind = OptimizerKind::sgd};
  const RateCurve curve = find_learning_rate(model, recipe_splits(90, 4), options, silent);
  ASSERT_LT(curve.points.size(), 100U);  // it diverged
  test::StopAfter at_the_last(static_cast<int>(curve.points.size()));
  find_learning_rate(model, recipe_splits(90, 4), options, at_the_last);
  EXPECT_TRUE(stop_requested());
  request_stop(false);
}

TEST(RateFinder, SaysNothingWhereNothingIsLearned) {
  TrainObserver silent;
  MemorySplits data = recipe_splits(90, 4);
  std::fill(data.train.images.values().begin(), data.train.images.values().end(), 0.0F);
  const Model model = tiny_model({.classes = 4, .head = "flatten,dense"});
  EXPECT_EQ(find_learning_rate(model, data, quick_recipe(3), silent).suggestion, 0.0);
}

TEST(Recipes, TheLastStepOfAnEpochHasItsOwnRate) {
  TrainObserver silent;
  TrainOptions options = quick_recipe(3);
  options.head.optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.1};
  options.head.schedule = schedule_from("step:1:0.1");
  options.accumulate = 4;  // of which the last step of an epoch has fewer
  const TrainResult result =
      train(tiny_model({.classes = 4, .head = "flatten,dense"}), recipe_splits(90, 4), options, silent);
  for (const auto& record : result.history) {
    EXPECT_NEAR(record.learning_rate, 0.1 * std::pow(0.1, record.epoch - 1), 1e-9);
  }
}

TEST(Recipes, ALossThatDoesNotFitTheLastLayerIsRefused) {
  TrainObserver silent;
  const std::pair<const char*, Loss> wrong[] = {{"gap,dense", Loss::categorical_crossentropy},
                                                {"gap,dense", Loss::sparse_categorical_crossentropy},
                                                {"gap,dense:2:sigmoid", Loss::categorical_crossentropy},
                                                {"gap,dense:softmax", Loss::binary_crossentropy}};
  for (const auto& [head, loss] : wrong) {
    TrainOptions options = quick_recipe(1);
    options.loss = loss;
    EXPECT_THROW(train(tiny_model({.classes = 2, .head = head}), recipe_splits(40, 2), options, silent),
                 Error)
        << head;
  }
}

}  // namespace
}  // namespace headstart
