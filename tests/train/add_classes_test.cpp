// New classes: what the enlargement leaves as it was, what it refuses, and that a class is learnt.
#include "headstart/add_classes.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/predict.h"
#include "support/error_message.h"
#include "support/temporary_folder.h"
#include "support/tolerance.h"
#include "tiny.h"
#include "train/replay.h"

namespace headstart {
namespace {

using test::message_of;

Model named_model(int classes, const std::string& head = "gap,dropout:0.25,dense") {
  Model model = test::tiny_model({.classes = classes, .head = head});
  for (int c = 0; c < classes; ++c) {
    model.class_names.push_back(std::to_string(c));
  }
  return model;
}

Tensor outputs_of(const Model& model, const Tensor& images) {
  return class_probabilities(model, Predictor(model, {model.graph.output()}, Precision::f32).run(images)[0]);
}

TEST(EnlargeClassifier, LeavesOldColumnsToTheBit) {
  const Model model = named_model(3);
  const Model wider = enlarge_classifier(model, {"d", "e"});
  EXPECT_EQ(wider.class_names, (std::vector<std::string>{"0", "1", "2", "d", "e"}));
  EXPECT_EQ(wider.graph.output_shape(), Shape{5});
  for (const auto& [name, tensor] : model.parameters) {
    const Tensor& other = wider.parameters.at(name);
    if (!name.starts_with("dense/")) {
      EXPECT_TRUE(test::all_close(other.values(), tensor.values(), {})) << name;
      continue;
    }
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      EXPECT_EQ(other[i / 3 * 5 + i % 3], tensor[i]) << name;
    }
    for (std::int64_t i = 0; i < other.size(); ++i) {
      EXPECT_TRUE(i % 5 < 3 || other[i] == 0.0F) << name;
    }
  }
}

// Two classes of a softmax with logits 0 and z are the sigmoid of z; a third with logit 0 is as the first.
TEST(EnlargeClassifier, MakesASoftmaxOfASigmoid) {
  const Model model = named_model(2);
  ASSERT_EQ(model.graph.output_shape(), Shape{1});
  const Model wider = enlarge_classifier(model, {"new"});
  const Tensor images = test::tiny_images(6, 2, 4).images;
  const Tensor before = outputs_of(model, images), after = outputs_of(wider, images);
  ASSERT_EQ(after.shape(), (Shape{6, 3}));
  for (std::int64_t i = 0; i < 6; ++i) {
    const float both = after[3 * i] + after[3 * i + 1];
    EXPECT_NEAR(after[3 * i + 1] / both, before[2 * i + 1], 1e-6F);
    EXPECT_EQ(after[3 * i + 2], after[3 * i]);
  }
}

TEST(EnlargeClassifier, DropsWhatWasCalibrated) {
  Model model = named_model(3);
  model.temperature = 2.0;
  model.class_ids = {"n1", "n2", "n3"};
  const Model wider = enlarge_classifier(model, {"d"});
  EXPECT_EQ(wider.temperature, 1.0);
  EXPECT_EQ(wider.class_ids, (std::vector<std::string>{"n1", "n2", "n3", ""}));
}

TEST(EnlargeClassifier, RefusesNamesThatAreTaken) {
  Model model = named_model(3);
  model.class_names = {"cat", "dog", "owl"};
  EXPECT_NE(message_of([&] { enlarge_classifier(model, {"Dog"}); }).find("\"Dog\""), std::string::npos);
  EXPECT_NE(message_of([&] {
              enlarge_classifier(model, {"eel", "Eel"});
            }).find("\"Eel\""),
            std::string::npos);
  EXPECT_EQ(new_class_names(model, {"ant", "cat", "owl", "yak"}), (std::vector<std::string>{"ant", "yak"}));
  EXPECT_NE(message_of([&] {
              new_class_names(model, {"cat", "owl"});
            }).find("does not know"),
            std::string::npos);
  model.class_names.clear();
  EXPECT_NE(message_of([&] { enlarge_classifier(model, {"d"}); }).find("names its 3 classes"),
            std::string::npos);
}

TEST(EnlargeClassifier, RefusesOtherNetworks) {
  Model model = test::tiny_model();
  model.graph.set_output(model.graph.node(model.graph.output()).inputs.front());
  EXPECT_NE(message_of([&] { enlarge_classifier(model, {"d"}); }).find("ends in a dense layer"),
            std::string::npos);
}

TEST(Replay, MovesAFeatureAndKeepsItsLength) {
  const std::vector<float> row{3.0F, 4.0F}, from{0.6F, 0.8F}, to{0.0F, 1.0F};
  std::vector<float> moved(2);
  move_feature(row, from, to, moved);  // (0.6, 0.8) - from + to = (0, 1), five long
  EXPECT_NEAR(moved[0], 0.0F, 1e-6F);
  EXPECT_NEAR(moved[1], 5.0F, 1e-6F);
}

TEST(Replay, FillsClassesUpAroundTheirCentroids) {
  MemoryDataset features{.images = Tensor({4, 2}, std::vector<float>{1, 0, 0, 1, 2, 0.5F, 2, -0.5F}),
                         .labels = {0, 1, 2, 2}};
  const Tensor centroids({3, 2}, std::vector<float>{0, 1, -1, 0, 1, 0});
  fill_up(features, {1}, 2, 5, centroids, 7);
  ASSERT_EQ(features.labels, (std::vector<int>{0, 1, 2, 2, 1, 1, 1, 1}));
  ASSERT_EQ(features.images.shape(), (Shape{8, 2}));
  EXPECT_EQ(features.images[1], 0.0F);  // what was there stays
  for (std::int64_t row = 4; row < 8; ++row) {
    EXPECT_LT(features.images[2 * row], -1.5F);
    EXPECT_NEAR(std::hypot(features.images[2 * row], features.images[2 * row + 1]), std::hypot(2.0F, 0.5F),
                1e-5F);
  }
}

// A model of two kinds of pictures; a third is added.
class AddClassesTest : public testing::Test {
 protected:
  AddClassesTest() {
    ::setenv("HEADSTART_CACHE", (folder_ / "cache").c_str(), 1);
    test::write_tiny_images(folder_.path() / "two", 40, 2, 1);
    test::write_tiny_images(folder_.path() / "three", 60, 3, 2);
    TrainObserver silent;
    Model start = test::tiny_model({.head = "gap,dense"});
    model_ = train(std::move(start), read_dataset(folder_ / "two"), {.head = {.epochs = 12}}, silent).model;
  }

