// A run that was stopped anywhere and resumed ends with the bytes of the unbroken run.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/train.h"
#include "support/temporary_folder.h"
#include "support/tolerance.h"
#include "tiny.h"

namespace headstart {
namespace {

using test::bytes_of_file;
using test::tiny_images;
using test::tiny_model;

constexpr int kResumeClasses = 4;
constexpr int kEpochs = 3;         // of each stage
constexpr int kStepsPerEpoch = 4;  // 50 images in batches of 16: the last holds 2

MemorySplits resume_splits() {
  return {.train = tiny_images(50, kResumeClasses, 1), .validation = tiny_images(30, kResumeClasses, 2)};
}

TrainOptions options_for(const std::string& directory) {
  TrainOptions options{
      .head = {.epochs = kEpochs, .optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.02}},
      .fine_tune_from = "block2_conv",
      .fine_tune = {.epochs = kEpochs,
                    .optimizer = {.kind = OptimizerKind::sgd, .learning_rate = 0.02, .momentum = 0.9},
                    .schedule = schedule_from("cosine"),
                    .batch_norm = BatchNormMode::training},
      .batch_size = 16,
      .precision = Precision::f32,
      .threads = 1};
  options.out_directory = directory;
  options.seconds_between_checkpoints = 0.0;
  options.average_decay = 0.9;
  options.accepted_share = 0.9;
  options.head.schedule = schedule_from("plateau:1:0.5");
  return options;
}

TrainResult run(const std::string& directory, bool resume, TrainObserver& observer) {
  TrainOptions options = options_for(directory);
  options.resume = resume;
  return train(tiny_model({.classes = kResumeClasses}), resume_splits(), options, observer);
}

TEST(Resume, EndsAsTheUnbrokenRunWhereverItWasStopped) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  const TrainResult whole = run(folder / "whole", false, silent);
  ASSERT_FALSE(whole.interrupted);
  const auto expected = bytes_of_file(folder / "whole/model.safetensors");
  ASSERT_FALSE(expected.empty());
  for (int stop = 1; stop <= 2 * kEpochs * kStepsPerEpoch; stop += 3) {
    const std::string directory = folder / ("broken" + std::to_string(stop));
    test::StopAfter observer(stop);
    const TrainResult broken = run(directory, false, observer);
    request_stop(false);
    EXPECT_TRUE(broken.interrupted) << stop;
    const TrainResult resumed = run(directory, true, silent);
    EXPECT_FALSE(resumed.interrupted) << stop;
    EXPECT_EQ(bytes_of_file(directory + "/model.safetensors"), expected) << stop;
    ASSERT_EQ(resumed.history.size(), whole.history.size()) << stop;
    for (std::size_t i = 0; i < whole.history.size(); ++i) {
      EXPECT_EQ(resumed.history[i].loss, whole.history[i].loss) << stop;
      EXPECT_EQ(resumed.history[i].val_loss, whole.history[i].val_loss) << stop;
    }
  }
}

TEST(Resume, SeveralBreaksInARow) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  run(folder / "whole", false, silent);
  bool interrupted = true;
  for (int attempt = 0; interrupted && attempt < 20; ++attempt) {
    test::StopAfter observer(kStepsPerEpoch + 1);
    interrupted = run(folder / "broken", attempt > 0, observer).interrupted;
    request_stop(false);
  }
  EXPECT_FALSE(interrupted);
  EXPECT_EQ(bytes_of_file(folder / "broken/model.safetensors"),
            bytes_of_file(folder / "whole/model.safetensors"));
}

TEST(Resume, AnInterruptedRunLeavesTheBestModel) {
  const test::TemporaryFolder folder;
  test::StopAfter observer(2 * kStepsPerEpoch + 1);
  const TrainResult result = run(folder / "run", false, observer);
  request_stop(false);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.history.size(), 2U);
  const Model saved = load_model(folder / "run/model.safetensors");
  for (const auto& [name, tensor] : result.model.parameters) {
    EXPECT_TRUE(test::all_close(tensor.values(), saved.parameters.at(name).values(), {})) << name;
  }
}

