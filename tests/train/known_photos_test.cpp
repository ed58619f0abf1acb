// What a training learns about the photos of its classes, and what is then said of others.
#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/calibrate.h"
#include "headstart/error.h"
#include "headstart/evaluate.h"
#include "headstart/head.h"
#include "headstart/open_model.h"
#include "headstart/predict.h"
#include "support/paths.h"
#include "support/temporary_folder.h"
#include "tiny.h"

namespace headstart {
namespace {

using test::tiny_images;
using test::tiny_model;

struct Messages : TrainObserver {
  void message(const std::string& line) override { lines += line + "\n"; }
  std::string lines;
};

TrainOptions options_with(double share) {
  TrainOptions options{.head = {.epochs = 4, .optimizer = {.learning_rate = 0.02}},
                       .batch_size = 16,
                       .precision = Precision::f32,
                       .threads = 1};
  options.accepted_share = share;
  return options;
}

MemorySplits splits(int classes) {
  return {.train = tiny_images(120, classes, 1), .validation = tiny_images(60, classes, 2)};
}

// Share of the images that the model calls unknown.
double unknown_share(const Model& model, const Tensor& images) {
  Predictor predictor(model, nodes_for_classes(model, {}), Precision::f32, 32, true);
  const auto strange = class_table(model, predictor.run(images)).strangeness;
  EXPECT_EQ(static_cast<std::int64_t>(strange.size()), images.shape()[0]);
  return static_cast<double>(std::count_if(strange.begin(), strange.end(), is_unknown)) /
         static_cast<double>(strange.size());
}

// Stripes: nothing like the noise with a patch that the classes are.
Tensor stripes(int count) {
  Tensor images({count, 8, 8, 3});
  for (std::int64_t i = 0; i < images.size(); ++i) {
    images[i] = (i / 3 + i / 192) % 2 == 0 ? 2.4F : -1.5F;
  }
  return images;
}

TEST(KnownPhotos, AreAcceptedAndStrangersAreNotWithAnyHead) {
  for (const char* head :
       {"gap,dense", "gap,dropout:0.3,dense", "flatten,dense", "flatten,dense:16:relu,dropout:0.5,dense"}) {
    for (const int classes : {2, 4}) {
      SCOPED_TRACE(std::string(head) + " " + std::to_string(classes));
      Messages said;
      const auto result =
          train(tiny_model({.classes = classes, .head = head}), splits(classes), options_with(0.9), said);
      ASSERT_TRUE(result.model.acceptance) << said.lines;
      EXPECT_NE(said.lines.find("of 60 validation photos are accepted"), std::string::npos) << said.lines;
      EXPECT_LE(unknown_share(result.model, tiny_images(60, classes, 2).images), 0.1 + 1e-9);
      EXPECT_LE(unknown_share(result.model, tiny_images(200, classes, 3).images), 0.25);
      // A few units that were trained to tell the classes apart see nothing else.
      if (std::string(head).find("dense:16") == std::string::npos) {
        EXPECT_GE(unknown_share(result.model, stripes(8)), 0.9);
      }
    }
  }
}

TEST(KnownPhotos, AlsoAfterFineTuningAndFromScratch) {
  TrainOptions tuned = options_with(0.9);
  tuned.fine_tune_from = "block2_conv";
  tuned.fine_tune = {.epochs = 2, .optimizer = {.learning_rate = 0.01}};
  Model scratch = tiny_model();
  scratch.graph.set_all_trainable(true);
  TrainObserver silent;
  for (const auto& result : {train(tiny_model(), splits(2), tuned, silent),
                             train(std::move(scratch), splits(2), options_with(0.9), silent)}) {
    ASSERT_TRUE(result.model.acceptance);
    EXPECT_LE(unknown_share(result.model, tiny_images(60, 2, 2).images), 0.1 + 1e-9);
    EXPECT_GE(unknown_share(result.model, stripes(8)), 0.9);
  }
}

TEST(KnownPhotos, AreLeftAloneWhereThereIsNothingToSay) {
  Messages said;
  EXPECT_FALSE(train(tiny_model(), splits(2), options_with(0.0), said).model.acceptance);
  EXPECT_EQ(said.lines.find("unknown"), std::string::npos);
  const auto sigmoids =
      train(tiny_model({.classes = 3, .head = "gap,dense:3:sigmoid"}), splits(3), options_with(0.9), said);
  EXPECT_FALSE(sigmoids.model.acceptance);
  EXPECT_NE(said.lines.find("several independent sigmoids"), std::string::npos) << said.lines;
  const MemorySplits few{.train = tiny_images(40, 2, 1), .validation = tiny_images(19, 2, 2)};
  EXPECT_FALSE(train(tiny_model(), few, options_with(0.9), said).model.acceptance);
  EXPECT_NE(said.lines.find("19 validation images are too few"), std::string::npos) << said.lines;
  EXPECT_THROW(train(tiny_model(), splits(2), options_with(1.0), said), Error);
}

TEST(KnownPhotos, CalibrationSetsLimitsWithAndWithoutThoseOfTheTraining) {
  const test::TemporaryFolder folder;
  ::setenv("HEADSTART_CACHE", (folder / "cache").c_str(), 1);
  test::write_tiny_images(folder.path() / "data/train", 120, 2, 1);
  test::write_tiny_images(folder.path() / "data/validation", 60, 2, 2);
  const DatasetSplits data = read_dataset(folder / "data");
  TrainObserver silent;
  Progress quiet;
  const Model plain = train(tiny_model(), data, options_with(0.0), silent).model;
  const Model trained = train(tiny_model(), data, options_with(0.8), silent).model;
  ::unsetenv("HEADSTART_CACHE");
  const PredictOptions options{.precision = Precision::f32};
  // The same photos give what training gave.
  Model again = plain;
  const auto report = fit_limits(again, &data.train, *data.validation, 0.8, options, quiet);
  EXPECT_EQ(report.images, 60);
  EXPECT_GE(report.accepted, 48);
  ASSERT_EQ(report.classes.size(), 2U);
  EXPECT_EQ(report.classes[0].images, 30);
  ASSERT_EQ(again.acceptance->limits.size(), trained.acceptance->limits.size());
  EXPECT_NEAR(again.acceptance->limits[0] / trained.acceptance->limits[0], 1.0, 1e-3);
  // Without training photos half of the others stand for them.
  Model alone = plain;
  EXPECT_EQ(fit_limits(alone, nullptr, *data.validation, 0.8, options, quiet).images, 30);
  // Limits alone are fitted again; nothing else moves.
  Model wider = trained;
  fit_limits(wider, nullptr, *data.validation, 0.97, options, quiet);
  EXPECT_GE(wider.acceptance->limits[0], trained.acceptance->limits[0]);
  EXPECT_EQ(wider.acceptance->directions[0], trained.acceptance->directions[0]);

  const auto measured = evaluate(trained, *data.validation, options, quiet);
  const LimitsReport& known = measured.known.value();
  EXPECT_LE(static_cast<double>(known.images - known.accepted) / static_cast<double>(known.images),
            0.2 + 1e-9);
  PredictOptions all = options;
  all.accept_all = true;
  EXPECT_FALSE(evaluate(trained, *data.validation, all, quiet).known);
  const std::vector<std::string> one{data.validation->samples.front().path};
  EXPECT_NE(predictions_json(trained, "m", classify(trained, one, 1, options, quiet)).find("\"unknown\""),
            std::string::npos);
  EXPECT_EQ(predictions_json(trained, "m", classify(trained, one, 1, all, quiet)).find("unknown"),
            std::string::npos);
  EXPECT_EQ(predictions_json(plain, "m", classify(plain, one, 1, options, quiet)).find("unknown"),
            std::string::npos);
}

TEST(SharedData, FlowersAreNeitherCatsNorDogs) {
  HEADSTART_NEEDS_SHARED();
  const test::TemporaryFolder folder;
  ::setenv("HEADSTART_CACHE", (folder / "cache").c_str(), 1);
  DatasetSplits data = read_dataset(test::shared_path("data/cats_vs_dogs"));
  const Dataset fresh = test::thinned(*data.validation, 9);
  data.train = test::thinned(data.train, 8);
  data.validation = test::thinned(*data.validation, 10);
  Progress quiet;
  const Model base =
      open_model({.model = "mobilenet_v2",
                  .weights = test::shared_path("weights/mobilenet_v2_weights_tf_dim_ordering_tf_"
                                               "kernels_1.0_224_no_top.h5"),
                  .architecture = {.include_top = false}},
                 quiet);
  Model model = with_head(base, {.classes = 2}, 0);
  freeze_base(model.graph, base.graph.name(), "all");
  TrainObserver silent;
  TrainOptions options;
  options.head.epochs = 8;
  options.accepted_share = 0.95;
  const Model trained = train(std::move(model), data, options, silent).model;
  ::unsetenv("HEADSTART_CACHE");
  const auto flowers = test::thinned(read_dataset(test::shared_path("data/flowers")).train, 40);
  std::vector<std::string> strangers;
  for (const auto& sample : flowers.samples) {
    strangers.push_back(sample.path);
  }
  const auto outside = measure_outside(trained, fresh, strangers, {}, quiet);
  EXPECT_GE(outside.separation, 0.98);
  EXPECT_GE(static_cast<double>(outside.unknown) / static_cast<double>(outside.images), 0.9);
  const auto known = evaluate(trained, fresh, {}, quiet).known.value();
  EXPECT_LE(static_cast<double>(known.images - known.accepted) / static_cast<double>(known.images), 0.12);
}

}  // namespace
}  // namespace headstart