  ~AddClassesTest() override { ::unsetenv("HEADSTART_CACHE"); }

  test::TemporaryFolder folder_;
  Model model_;
};

TEST_F(AddClassesTest, TrainsNewColumnsAlone) {
  TrainObserver silent;
  AddClassesOptions options{.train = {.head = {.epochs = 12}, .out_directory = folder_ / "run"}};
  const auto added = add_classes(model_, read_dataset(folder_ / "three"), options, silent);
  ASSERT_EQ(added.names.size(), 1U);
  const Model& wider = added.result.model;
  EXPECT_EQ(wider.class_names.size(), 3U);
  const Model zeros = enlarge_classifier(model_, added.names);
  for (const auto& [name, tensor] : zeros.parameters) {
    const Tensor& trained = wider.parameters.at(name);
    const bool last = name.starts_with("dense/");
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      if (!last || i % 3 < 2) {
        ASSERT_EQ(trained[i], tensor[i]) << name;
      }
    }
  }
  EXPECT_GT(added.new_classes.after, 0.7);
  EXPECT_GT(added.old_classes.images, 0);
  EXPECT_TRUE(added.filled.empty() || !options.centroids.empty());
  const Model loaded = load_model(folder_ / "run" + "/model.safetensors");
  EXPECT_EQ(loaded.class_names, wider.class_names);
  EXPECT_EQ(loaded.provenance.at("classes_added"), added.names.front());
  for (const char* file : {"history.csv", "config.json"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "run" / file)) << file;
  }
}

TEST_F(AddClassesTest, ListsWhatItHeldOutAndKeepsCopiesInOnePart) {
  namespace fs = std::filesystem;
  for (const auto& name : model_.class_names) {  // every photo of the old classes twice
    const fs::path photos = folder_.path() / "three" / name;
    for (const auto& file : std::vector<fs::path>(fs::directory_iterator(photos), fs::directory_iterator())) {
      fs::copy_file(file, photos / ("copy_" + file.filename().string()));
    }
  }
  fs::create_directories(folder_.path() / "run/checkpoint");
  for (const char* stale : {"held_out.csv", "report.html", "checkpoint/state.safetensors"}) {
    std::ofstream(folder_.path() / "run" / stale) << "of an earlier run";
  }
  TrainObserver silent;
  const AddClassesOptions options{.train = {.head = {.epochs = 2}, .out_directory = folder_ / "run"}};
  const auto data = read_dataset(folder_ / "three");
  add_classes(model_, data, options, silent);
  EXPECT_FALSE(fs::exists(folder_.path() / "run/report.html"));
  EXPECT_FALSE(fs::exists(folder_.path() / "run/checkpoint/state.safetensors"));
  const auto divided = as_run_divided(folder_ / "run", data);
  ASSERT_TRUE(divided);
  std::set<std::string> held_out;
  for (const Sample& sample : divided->validation->samples) {
    held_out.insert(fs::path(sample.path).filename().string());
  }
  for (const std::string& name : held_out) {
    EXPECT_TRUE(!name.starts_with("copy_") || held_out.contains(name.substr(5))) << name;
  }
  EXPECT_GE(held_out.size(), 10U);
}

TEST_F(AddClassesTest, RefusesSinglePhotosOfWhichNoneCanBeHeldOut) {
  test::write_tiny_images(folder_.path() / "single", 3, 3, 5);
  TrainObserver silent;
  EXPECT_NE(message_of([&] {
              add_classes(model_, read_dataset(folder_ / "single"), {}, silent);
            }).find("to be held out"),
            std::string::npos);
}

// Without a photo of the old classes their centroids do; without those it is refused.
TEST_F(AddClassesTest, NeedsPhotosOrCentroids) {
  const auto three = read_dataset(folder_ / "three");
  const std::string added_class = new_class_names(model_, three.train.class_names).front();
  std::filesystem::create_directories(folder_.path() / "one");
  std::filesystem::rename(folder_.path() / "three" / added_class, folder_.path() / "one" / added_class);
  const auto one = read_new_classes(folder_ / "one");
  TrainObserver silent;
  EXPECT_NE(message_of([&] { add_classes(model_, one, {}, silent); }).find("received neither for"),
            std::string::npos);
  AddClassesOptions options{.train = {.head = {.epochs = 4}}};
  options.centroids = Tensor({1, 1});
  EXPECT_NE(message_of([&] { add_classes(model_, one, options, silent); }).find("expected centroids"),
            std::string::npos);
  const auto features = model_.graph.node(model_.graph.find("global_average_pooling2d").value()).shape[0];
  options.centroids = Tensor({2, features});
  options.centroids[0] = options.centroids[features + 1] = 1.0F;
  const auto added = add_classes(model_, one, options, silent);
  EXPECT_EQ(added.filled, model_.class_names);
  EXPECT_EQ(added.old_classes.images, 0);
  EXPECT_GT(added.new_classes.images, 0);
}

}  // namespace
}  // namespace headstart
