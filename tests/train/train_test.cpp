// train() on tiny networks: it learns, it is repeatable, what is frozen stands still, the best epoch comes
// back.
#include "headstart/train.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/error.h"
#include "headstart/head.h"
#include "support/error_message.h"
#include "support/temporary_folder.h"
#include "support/tolerance.h"
#include "tiny.h"

namespace headstart {
namespace {

using test::bytes_of_file;
using test::tiny_images;
using test::tiny_model;
using testing::HasSubstr;

constexpr int kClasses = 4;

MemorySplits splits(int train_count = 90, int validation_count = 40) {
  return {.train = tiny_images(train_count, kClasses, 1),
          .validation = tiny_images(validation_count, kClasses, 2)};
}

TrainOptions quick(int epochs) {
  return {.head = {.epochs = epochs, .optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.01}},
          .batch_size = 16,
          .precision = Precision::f32,
          .threads = 1};
}

TrainOptions two_stages() {
  TrainOptions options = quick(4);
  options.fine_tune_from = "block2_conv";
  options.fine_tune.epochs = 4;
  options.fine_tune.optimizer.learning_rate = 0.003;
  return options;
}

void expect_equal(const Parameters& a, const Parameters& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    EXPECT_TRUE(test::all_close(tensor.values(), b.at(name).values(), {})) << name;
  }
}

// After the first step the average has gone 9/11 of the way from the start: its decay is then 2/11.
void expect_first_average(const Model& before, const Model& after, const Model& averaged) {
  const auto start = before.parameters.at("dense/kernel").values();
  const auto end = after.parameters.at("dense/kernel").values();
  std::vector<float> expected;
  expected.reserve(start.size());
  for (std::size_t i = 0; i < start.size(); ++i) {
    expected.push_back(start[i] + (1.0F - 2.0F / 11.0F) * (end[i] - start[i]));
  }
  EXPECT_TRUE(test::all_close(averaged.parameters.at("dense/kernel").values(), expected, {.atol = 1e-6}));
}

// Loss and accuracy of a whole model by the inference program from the Input.
struct Measured {
  double loss = 0, accuracy = 0;
};
Measured measure(const Model& model, const MemoryDataset& data) {
  const int count = static_cast<int>(data.labels.size());
  FrozenProgram program(model.graph, model.parameters, {model.graph.output()},
                        {.batch = count, .precision = Precision::f32, .logits = true});
  Tensor logits({count, element_count(model.graph.output_shape())});
  float* const destination = logits.data();
  program.run(data.images.data(), std::span(&destination, 1));
  const LossValue value = loss_of_labels(loss_for(model.graph), logits.values(), data.labels, {}, {});
  return {.loss = value.loss, .accuracy = value.correct / count};
}

TEST(Train, HeadLearnsOnFrozenBase) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = kClasses, .head = "flatten,dense:8:relu,dropout:0.25,dense"});
  const TrainResult result = train(model, splits(), quick(30), silent);
  ASSERT_EQ(result.history.size(), 30U);
  EXPECT_LT(result.history.back().loss, 0.5 * result.history.front().loss);
  EXPECT_GT(result.history.back().val_accuracy, 0.8);
  ASSERT_EQ(result.frozen.size(), 1U);
  EXPECT_GT(result.frozen[0].parameters, 0);
  EXPECT_EQ(result.frozen[0].sha256_before, result.frozen[0].sha256_after);
  for (const auto& [name, tensor] : model.parameters) {
    const bool same = test::all_close(tensor.values(), result.model.parameters.at(name).values(), {});
    EXPECT_EQ(same, name.starts_with("tiny/")) << name;
  }
}

