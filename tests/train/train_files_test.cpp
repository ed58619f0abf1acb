// train() on image files: cached and uncached agree, the second run does not touch the pictures, unreadable
// ones are named.
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/evaluate.h"
#include "headstart/extract.h"
#include "headstart/image.h"
#include "headstart/train.h"
#include "support/temporary_folder.h"
#include "support/tolerance.h"
#include "tiny.h"
#include "train/features.h"
#include "train/run_files.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;
using test::tiny_model;

constexpr int kFolderClasses = 2;

class TrainFiles : public testing::Test {
 protected:
  TrainFiles() {
    ::setenv("HEADSTART_CACHE", (folder_ / "cache").c_str(), 1);
    test::write_tiny_images(folder_.path() / "data/train", 50, kFolderClasses, 1);
    test::write_tiny_images(folder_.path() / "data/validation", 20, kFolderClasses, 2);
  }
  ~TrainFiles() override { ::unsetenv("HEADSTART_CACHE"); }

  TrainResult run(const TrainOptions& options) {
    return train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "data"), options, observer_);
  }
  std::string picture(int number) const {
    return folder_ / ("data/train/class" + std::to_string(number % kFolderClasses) + "/" +
                      std::to_string(100 + number) + ".png");
  }

  test::TemporaryFolder folder_;
  TrainObserver observer_;
};

// Batches of the size that features are computed in, so that cached and uncached do the same arithmetic.
TrainOptions quick_with(CacheMode cache) {
  return {.head = {.epochs = 3, .optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.01}},
          .fine_tune_from = "block2_conv",
          .fine_tune = {.epochs = 2,
                        .optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.001},
                        .batch_norm = BatchNormMode::frozen},
          .batch_size = 16,
          .precision = Precision::f32,
          .cache = cache,
          .threads = 1};
}

void expect_equal(const TrainResult& a, const TrainResult& b) {
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    EXPECT_EQ(a.history[i].loss, b.history[i].loss) << i;
    EXPECT_EQ(a.history[i].val_loss, b.history[i].val_loss) << i;
  }
  for (const auto& [name, tensor] : a.model.parameters) {
    EXPECT_TRUE(test::all_close(tensor.values(), b.model.parameters.at(name).values(), {})) << name;
  }
}

TEST_F(TrainFiles, CachedEqualsUncached) {
  expect_equal(run(quick_with(CacheMode::automatic)), run(quick_with(CacheMode::off)));
}

TEST_F(TrainFiles, AugmentedViewsAreTheSameCachedAndUncached) {
  TrainOptions options = quick_with(CacheMode::automatic);
  options.augmentation.horizontal_flip = true;
  options.augmentation.rotation = 20.0F;
  options.cached_views = 2;
  const TrainResult cached = run(options);
  options.cache = CacheMode::off;
  expect_equal(cached, run(options));
  options.cached_views = 0;
  const TrainResult fresh = run(options);
  EXPECT_NE(cached.history[0].loss, fresh.history[0].loss);
  EXPECT_NE(cached.history[0].loss, run(quick_with(CacheMode::automatic)).history[0].loss);
  options.cache = CacheMode::automatic;
  expect_equal(fresh, run(options));
}

class Lines : public TrainObserver {
 public:
  void message(const std::string& line) override { text += line + "\n"; }
  std::string text;
};

TEST_F(TrainFiles, TakesClassNamesAndFindsImages) {
  Lines lines;
  const TrainResult result = train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "data"),
                                   quick_with(CacheMode::automatic), lines);
  EXPECT_EQ(result.model.class_names, (std::vector<std::string>{"class0", "class1"}));
  EXPECT_NE(lines.text.find("Found 50 images belonging to 2 classes."), std::string::npos);
  EXPECT_NE(lines.text.find("Found 20 images belonging to 2 classes."), std::string::npos);
  EXPECT_NE(lines.text.find("parameters, hash unchanged"), std::string::npos);
}

