// Photos with any number of classes: from a CSV to a model that names them.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/error.h"
#include "headstart/evaluate.h"
#include "headstart/head.h"
#include "headstart/image.h"
#include "headstart/train.h"
#include "support/error_message.h"
#include "support/temporary_folder.h"
#include "tiny.h"

namespace headstart {
namespace {

using test::message_of;
using testing::HasSubstr;

constexpr int kSide = 8;
constexpr std::array<const char*, 3> kColours{"red", "green", "blue"};

// Noise with a patch of each colour that bit c of `set` asks for, each colour in a corner of its own.
Image patches(unsigned set, std::uint64_t number) {
  Random random(7, RandomPurpose::test, number);
  Image image{.width = kSide, .height = kSide, .pixels = std::vector<std::uint8_t>(kSide * kSide * 3)};
  for (auto& pixel : image.pixels) {
    pixel = static_cast<std::uint8_t>(random.below(120));
  }
  for (int c = 0; c < 3; ++c) {
    const int top = c == 1 ? 5 : 0, left = c == 2 ? 5 : 0;
    for (int i = 0; i < 9 && (set >> c & 1U) != 0; ++i) {
      image.pixels[static_cast<std::size_t>(((top + i / 3) * kSide + left + i % 3) * 3 + c)] = 250;
    }
  }
  return image;
}

std::string labels_of_set(unsigned set) {
  std::vector<std::string> names;
  for (unsigned c = 0; c < 3; ++c) {
    if ((set >> c & 1U) != 0) {
      names.emplace_back(kColours.at(c));
    }
  }
  return fmt::format("{}", fmt::join(names, "|"));
}

class MultiLabel : public testing::Test {
 protected:
  MultiLabel() {
    ::setenv("HEADSTART_CACHE", (folder_ / "cache").c_str(), 1);
    std::ofstream csv(csv_);
    csv << "path,labels,split\n";
    for (int i = 0; i < 160; ++i) {
      const auto set = static_cast<unsigned>(i % 8);
      const std::string name = std::to_string(i) + ".png";
      write_png(patches(set, static_cast<std::uint64_t>(i)), folder_ / name);
      csv << name << ',' << labels_of_set(set) << ',' << (i < 112 ? "train" : "validation") << '\n';
    }
  }
  ~MultiLabel() override { ::unsetenv("HEADSTART_CACHE"); }

  DatasetSplits data() const { return read_dataset(csv_, LabelsOfPhoto::any_number); }
  static Model model() {
    Model model = test::tiny_model({.classes = 3, .head = "flatten,dense:sigmoid"});
    model.graph.set_trainable_from("input_1");
    return model;
  }
  TrainOptions options() const {
    TrainOptions options{
        .head = {.epochs = 30, .optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.01}},
        .batch_size = 16,
        .precision = Precision::f32,
        .threads = 1,
        .seconds_between_checkpoints = 0.0};
    options.out_directory = folder_ / "run";
    return options;
  }

  test::TemporaryFolder folder_;
  std::string csv_ = folder_ / "labels.csv";
  TrainObserver observer_;
  Progress silent_;
};

TEST_F(MultiLabel, IsLearntMeasuredAndSaid) {
  const DatasetSplits splits = data();
  const TrainResult result = train(model(), splits, options(), observer_);
  EXPECT_EQ(result.model.class_names, (std::vector<std::string>{"blue", "green", "red"}));
  const auto measured = evaluate_multi_label(result.model, *splits.validation, {.threads = 1}, silent_);
  EXPECT_EQ(measured.evaluation.images, 48);
  EXPECT_GT(measured.evaluation.mean_average_precision, 0.98);
  EXPECT_GT(measured.evaluation.macro_f1, 0.95);
  const EpochRecord& best = result.history.at(static_cast<std::size_t>(result.best_epoch) - 1);
  EXPECT_NEAR(measured.evaluation.accuracy, best.val_accuracy, 1e-9);
  EXPECT_NEAR(measured.evaluation.loss, best.val_loss, 1e-4);

  // All of the classes that are on a photo are listed, whatever --top says.
  const auto predictions = classify(result.model, {folder_ / "159.png"}, 1, {.threads = 1}, silent_);
  EXPECT_EQ(predictions.front().classes.size(), 3U);
  EXPECT_THAT(predictions_json(result.model, "run", predictions), HasSubstr("\"labels\": ["));
}

TEST_F(MultiLabel, HoldsOutTheSameShareOfEveryClassAndResumes) {
  DatasetSplits splits = data();
  splits.validation.reset();
  TrainOptions whole = options();
  whole.head.epochs = 4;
  const TrainResult expected = train(model(), splits, whole, observer_);
  TrainOptions broken = whole;
  broken.out_directory = folder_ / "broken";
  test::StopAfter stop(12);
  EXPECT_TRUE(train(model(), splits, broken, stop).interrupted);
  request_stop(false);
  broken.resume = true;
  train(model(), splits, broken, observer_);
  EXPECT_EQ(test::bytes_of_file(folder_ / "run/model.safetensors"),
            test::bytes_of_file(folder_ / "broken/model.safetensors"));
  EXPECT_EQ(expected.history.size(), 4U);
}

TEST_F(MultiLabel, MixesAndSmoothsTargets) {
  TrainOptions mixed = options();
  mixed.mixup = 0.2;
  mixed.label_smoothing = 0.1;
  const TrainResult result = train(model(), data(), mixed, observer_);
  EXPECT_GT(result.history.at(static_cast<std::size_t>(result.best_epoch) - 1).val_accuracy, 0.9);
}

TEST_F(MultiLabel, RefusesWhatIsSaidOfClassesThatExcludeEachOther) {
  const auto message = [&](TrainOptions options, const Model& model) {
    return message_of([&] { train(model, data(), options, observer_); });
  };
  EXPECT_THAT(message(options(), test::tiny_model({.classes = 3})), HasSubstr("dense:sigmoid"));
  TrainOptions balanced = options();
  balanced.balanced_class_weights = true;
  EXPECT_THAT(message(balanced, model()), HasSubstr("one class a photo"));
  EXPECT_THAT(message_of([&] { read_dataset(csv_); }), HasSubstr("one class each"));
  EXPECT_THAT(message_of([&] { evaluate(model(), data().train, {}, silent_); }), HasSubstr("multi-label"));
  EXPECT_THAT(
      message_of([&] { evaluate_multi_label(test::tiny_model({.classes = 3}), data().train, {}, silent_); }),
      HasSubstr("exclude each other"));
}

}  // namespace
}  // namespace headstart