TEST(Train, WholeNetworkFromScratchWithSigmoid) {
  TrainObserver silent;
  Model model = tiny_model({.classes = 2, .head = "flatten,dense"});
  model.graph.set_all_trainable(true);
  const MemorySplits data{.train = tiny_images(90, 2, 1), .validation = tiny_images(40, 2, 2)};
  const TrainResult result = train(model, data, quick(12), silent);
  EXPECT_LT(result.history.back().loss, 0.3 * result.history.front().loss);
  EXPECT_GT(result.history.back().val_accuracy, 0.9);
  // Batch norm in training mode has moved its statistics.
  EXPECT_FALSE(test::all_close(model.parameters.at("tiny/block1_bn/moving_mean").values(),
                               result.model.parameters.at("tiny/block1_bn/moving_mean").values(),
                               {.atol = 1e-6}));
}

// Sums over a batch are long enough here for the engine to divide them among its threads.
TEST(Train, SameParametersOnOneCoreAndOnAll) {
  TrainObserver silent;
  Graph input("input");
  input.add("input_1", Input{{24, 24, 3}}, std::vector<NodeId>{});
  Model model;
  model.graph = attach_head(input, {.head = "conv:16:3:relu,conv:16:3:relu,gap,dense", .classes = 2});
  model.parameters = initialize(model.graph, 7);
  const auto pictures = [](int count, std::uint64_t key) {
    MemoryDataset data{.images = Tensor({count, 24, 24, 3}), .labels = {}};
    Random random(key, RandomPurpose::test);
    for (float& value : data.images.values()) {
      value = random.uniform();
    }
    for (int i = 0; i < count; ++i) {
      data.labels.push_back(i % 2);
    }
    return data;
  };
  const MemorySplits data{.train = pictures(64, 1), .validation = pictures(16, 2)};
  TrainOptions options = quick(2);
  const Parameters one = train(model, data, options, silent).model.parameters;
  options.threads = 0;
  const Parameters all = train(model, data, options, silent).model.parameters;
  for (const auto& [name, tensor] : one) {
    EXPECT_TRUE(std::ranges::equal(tensor.values(), all.at(name).values())) << name;
  }
}

class Listener : public TrainObserver {
 public:
  void message(const std::string& line) override { lines.push_back(line); }
  std::vector<std::string> about(const std::string& word) const {
    std::vector<std::string> found;
    std::ranges::copy_if(lines, std::back_inserter(found),
                         [&](const std::string& line) { return line.find(word) != std::string::npos; });
    return found;
  }
  std::vector<std::string> lines;
};

// With batch norms in training mode, dropout and a last batch that is smaller.
TEST(Train, SameBytesInLittleMemory) {
  Model model = tiny_model({.classes = kClasses});
  model.graph.set_all_trainable(true);
  TrainOptions options = quick(2);
  Listener plain;
  const Parameters much = train(model, splits(), options, plain).model.parameters;
  EXPECT_TRUE(plain.about("run again").empty());
  options.memory = 60'000;  // less than a batch of 16 takes
  Listener limited;
  const Parameters little = train(model, splits(), options, limited).model.parameters;
  ASSERT_EQ(limited.about("run again").size(), 1U);  // once a stage
  EXPECT_NE(limited.about("run again").front().find("do not fit"), std::string::npos);
  for (const auto& [name, tensor] : much) {
    EXPECT_TRUE(std::ranges::equal(tensor.values(), little.at(name).values())) << name;
  }
}

TEST(Train, WhatWasFittedToTheOldParametersIsDropped) {
  TrainObserver silent;
  Model model = tiny_model({.classes = kClasses});
  model.temperature = 2.0;
  EXPECT_EQ(train(std::move(model), splits(), quick(1), silent).model.temperature, 1.0);
}

TEST(Train, TheAverageCountsStepsOfTheOptimizer) {
  TrainObserver silent;
  TrainOptions options = quick(1);
  options.head.optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.5};
  options.batch_size = 15;
  options.accumulate = 6;  // one step
  const Model model = tiny_model({.classes = kClasses, .head = "gap,dense"});
  const TrainResult plain = train(model, splits(), options, silent);
  options.average_decay = 0.99;
  const TrainResult averaged = train(model, splits(), options, silent);
  expect_first_average(model, plain.model, averaged.model);
}