// The pictures are spoiled under the same name, size and time: only a run that decodes them would notice.
TEST_F(TrainFiles, TheSecondRunDoesNotTouchThePictures) {
  const TrainResult first = run(quick_with(CacheMode::automatic));
  for (int i = 0; i < 50; ++i) {
    const auto time = fs::last_write_time(picture(i));
    const auto size = fs::file_size(picture(i));
    std::ofstream(picture(i)) << std::string(size, 'x');
    fs::last_write_time(picture(i), time);
  }
  const TrainResult second = run(quick_with(CacheMode::automatic));
  expect_equal(first, second);
  EXPECT_TRUE(second.unreadable.empty());
}

TEST_F(TrainFiles, AChangedPictureIsReadAgain) {
  run(quick_with(CacheMode::automatic));
  fs::copy_file(picture(1), picture(0), fs::copy_options::overwrite_existing);
  fs::last_write_time(picture(0), fs::file_time_type::clock::now() + std::chrono::seconds(5));
  expect_equal(run(quick_with(CacheMode::automatic)), run(quick_with(CacheMode::off)));
}

TEST_F(TrainFiles, UnreadablePicturesAreNamedAndRemembered) {
  std::ofstream(picture(4)) << "\x89PNG\r\n\x1a\nbroken";
  const TrainResult first = run(quick_with(CacheMode::automatic));
  ASSERT_EQ(first.unreadable.size(), 1U);
  EXPECT_NE(first.unreadable[0].find("104.png"), std::string::npos);
  const TrainResult second = run(quick_with(CacheMode::automatic));
  EXPECT_EQ(second.unreadable, first.unreadable);
  expect_equal(first, second);
  TrainOptions strict = quick_with(CacheMode::automatic);
  strict.strict = true;
  EXPECT_THROW(run(strict), Error);
  strict.cache = CacheMode::off;
  EXPECT_THROW(run(strict), Error);
}

// The order of the others does not depend on what could not be read.
TEST_F(TrainFiles, UnreadablePicturesChangeNothingBetweenCachedAndUncached) {
  for (const int number : {4, 17}) {
    std::ofstream(picture(number)) << "\x89PNG\r\n\x1a\nbroken";
  }
  std::ofstream(folder_ / "data/validation/class0/100.png") << "text";
  const TrainResult cached = run(quick_with(CacheMode::automatic));
  EXPECT_EQ(cached.unreadable.size(), 3U);
  expect_equal(cached, run(quick_with(CacheMode::off)));
}

// Nor do the rates: an epoch is an epoch of the schedule, however few of its images could be read.
TEST_F(TrainFiles, UnreadablePicturesDoNotDelayTheSchedule) {
  for (int number = 0; number < 20; ++number) {
    std::ofstream(picture(number)) << "\x89PNG\r\n\x1a\nbroken";
  }
  TrainOptions options = quick_with(CacheMode::automatic);
  options.fine_tune_from.clear();
  options.head.schedule = schedule_from("step:1:0.1");
  for (const EpochRecord& record : run(options).history) {
    EXPECT_NEAR(record.learning_rate, 0.1 * std::pow(0.1, record.epoch), 1e-9);
  }
}

TEST_F(TrainFiles, UnreadableValidationIsAnErrorCachedAndUncached) {
  for (const auto& file : fs::recursive_directory_iterator(folder_.path() / "data/validation")) {
    if (file.is_regular_file()) {
      std::ofstream(file.path()) << "text";
    }
  }
  EXPECT_THROW(run(quick_with(CacheMode::automatic)), Error);
  EXPECT_THROW(run(quick_with(CacheMode::off)), Error);
}