TEST(Resume, AFinishedRunHasNothingLeftToDo) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  const TrainResult first = run(folder / "run", false, silent);
  test::StopAfter never(1);
  const TrainResult second = run(folder / "run", true, never);
  request_stop(false);
  EXPECT_FALSE(second.interrupted);
  EXPECT_EQ(second.history.size(), first.history.size());
  EXPECT_EQ(second.best_epoch, first.best_epoch);
}

TEST(Resume, AFinishedRunKeepsItsCalibration) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  run(folder / "run", false, silent);
  Model calibrated = load_model(folder / "run/model.safetensors");
  calibrated.temperature = 2.5;
  save_model(calibrated, folder / "run/model.safetensors");
  const auto saved = bytes_of_file(folder / "run/model.safetensors");
  EXPECT_EQ(run(folder / "run", true, silent).model.temperature, 2.5);
  EXPECT_EQ(bytes_of_file(folder / "run/model.safetensors"), saved);
  EXPECT_EQ(run(folder / "run", false, silent).model.temperature, 1.0);
}

TEST(Resume, RefusesTheCheckpointOfAnotherRun) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  run(folder / "run", false, silent);
  TrainOptions options = options_for(folder / "run");
  options.resume = true;
  options.batch_size = 8;
  EXPECT_THROW(train(tiny_model({.classes = kResumeClasses}), resume_splits(), options, silent), Error);
  options = options_for(folder / "run");
  options.resume = true;
  MemorySplits other = resume_splits();
  std::swap(other.train.labels[0], other.train.labels[1]);
  EXPECT_THROW(train(tiny_model({.classes = kResumeClasses}), other, options, silent), Error);
  EXPECT_THROW(train(tiny_model({.classes = kResumeClasses, .seed = 4}), resume_splits(), options, silent),
               Error);
  std::filesystem::resize_file(folder / "run/checkpoint/state.safetensors", 100);
  EXPECT_THROW(train(tiny_model({.classes = kResumeClasses}), resume_splits(), options, silent), Error);
}

TEST(Resume, RefusesTheCheckpointOfAnotherNetworkOrOtherPictures) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  run(folder / "run", false, silent);
  const auto saved = bytes_of_file(folder / "run/model.safetensors");
  TrainOptions options = options_for(folder / "run");
  options.resume = true;
  for (const char* head : {"gap,dense:8:elu,dropout:0.25,dense", "gap,dense:16:relu,dropout:0.25,dense",
                           "gap,dense:4:relu,dropout:0.25,dense", "gap,dense"}) {
    const Model other = tiny_model({.classes = kResumeClasses, .head = head});
    EXPECT_THROW(train(other, resume_splits(), options, silent), Error) << head;
  }
  Model other = tiny_model({.classes = kResumeClasses});
  other.preprocessing.scale *= 2.0F;
  EXPECT_THROW(train(other, resume_splits(), options, silent), Error);
  MemorySplits pictures = resume_splits();
  pictures.train.images[0] += 1.0F;
  EXPECT_THROW(train(tiny_model({.classes = kResumeClasses}), pictures, options, silent), Error);
  EXPECT_EQ(bytes_of_file(folder / "run/model.safetensors"), saved);
}

TEST(Resume, ANewRunLeavesNothingOfTheOldOne) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  run(folder / "run", false, silent);
  std::ofstream(folder / "run/report.html") << "of the old one";
  test::StopAfter observer(1);
  run(folder / "run", false, observer);
  request_stop(false);
  EXPECT_FALSE(std::filesystem::exists(folder / "run/report.html"));
  EXPECT_FALSE(std::filesystem::exists(folder / "run/history.csv"));
  EXPECT_EQ(run(folder / "run", true, silent).history.size(), 2U * kEpochs);
}

TEST(Resume, WithoutACheckpointItBegins) {
  const test::TemporaryFolder folder;
  TrainObserver silent;
  EXPECT_EQ(run(folder / "run", true, silent).history.size(), 2U * kEpochs);
}

}  // namespace
}  // namespace headstart