TEST(Train, BestEpochComesBack) {
  TrainObserver silent;
  for (const Monitor monitor : {Monitor::val_accuracy, Monitor::val_loss}) {
    TrainOptions options = quick(15);
    options.monitor = monitor;
    options.head.optimizer.learning_rate = 0.1;  // restless
    const MemorySplits data = splits();
    const TrainResult result = train(tiny_model({.classes = kClasses}), data, options, silent);
    const EpochRecord& best = result.history.at(static_cast<std::size_t>(result.best_epoch) - 1);
    for (const EpochRecord& record : result.history) {
      if (monitor == Monitor::val_loss) {
        EXPECT_GE(record.val_loss, best.val_loss);
      } else {
        EXPECT_LE(record.val_accuracy, best.val_accuracy);
      }
    }
    const Measured measured = measure(result.model, *data.validation);
    EXPECT_NEAR(measured.loss, best.val_loss, 1e-5);
    EXPECT_DOUBLE_EQ(measured.accuracy, best.val_accuracy);
  }
}

TEST(Train, FineTuningMovesTheCutAndOnlyWhatIsAboveIt) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = kClasses});
  TrainOptions options = two_stages();
  options.monitor = Monitor::val_loss;
  const TrainResult result = train(model, splits(), options, silent);
  ASSERT_EQ(result.history.size(), 8U);
  EXPECT_EQ(result.history[3].stage, "head");
  EXPECT_EQ(result.history[4].stage, "fine_tune");
  EXPECT_EQ(result.history[4].epoch, 5);
  ASSERT_GT(result.best_epoch, 4);
  ASSERT_EQ(result.frozen.size(), 2U);
  EXPECT_LT(result.frozen[1].parameters, result.frozen[0].parameters);
  const auto same = [&](const std::string& name) {
    return static_cast<bool>(
        test::all_close(model.parameters.at(name).values(), result.model.parameters.at(name).values(), {}));
  };
  EXPECT_TRUE(same("tiny/block1_conv/kernel"));
  EXPECT_TRUE(same("tiny/block1_bn/gamma"));
  EXPECT_TRUE(same("tiny/block1_bn/moving_mean"));
  EXPECT_FALSE(same("tiny/block2_conv/kernel"));
  EXPECT_FALSE(same("tiny/block3_conv/bias"));
}

TEST(Train, SameSeedSameBytes) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  TrainOptions options = two_stages();
  for (const std::string name : {"a", "b"}) {
    options.out_directory = folder / name;
    train(tiny_model({.classes = kClasses}), splits(), options, silent);
  }
  options.seed = 1;
  options.out_directory = folder / "c";
  train(tiny_model({.classes = kClasses}), splits(), options, silent);
  const auto a = bytes_of_file(folder / "a/model.safetensors");
  EXPECT_FALSE(a.empty());
  EXPECT_EQ(a, bytes_of_file(folder / "b/model.safetensors"));
  EXPECT_NE(a, bytes_of_file(folder / "c/model.safetensors"));
}

TEST(Train, WritesHistoryConfigAndALoadableModel) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  TrainOptions options = two_stages();
  options.out_directory = folder / "run";
  options.command = {{"base", "tiny"}};
  const TrainResult result = train(tiny_model({.classes = kClasses}), splits(), options, silent);
  std::ifstream history(folder / "run/history.csv");
  std::string line;
  std::getline(history, line);
  EXPECT_EQ(line, "epoch,stage,loss,accuracy,val_loss,val_accuracy,lr,seconds");
  int lines = 0;
  while (std::getline(history, line)) {
    ++lines;
  }
  EXPECT_EQ(lines, 8);
  const auto config = bytes_of_file(folder / "run/config.json");
  EXPECT_NE(std::string(config.begin(), config.end()).find("\"base\": \"tiny\""), std::string::npos);
  const Model loaded = load_model(folder / "run/model.safetensors");
  expect_equal(loaded.parameters, result.model.parameters);
}