TEST_F(TrainFiles, AStopDuringExtractionKeepsWhatWasComputed) {
  class StopAtOnce : public TrainObserver {
   public:
    Progress& progress() override { return stopper_; }

   private:
    class Stopper : public Progress {
      void advance(std::int64_t) override { request_stop(true); }
    } stopper_;
  } observer;
  const TrainResult broken = train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "data"),
                                   quick_with(CacheMode::automatic), observer);
  request_stop(false);
  EXPECT_TRUE(broken.interrupted);
  EXPECT_TRUE(broken.history.empty());
  std::size_t records = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "cache")) {
    records += entry.path().filename() == "records.bin" ? fs::file_size(entry.path()) : 0;
  }
  EXPECT_GT(records, 0U);
  expect_equal(run(quick_with(CacheMode::automatic)), run(quick_with(CacheMode::off)));
}

TEST_F(TrainFiles, WhatAKilledRunLeftHalfWrittenIsRemoved) {
  fs::create_directories(folder_ / "run/checkpoint");
  const pid_t killed = ::fork();
  if (killed == 0) {
    ::_exit(0);
  }
  ::waitpid(killed, nullptr, 0);
  const auto torn = [&](const std::string& name, pid_t process) {
    return folder_ / fmt::format("run/{}.{:x}-3f.tmp", name, process);
  };
  for (const char* name : {"model.safetensors", "checkpoint/state.safetensors"}) {
    std::ofstream(torn(name, killed)) << "half";
    std::ofstream(torn(name, ::getpid())) << "half";
  }
  lock_run_folder(folder_ / "run");
  for (const char* name : {"model.safetensors", "checkpoint/state.safetensors"}) {
    EXPECT_FALSE(fs::exists(torn(name, killed))) << name;
    EXPECT_TRUE(fs::exists(torn(name, ::getpid()))) << "of a process that lives";
  }
}

TEST_F(TrainFiles, ResumingTakesMovedPhotosButNoOthers) {
  TrainOptions options = quick_with(CacheMode::off);
  options.out_directory = folder_ / "run";
  run(options);
  options.resume = true;
  fs::rename(folder_ / "data", folder_ / "moved");
  const auto resumed = [&] {
    return train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "moved"), options,
                 observer_);
  };
  EXPECT_EQ(resumed().history.size(), 5U);
  const std::string photo = folder_ / "moved/train/class0/100.png";
  const auto size = fs::file_size(photo);
  std::ofstream(photo) << std::string(size, 'x');
  fs::last_write_time(photo, fs::file_time_type::clock::now() + std::chrono::seconds(5));
  EXPECT_THROW(resumed(), Error);
}

TEST_F(TrainFiles, TwoRunsDoNotWriteIntoOneFolder) {
  auto options = quick_with(CacheMode::off);
  options.out_directory = folder_ / "run";
  run(options);
  {
    const FileLock other = lock_run_folder(options.out_directory);
    EXPECT_THROW(run(options), Error);
  }
  EXPECT_FALSE(run(options).history.empty());
}

TEST_F(TrainFiles, AnEarlierRunsModelIsNotReplacedWithoutAWord) {
  auto options = quick_with(CacheMode::off);
  options.out_directory = folder_ / "run";
  const auto said = [&] {
    Lines lines;
    train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "data"), options, lines);
    return lines.text.find("model.safetensors is an earlier run's") != std::string::npos;
  };
  EXPECT_FALSE(said());
  EXPECT_TRUE(said());
  options.resume = true;
  EXPECT_FALSE(said());
}

TEST_F(TrainFiles, WithoutAValidationFolderOneIsHeldOut) {
  const TrainResult result =
      train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "data/train"),
            quick_with(CacheMode::automatic), observer_);
  const double tenths = result.history[0].val_accuracy * 10.0;  // 20 % of 50
  EXPECT_NEAR(tenths, std::round(tenths), 1e-9);
}

// Bytes that the heap has handed out, at the end of each epoch.
class HeapAtEpochs : public TrainObserver {
 public:
  void epoch_ends(const EpochProgress&) override {
    const auto heap = ::mallinfo2();
    bytes_.push_back(static_cast<std::int64_t>(heap.uordblks + heap.hblkhd));
  }
  const std::vector<std::int64_t>& bytes() const { return bytes_; }

 private:
  std::vector<std::int64_t> bytes_;
};

