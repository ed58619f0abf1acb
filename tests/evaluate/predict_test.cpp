// A predictor on several threads, and what the tables of classes refuse.
#include "headstart/predict.h"
#include "headstart/evaluate.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/calibrate.h"
#include "headstart/error.h"

namespace headstart {
namespace {

Model small_classifier() {
  Model model;
  Graph& graph = model.graph;
  graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  graph.add("conv", Conv2D{.filters = 8, .kernel = {3, 3}}, 0);
  graph.add("gap", GlobalAveragePooling2D{}, 1);
  graph.add("dense", Dense{.units = 3, .activation = {Activation::Kind::softmax}}, 2);
  model.parameters = initialize(graph, 1);
  return model;
}

TEST(Predictor, MayRunOnSeveralThreadsAndMove) {
  constexpr int kThreads = 4, kRuns = 30;
  const Model model = small_classifier();
  std::vector<Tensor> inputs, expected;
  for (std::int64_t i = 0; i < kThreads; ++i) {  // of different sizes: some compile while others run
    Random random(5, RandomPurpose::test, static_cast<std::uint64_t>(i));
    inputs.emplace_back(Shape{i + 1, 8, 8, 3});
    for (float& value : inputs.back().values()) {
      value = random.normal();
    }
    expected.push_back(
        std::move(Predictor(model, {model.graph.output()}, Precision::f32).run(inputs.back())[0]));
  }
  Predictor first(model, {model.graph.output()}, Precision::f32);
  Predictor predictor = std::move(first);
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t run = 0; run < kRuns; ++run) {
        const std::size_t i = (t + run) % kThreads;
        const Tensor output = predictor.run(inputs[i])[0];
        wrong[t] += std::ranges::equal(output.values(), std::as_const(expected[i]).values()) ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, std::vector<int>(kThreads, 0));
}

TEST(ClassTable, RefusesWhatIsNone) {
  const Model model = small_classifier();
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 0}, Shape{2, 3, 1}}) {
    Tensor table(shape);
    EXPECT_THROW(class_probabilities(model, table), Error) << to_string(shape);
    EXPECT_THROW(class_probabilities_of_logits(model, table), Error) << to_string(shape);
    EXPECT_THROW(most_probable_classes(table), Error) << to_string(shape);
    EXPECT_THROW(apply_temperature(table, 2.0), Error) << to_string(shape);
  }
  EXPECT_TRUE(most_probable_classes(Tensor({0, 3})).empty());
}

TEST(Classes, AreFoundByNameOrById) {
  Model model = small_classifier();
  model.class_names = {"crane", "crane", "cat"};
  model.class_ids = {"n02012849", "n03126707", "n02123045"};
  EXPECT_EQ(indices_in_model(model, {"n03126707", "cat"}), (std::vector<int>{1, 2}));
  EXPECT_THROW(indices_in_model(model, {"crane"}), Error);
  EXPECT_THROW(indices_in_model(model, {"dog"}), Error);
}

TEST(Evaluate, RefusesSamplesWithoutALabel) {
  const Model model = small_classifier();
  Progress silent;
  for (const int label : {-1, 3}) {
    const Dataset dataset{.class_names = {"0", "1", "2"},
                          .samples = {{.path = "photo.jpg", .label = label, .group = ""}},
                          .skipped = {}};
    EXPECT_THROW(labels_in_model(model, dataset, {0}), Error) << label;
    EXPECT_THROW(evaluate(model, dataset, {}, silent), Error) << label;
  }
}

TEST(Evaluate, CountsWhatIsTakenForKnown) {
  const Model model = small_classifier();
  const std::vector<float> strangeness{0.5F, 1.5F, 1.0F};
  const auto report = count_accepted(model, strangeness, std::vector<int>{0, 2, 2});
  EXPECT_EQ(report.images, 3);
  EXPECT_EQ(report.accepted, 2);
  EXPECT_EQ(report.classes.at(2).images, 2);
  EXPECT_EQ(report.classes.at(2).accepted, 1);
  EXPECT_THROW(count_accepted(model, strangeness, std::vector<int>{0, 2, 3}), Error);
  EXPECT_THROW(count_accepted(model, strangeness, std::vector<int>{0, -1, 2}), Error);
  EXPECT_THROW(count_accepted(model, strangeness, std::vector<int>{0, 2}), Error);
}

}  // namespace
}  // namespace headstart