TEST(Train, PatienceEndsAStage) {
  TrainObserver silent;
  TrainOptions options = quick(200);
  options.patience = 3;
  options.monitor = Monitor::val_loss;
  options.head.optimizer.learning_rate = 0.1;
  const TrainResult result = train(tiny_model({.classes = kClasses}), splits(), options, silent);
  EXPECT_LT(result.history.size(), 200U);
  EXPECT_EQ(static_cast<int>(result.history.size()), result.best_epoch + 3);
}

TEST(Train, PlateauLowersTheRate) {
  TrainObserver silent;
  TrainOptions options = quick(12);
  options.head.optimizer.learning_rate = 0.1;
  options.head.schedule = schedule_from("plateau:2:0.5");
  options.monitor = Monitor::val_loss;
  const TrainResult result = train(tiny_model({.classes = kClasses}), splits(), options, silent);
  double best = result.history[0].val_loss, rate = 0.1;
  int waited = 0;
  for (const EpochRecord& record : result.history) {
    EXPECT_DOUBLE_EQ(record.learning_rate, rate) << record.epoch;
    waited = record.epoch == 1 || record.val_loss < best ? 0 : waited + 1;
    best = std::min(best, record.val_loss);
    if (waited == 2) {
      rate *= 0.5;
      waited = 0;
    }
  }
  EXPECT_LT(rate, 0.1);
}

// One step in all, so that the average can be followed by hand: (1 + 1) / (10 + 1) is below the decay.
TEST(Train, TheAverageIsWhatIsValidatedAndKept) {
  TrainObserver silent;
  TrainOptions options = quick(1);
  options.head.optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.5};
  options.steps_per_epoch = 1;
  const Model model = tiny_model({.classes = kClasses, .head = "gap,dense"});
  const MemorySplits data = splits();
  const TrainResult plain = train(model, data, options, silent);
  options.average_decay = 0.99;
  const TrainResult averaged = train(model, data, options, silent);
  expect_first_average(model, plain.model, averaged.model);
  EXPECT_NEAR(measure(averaged.model, *data.validation).loss, averaged.history[0].val_loss, 1e-5);
}

TEST(Train, StepsPerEpochGoesRoundAgain) {
  class Count : public TrainObserver {
   public:
    void step_done(const EpochProgress& progress) override {
      EXPECT_EQ(progress.steps, 9);
      ++steps;
    }
    int steps = 0;
  } count;
  TrainOptions options = quick(2);
  options.steps_per_epoch = 9;
  train(tiny_model({.classes = kClasses}), splits(), options, count);
  EXPECT_EQ(count.steps, 18);
}

TEST(Train, ClassWeightsReachTheLoss) {
  TrainObserver silent;
  TrainOptions options = quick(1);
  options.class_weights = {0.0F, 0.0F, 0.0F, 0.0F};
  const Model model = tiny_model({.classes = kClasses});
  const TrainResult result = train(model, splits(), options, silent);
  EXPECT_EQ(result.history[0].loss, 0.0);
  expect_equal(model.parameters, result.model.parameters);
  options.class_weights = {1.0F};
  EXPECT_THROW(train(model, splits(), options, silent), Error);
}