TEST_F(TrainFiles, MemoryIsFlatOverALongRun) {
  for (const CacheMode cache : {CacheMode::automatic, CacheMode::off}) {
    TrainOptions options = quick_with(cache);
    options.head.epochs = 60;
    options.fine_tune_from.clear();
    options.augmentation.horizontal_flip = true;
    HeapAtEpochs heap;
    train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "data"), options, heap);
    ASSERT_EQ(heap.bytes().size(), 60U);
    // One picture left behind an epoch would be 50 x 768 bytes, a line of the history is 100.
    EXPECT_LT(heap.bytes()[59] - heap.bytes()[9], 50 * 400);
  }
}

TEST_F(TrainFiles, Int8ForWhatIsFrozen) {
  if (!is_supported(Precision::int8)) {
    GTEST_SKIP() << "needs a CPU for int8";
  }
  TrainOptions options = quick_with(CacheMode::automatic);
  const TrainResult exact = run(options);
  EXPECT_TRUE(exact.model.ranges.empty());
  options.precision = Precision::int8;
  const TrainResult rounded = run(options);
  EXPECT_TRUE(rounded.model.ranges.contains("input_1"));
  const auto best = static_cast<std::size_t>(rounded.best_epoch) - 1;
  EXPECT_EQ(rounded.model.ranges.contains("tiny/block3_conv"), rounded.history[best].stage == "head")
      << "the second stage trains it";
  ASSERT_EQ(rounded.history.size(), exact.history.size());
  EXPECT_NE(rounded.history[0].loss, exact.history[0].loss);
  EXPECT_NEAR(rounded.history[0].loss, exact.history[0].loss, 0.05);
  options.cache = CacheMode::off;
  expect_equal(rounded, run(options));
}

TEST_F(TrainFiles, RangesAreThoseOfTheBestEpochAlsoAfterResuming) {
  if (!is_supported(Precision::int8)) {
    GTEST_SKIP() << "needs a CPU for int8";
  }
  TrainOptions options = quick_with(CacheMode::automatic);
  options.precision = Precision::int8;
  options.out_directory = folder_ / "run";
  options.fine_tune.optimizer.learning_rate = 1.0;  // no epoch of it is the best
  const TrainResult first = run(options);
  ASSERT_EQ(first.history[static_cast<std::size_t>(first.best_epoch) - 1].stage, "head");
  Progress quiet;
  const auto loss = [&] {
    return evaluate(load_model(folder_ / "run/model.safetensors"), *read_dataset(folder_ / "data").validation,
                    {.precision = Precision::int8}, quiet)
        .evaluation.loss;
  };
  const double best = first.history[static_cast<std::size_t>(first.best_epoch) - 1].val_loss;
  EXPECT_NEAR(loss(), best, 1e-3);  // the head of the whole network takes rounded values
  options.resume = true;
  EXPECT_EQ(run(options).model.ranges, first.model.ranges);
  EXPECT_NEAR(loss(), best, 1e-3);  // the head of the whole network takes rounded values
}

TEST_F(TrainFiles, APhotoThatCannotBeFittedIsLeftOutCachedAndUncached) {
  constexpr int kTooLong = 5'000'000;  // resizing it would take too much memory
  write_png({.width = kTooLong, .height = 1, .pixels = std::vector<std::uint8_t>(std::size_t{3} * kTooLong)},
            folder_ / "data/train/class0/thin.png");
  Model model = tiny_model({.classes = kFolderClasses});
  model.preprocessing.kernel = ResizeKernel::bicubic_aa;
  for (const CacheMode cache : {CacheMode::automatic, CacheMode::off}) {
    TrainOptions options = quick_with(cache);
    options.head.epochs = 1;
    options.fine_tune_from.clear();
    const TrainResult result = train(model, read_dataset(folder_ / "data"), options, observer_);
    ASSERT_EQ(result.unreadable.size(), 1U);
    EXPECT_NE(result.unreadable[0].find("thin.png"), std::string::npos);
  }
}