// What is added to the logits might as well stand in the bias before them: the same steps follow.
TEST(Train, AdjustedLogitsAreThoseOfAShiftedBias) {
  MemorySplits data = splits();
  std::vector<double> counts(kClasses, 0.0);
  for (std::size_t i = 0; i < data.train.labels.size(); ++i) {
    auto& label = data.train.labels[i];
    label = label == 3 && i % 3 != 0 ? 2 : label;
    counts[static_cast<std::size_t>(label)] += 1.0;
  }
  TrainOptions options = quick(1);
  options.head.optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.1};
  const Model model = tiny_model({.classes = kClasses, .head = "gap,dense"});
  const std::string bias = model.graph.node(model.graph.output()).name + "/bias";
  Model shifted = model;
  std::vector<float> offsets;
  for (std::size_t c = 0; c < kClasses; ++c) {
    offsets.push_back(
        static_cast<float>(2.0 * std::log(counts[c] / static_cast<double>(data.train.labels.size()))));
    shifted.parameters.at(bias).data()[c] += offsets[c];
  }
  TrainObserver silent;
  const TrainResult expected = train(shifted, data, options, silent);
  options.logit_adjustment = 2.0;
  TrainResult actual = train(model, data, options, silent);
  EXPECT_NEAR(actual.history.back().loss, expected.history.back().loss, 1e-5);
  EXPECT_GT(std::abs(actual.history.back().val_loss - expected.history.back().val_loss), 0.1)
      << "validation is without the offsets";
  for (std::size_t c = 0; c < kClasses; ++c) {
    actual.model.parameters.at(bias).data()[c] += offsets[c];
  }
  for (const auto& [name, tensor] : actual.model.parameters) {
    EXPECT_TRUE(test::all_close(tensor.values(), expected.model.parameters.at(name).values(),
                                {.atol = 1e-5, .rtol = 1e-5}))
        << name;
  }
}

TEST(Train, NotANumberStopsAndTheBestModelStays) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  TrainOptions options = quick(50);
  options.head.schedule = schedule_from("step:2:1e30");  // two good epochs, then nonsense
  options.out_directory = folder / "run";
  EXPECT_THROW(train(tiny_model({.classes = kClasses}), splits(), options, silent), Error);
  const Model best = load_model(folder / "run/model.safetensors");
  for (const auto& [name, tensor] : best.parameters) {
    for (const float value : tensor.values()) {
      ASSERT_TRUE(std::isfinite(value)) << name;
    }
  }
}

TEST(Train, ValidationIsHeldOutWhenThereIsNone) {
  TrainObserver silent;
  const MemorySplits data{.train = tiny_images(100, kClasses, 1), .validation = {}};
  const TrainResult result = train(tiny_model({.classes = kClasses}), data, quick(3), silent);
  // 20 of the 100: every accuracy is a multiple of 1/20.
  const double twentieths = result.history[0].val_accuracy * 20.0;
  EXPECT_NEAR(twentieths, std::round(twentieths), 1e-9);
}

TEST(Train, RefusesWhatDoesNotFit) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = kClasses});
  MemorySplits data = splits();
  data.train.labels[5] = kClasses;
  EXPECT_THROW(train(model, data, quick(1), silent), Error);
  data = splits();
  data.train.labels.pop_back();
  EXPECT_THROW(train(model, data, quick(1), silent), Error);
  TrainOptions options = quick(1);
  options.batch_size = 0;
  EXPECT_THROW(train(model, splits(), options, silent), Error);
  options = quick(1);
  options.fine_tune_from = "block9";
  EXPECT_THROW(train(model, splits(), options, silent), Error);
  Model frozen = model;
  frozen.graph.set_all_trainable(false);
  EXPECT_THROW(train(frozen, splits(), quick(1), silent), Error);
}

TEST(Train, RefusesOptionsThatDoNotFit) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = kClasses});
  const auto message = [&](const auto& change) {
    TrainOptions options = quick(1);
    change(options);
    return test::message_of([&] { train(model, splits(), options, silent); });
  };
  EXPECT_THAT(message([](TrainOptions& o) { o.resume = true; }), HasSubstr("set out_directory"));
  for (const float weight : {-2.0F, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(message([&](TrainOptions& o) {
                  o.class_weights = {1.0F, weight, 1.0F, 1.0F};
                }),
                HasSubstr("class weights of at least 0"));
  }
  EXPECT_THAT(message([](TrainOptions& o) {
                o.class_weights = {1.0F, 2.0F, 1.0F, 1.0F};
                o.balanced_class_weights = true;
              }),
              HasSubstr("received both"));
  EXPECT_THAT(message([](TrainOptions& o) { o.head.schedule = {.kind = Schedule::Kind::step, .every = 0}; }),
              HasSubstr("[schedule]"));
}