TEST_F(TrainFiles, WhatItHeldOutIsKnownLater) {
  const std::string data = folder_ / "data/train";  // without a validation part
  fs::copy_file(picture(0), folder_ / "data/train/class0/copy.png");
  TrainOptions options = quick_with(CacheMode::automatic);
  options.out_directory = folder_ / "run";
  const TrainResult result =
      train(tiny_model({.classes = kFolderClasses}), read_dataset(data), options, observer_);
  const auto before = as_run_divided(folder_ / "run", read_dataset(data));
  ASSERT_TRUE(before);
  EXPECT_EQ(before->train.samples.size() + before->validation->samples.size(), 51U);
  EXPECT_EQ(result.validation_logits.shape()[0],
            static_cast<std::int64_t>(before->validation->samples.size()));
  const auto is_in = [](const Dataset& part, const std::string& path) {
    return std::any_of(part.samples.begin(), part.samples.end(),
                       [&](const auto& one) { return one.path == path; });
  };
  EXPECT_EQ(is_in(before->train, picture(0)), is_in(before->train, folder_ / "data/train/class0/copy.png"));
  test::write_tiny_images(folder_.path() / "more", 20, kFolderClasses, 9);
  for (const char* name : {"class0", "class1"}) {
    for (const auto& file : fs::directory_iterator(folder_.path() / "more" / name)) {
      fs::copy_file(file.path(),
                    folder_.path() / "data/train" / name / ("0" + file.path().filename().string()));
    }
  }
  const auto after = as_run_divided(folder_ / "run/model.safetensors", read_dataset(data));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->train.samples.size(), before->train.samples.size() + 20);
  ASSERT_EQ(after->validation->samples.size(), before->validation->samples.size());
  for (std::size_t i = 0; i < before->validation->samples.size(); ++i) {
    EXPECT_EQ(after->validation->samples[i].path, before->validation->samples[i].path);
  }
  fs::copy(data, folder_.path() / "moved", fs::copy_options::recursive);
  const auto moved = as_run_divided(folder_ / "run", read_dataset(folder_ / "moved"));
  ASSERT_TRUE(moved);
  ASSERT_EQ(moved->validation->samples.size(), before->validation->samples.size());
  for (std::size_t i = 0; i < before->validation->samples.size(); ++i) {
    EXPECT_EQ(fs::path(moved->validation->samples[i].path).filename(),
              fs::path(before->validation->samples[i].path).filename());
  }
  EXPECT_FALSE(as_run_divided(folder_ / "run", read_dataset(folder_ / "data"))) << "divided already";
  EXPECT_FALSE(as_run_divided(folder_ / "run", read_dataset(folder_ / "more"))) << "other photos";
}

TEST_F(TrainFiles, AnImageWithoutMemoryIsLeftOutThisTime) {
  const Dataset photos = read_dataset(folder_ / "data/train").train;
  const std::vector<LoaderItem> items{{.sample = 0}, {.sample = 1}, {.sample = 2}};
  const Model model = tiny_model({.classes = kFolderClasses});
  ExtractOptions options{.outputs = {model.graph.output()}, .preprocessing = model.preprocessing};
  options.augment = [](const Image& image, const LoaderItem& item) -> Image {
    return item.sample == 1 ? throw std::bad_alloc() : image;
  };
  Progress quiet;
  std::size_t rows = 0;
  const auto count = [&](std::size_t, std::span<const float* const>) { ++rows; };
  const auto unreadable = extract(photos, items, model.graph, model.parameters, options, quiet, count);
  EXPECT_EQ(rows, 2U);
  ASSERT_EQ(unreadable.size(), 1U);
  EXPECT_EQ(unreadable[0].sample, 1);
  EXPECT_TRUE(unreadable[0].passing);
  options.strict = true;
  EXPECT_THROW(extract(photos, items, model.graph, model.parameters, options, quiet, count), Error);
}

// A new run that is stopped in its first epoch leaves the old model with the list of what that held out.
TEST_F(TrainFiles, WhatDescribesTheOldModelStaysWithIt) {
  const std::string run_folder = folder_ / "run";
  TrainOptions options = quick_with(CacheMode::automatic);
  options.out_directory = run_folder;
  const auto run_with_seed = [&](std::uint64_t seed, TrainObserver& observer) {
    options.seed = seed;
    train(tiny_model({.classes = kFolderClasses}), read_dataset(folder_ / "data/train"), options, observer);
    request_stop(false);
  };
  const auto written = [&] {
    std::vector<std::vector<char>> files;
    for (const char* name : {"/model.safetensors", "/held_out.csv", "/config.json"}) {
      files.push_back(test::bytes_of_file(run_folder + name));
    }
    return files;
  };
  run_with_seed(1, observer_);
  const auto old = written();
  for (const bool resume : {false, true}) {
    options.resume = resume;
    test::StopAfter stop(1);
    run_with_seed(2, stop);
    EXPECT_EQ(written(), old);
  }
  run_with_seed(2, observer_);
  const auto fresh = written();
  for (std::size_t i = 0; i < old.size(); ++i) {
    EXPECT_NE(fresh[i], old[i]) << i;
  }
  EXPECT_FALSE(fs::exists(run_folder + "/checkpoint/held_out.csv"));
  EXPECT_FALSE(fs::exists(run_folder + "/checkpoint/config.json"));
  options.resume = false;
  run(options);  // with a validation folder
  EXPECT_FALSE(fs::exists(run_folder + "/held_out.csv"));
}

TEST_F(TrainFiles, OneGroupCannotBeHeldOut) {
  Dataset photos = read_dataset(folder_ / "data/train").train;
  for (auto& sample : photos.samples) {
    sample.group = "one";
  }
  EXPECT_THROW(train(tiny_model({.classes = kFolderClasses}),
                     DatasetSplits{.train = photos, .validation = {}, .test = {}},
                     quick_with(CacheMode::automatic), observer_),
               Error);
}

TEST_F(TrainFiles, IdleOptionsOfTheAugmentationMakeNoViews) {
  TrainOptions options = quick_with(CacheMode::automatic);
  options.augmentation.fill_mode = FillMode::reflect;
  options.augmentation.rand_magnitude = 20.0F;
  expect_equal(run(options), run(quick_with(CacheMode::automatic)));
}

TEST_F(TrainFiles, TheKeyChangesWithWhatRecordsDependOn) {
  Model model = tiny_model({.classes = kFolderClasses});
  const BoundaryTableOptions options{.boundary = {model.graph.require("block3_conv")},
                                     .preprocessing = model.preprocessing};
  const std::string key = feature_key(model.graph, model.parameters, options);
  EXPECT_EQ(key, feature_key(tiny_model({.classes = 4}).graph, model.parameters, options))
      << "the head does not matter";
  BoundaryTableOptions other = options;
  other.preprocessing.scale = 2.0F;
  EXPECT_NE(key, feature_key(model.graph, model.parameters, other));
  other = options;
  other.precision = Precision::bf16;
  EXPECT_NE(key, feature_key(model.graph, model.parameters, other));
  const ValueRanges one{{"input_1", {.low = 0.0F, .high = 1.0F}}},
      two{{"input_1", {.low = 0.0F, .high = 2.0F}}};
  other.precision = Precision::int8;
  other.ranges = &one;
  const std::string of_one = feature_key(model.graph, model.parameters, other);
  other.ranges = &two;
  EXPECT_NE(of_one, feature_key(model.graph, model.parameters, other));
  other = options;
  other.boundary = {model.graph.require("block2_conv")};
  EXPECT_NE(key, feature_key(model.graph, model.parameters, other));
  model.parameters.at("dense/kernel")[0] += 1.0F;
  EXPECT_EQ(key, feature_key(model.graph, model.parameters, options));
  model.parameters.at("tiny/block1_conv/kernel")[0] += 1.0F;
  EXPECT_NE(key, feature_key(model.graph, model.parameters, options));
}

}  // namespace
}  // namespace headstart