TEST(Train, RefusesNetworksThatDoNotEndInScores) {
  TrainObserver silent;
  EXPECT_THROW(
      train(Model{.graph = Graph(), .parameters = {}, .class_names = {}, .class_ids = {}, .provenance = {}},
            splits(), quick(1), silent),
      Error);
  EXPECT_THROW(attach_head(Graph(), {}), Error);
  Model image;
  image.graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  image.graph.add("conv", Conv2D{.filters = 2}, 0);
  image.parameters = initialize(image.graph, 1);
  EXPECT_THAT(test::message_of([&] { train(image, splits(), quick(1), silent); }),
              HasSubstr("received conv of shape (8, 8, 2)"));
}

TEST(Train, RefusesSamplesWithoutALabel) {
  TrainObserver silent;
  const Model model = tiny_model({.classes = kClasses});
  const auto refused = HasSubstr("received label -1");
  MemorySplits data = splits();
  data.train.labels[5] = -1;
  EXPECT_THAT(test::message_of([&] { train(model, data, quick(1), silent); }), refused);
  data.validation.reset();
  EXPECT_THAT(test::message_of([&] { train(model, data, quick(1), silent); }), refused);
  DatasetSplits files;
  files.train.class_names = {"a", "b"};
  files.train.samples = {{.path = "a.png", .label = 0, .group = ""},
                         {.path = "b.png", .label = -1, .group = ""}};
  EXPECT_THAT(test::message_of([&] { train(model, files, quick(1), silent); }), refused);
  files.train.samples[1].label = 3;
  EXPECT_THAT(test::message_of([&] { train(model, files, quick(1), silent); }),
              HasSubstr("received 2 names and label 3"));
}

TEST(Train, OptionsGoRoundThroughJson) {
  TrainOptions options = two_stages();
  options.head.optimizer = {.kind = OptimizerKind::sgd, .momentum = 0.9, .nesterov = true};
  options.head.schedule = schedule_from("cosine,warmup:0.1");
  options.class_weights = {1.0F, 2.5F};
  options.logit_adjustment = 1.5;
  options.loss = Loss::binary_crossentropy;
  options.cache = CacheMode::off;
  options.augmentation = augmentation_preset("rand-augment");
  EXPECT_EQ(to_json(train_options_from_json(to_json(options))), to_json(options));
  EXPECT_EQ(to_json(train_options_from_json("{}")), to_json(TrainOptions{}));
  EXPECT_EQ(train_options_from_json(R"({"head": {"epochs": 7}})").head.epochs, 7);
  for (const char* text :
       {"", "[]", "{\"epoch\": 3}", "{\"head\": {\"epoch\": 3}}", "{\"seed\": \"x\"}", "{\"cache\": \"on\"}",
        "{\"head\": 3}", R"({"augmentation": {"rotaton": 3}})", R"({"augmentation": {"rotation": 999}})",
        R"({"batch_size": 1.5})", R"({"batch_size": true})", R"({"batch_size": 99999999999})",
        R"({"seed": -1})", R"({"mixup": null})", R"({"strict": 1})", R"({"head": {"epochs": 2.5}})"}) {
    EXPECT_THROW(train_options_from_json(text), Error) << text;
  }
}

TEST(Train, ProgressLineReadsAsKeras) {
  EpochProgress progress{
      .epoch = 2, .epochs = 30, .step = 50, .steps = 100, .loss = 0.68684, .accuracy = 0.551, .seconds = 5.7};
  EXPECT_EQ(progress_line(progress),
            " 50/100 [==============>...............] - ETA: 6s - loss: 0.6868 - accuracy: 0.5510");
  progress.step = 100;
  progress.seconds = 11.4;
  progress.record = EpochRecord{.val_loss = 0.6793, .val_accuracy = 0.561};
  EXPECT_EQ(progress_line(progress),
            "100/100 [==============================] - 11s 114ms/step - loss: 0.6868 - accuracy: 0.5510 - "
            "val_loss: 0.6793 - "
            "val_accuracy: 0.5610");
}

}  // namespace
}  // namespace headstart
