// Confident learning against numbers worked out by hand and against a naive loop; heads on made-up features
// and on real photos with swapped labels.
#include "headstart/labels.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/error.h"
#include "headstart/head.h"
#include "headstart/open_model.h"
#include "headstart/split.h"
#include "headstart/train.h"
#include "support/paths.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

// Thresholds: a (0.9 + 0.7 + 0.2) / 3 = 0.6, b (0.8 + 0.4) / 2 = 0.6.
TEST(ConfidentLearning, WorkedExample) {
  const Tensor probabilities({5, 2},
                             std::vector<float>{
                                 0.9F, 0.1F,  // a, counted as a
                                 0.7F, 0.3F,  // a, counted as a
                                 0.2F, 0.8F,  // a, counted as b
                                 0.2F, 0.8F,  // b, counted as b
                                 0.6F, 0.4F,  // b; below b's threshold, counted as a (0.6 reaches 0.6)
                             });
  const ConfidentLearning result = confident_learning(probabilities, {0, 0, 0, 1, 1});
  EXPECT_NEAR(result.threshold[0], 0.6, 1e-7);
  EXPECT_NEAR(result.threshold[1], 0.6, 1e-7);
  EXPECT_EQ(result.counts, (std::vector<std::vector<std::int64_t>>{{2, 1}, {1, 1}}));
  // Rows are whole already: 3 a and 2 b of 5.
  EXPECT_NEAR(result.joint[0][0], 0.4, 1e-12);
  EXPECT_NEAR(result.joint[0][1], 0.2, 1e-12);
  EXPECT_NEAR(result.joint[1][0], 0.2, 1e-12);
  EXPECT_NEAR(result.joint[1][1], 0.2, 1e-12);
  EXPECT_NEAR(result.wrong, 0.4, 1e-12);
  EXPECT_NEAR(result.wrong_of_class[0], 1.0 / 3, 1e-12);
  EXPECT_NEAR(result.wrong_of_class[1], 0.5, 1e-12);
  ASSERT_EQ(result.candidates.size(), 2U);
  EXPECT_EQ(result.candidates[0].sample, 2U);  // 0.8 - 0.2 before 0.6 - 0.4
  EXPECT_NEAR(result.candidates[0].score, 0.6, 1e-7);
  EXPECT_EQ(result.candidates[1].sample, 4U);
  EXPECT_EQ(result.candidates[1].given, 1);
  EXPECT_EQ(result.candidates[1].suggested, 0);
}

// Thresholds a 0.9, b 0.3: the second b is counted for neither, the first a below its threshold for b
// although a is more probable, which is no candidate.
TEST(ConfidentLearning, CountsByThresholdsAndNotByTheGreatest) {
  const Tensor probabilities({4, 2}, std::vector<float>{0.65F, 0.35F, 0.99F, 0.01F, 0.4F, 0.6F, 0.8F, 0.2F});
  const ConfidentLearning result = confident_learning(probabilities, {0, 0, 1, 1});
  EXPECT_NEAR(result.threshold[0], 0.82, 1e-7);
  EXPECT_NEAR(result.threshold[1], 0.4, 1e-7);
  EXPECT_EQ(result.counts, (std::vector<std::vector<std::int64_t>>{{1, 0}, {0, 1}}));
  const Tensor lower({4, 2}, std::vector<float>{0.55F, 0.45F, 0.99F, 0.01F, 0.4F, 0.6F, 0.8F, 0.2F});
  const ConfidentLearning other = confident_learning(lower, {0, 0, 1, 1});
  EXPECT_EQ(other.counts, (std::vector<std::vector<std::int64_t>>{{1, 1}, {1, 1}}));
  ASSERT_EQ(other.candidates.size(), 1U);
  EXPECT_EQ(other.candidates[0].sample, 3U);
}

// The definitions once more, sample by sample and class by class.
struct Naive {
  std::vector<std::vector<double>> counts, joint;
  std::set<std::size_t> candidates{};
};
Naive naive(const std::vector<std::vector<double>>& p, const std::vector<int>& labels) {
  const std::size_t m = p[0].size();
  Naive result{.counts = std::vector(m, std::vector<double>(m)),
               .joint = std::vector(m, std::vector<double>(m))};
  const auto threshold = [&](std::size_t j) {
    double sum = 0, n = 0;
    for (std::size_t x = 0; x < p.size(); ++x) {
      sum += labels[x] == static_cast<int>(j) ? p[x][j] : 0.0;
      n += labels[x] == static_cast<int>(j) ? 1.0 : 0.0;
    }
    return n > 0 ? sum / n : INFINITY;
  };
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      for (std::size_t x = 0; x < p.size(); ++x) {
        bool belongs = labels[x] == static_cast<int>(i) && p[x][j] >= threshold(j);
        for (std::size_t l = 0; l < m; ++l) {
          belongs = belongs && !(p[x][l] >= threshold(l) && p[x][l] > p[x][j]);
        }
        result.counts[i][j] += belongs ? 1.0 : 0.0;
      }
    }
  }
  double all = 0;
  for (std::size_t i = 0; i < m; ++i) {
    double row = 0;
    for (const double count : result.counts[i]) {
      row += count;
    }
    for (std::size_t j = 0; j < m; ++j) {
      result.joint[i][j] =
          row > 0 ? result.counts[i][j] / row *
                        static_cast<double>(std::count(labels.begin(), labels.end(), static_cast<int>(i)))
                  : 0.0;
      all += result.joint[i][j];
    }
  }
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      result.joint[i][j] /= all;
      const double wanted = std::round(result.joint[i][j] * static_cast<double>(p.size()) + 1e-9);
      for (std::size_t x = 0; x < p.size(); ++x) {
        double before = 0;  // samples that come first
        for (std::size_t y = 0; y < p.size(); ++y) {
          const double difference = (p[y][j] - p[y][i]) - (p[x][j] - p[x][i]);
          before +=
              labels[y] == static_cast<int>(i) && (difference > 0 || (difference == 0 && y < x)) ? 1 : 0;
        }
        if (i != j && labels[x] == static_cast<int>(i) && p[x][j] > p[x][i] &&
            (before < wanted || p[x][j] - p[x][i] >= 0.5)) {
          result.candidates.insert(x);
        }
      }
    }
  }
  return result;
}

TEST(ConfidentLearning, AgreesWithTheNaiveLoop) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed, RandomPurpose::test);
    const std::size_t classes = 2 + seed % 5;
    std::vector<std::vector<double>> p;
    std::vector<float> values;
    std::vector<int> labels;
    for (std::size_t x = 0; x < 200; ++x) {
      std::vector<float> row;
      float sum = 0;
      for (std::size_t c = 0; c < classes; ++c) {
        row.push_back(std::exp(2.0F * random.normal()));
        sum += row.back();
      }
      p.emplace_back();
      for (auto& value : row) {
        value /= sum;
        values.push_back(value);
        p.back().push_back(value);
      }
      // Mostly the greatest, as from a fair classifier.
      const auto best = std::max_element(row.begin(), row.end()) - row.begin();
      labels.push_back(random.below(4) == 0
                           ? static_cast<int>(random.below(static_cast<std::uint32_t>(classes)))
                           : static_cast<int>(best));
    }
    const auto result = confident_learning(Tensor({200, static_cast<std::int64_t>(classes)}, values), labels);
    const Naive expected = naive(p, labels);
    double wrong = 0;
    for (std::size_t i = 0; i < classes; ++i) {
      for (std::size_t j = 0; j < classes; ++j) {
        EXPECT_EQ(static_cast<double>(result.counts[i][j]), expected.counts[i][j]);
        EXPECT_NEAR(result.joint[i][j], expected.joint[i][j], 1e-12);
        wrong += i == j ? 0.0 : expected.joint[i][j];
      }
    }
    EXPECT_NEAR(result.wrong, wrong, 1e-12);
    std::set<std::size_t> candidates;
    for (std::size_t i = 0; i < result.candidates.size(); ++i) {
      candidates.insert(result.candidates[i].sample);
      EXPECT_TRUE(i == 0 || result.candidates[i - 1].score >= result.candidates[i].score);
      const LabelCandidate& one = result.candidates[i];
      EXPECT_EQ(one.given, labels[one.sample]);
      EXPECT_EQ(one.score, p[one.sample][static_cast<std::size_t>(one.suggested)] -
                               p[one.sample][static_cast<std::size_t>(one.given)]);
    }
    EXPECT_EQ(candidates, expected.candidates);
    EXPECT_FALSE(candidates.empty());
  }
}

TEST(ConfidentLearning, AClassWithoutSamplesIsNeverSuggested) {
  const Tensor probabilities({3, 3}, std::vector<float>{0.1F, 0.1F, 0.8F, 0.9F, 0.1F, 0, 0.1F, 0.9F, 0});
  const auto result = confident_learning(probabilities, {0, 0, 1});
  EXPECT_TRUE(result.candidates.empty());
  EXPECT_EQ(result.wrong, 0.0);
}

TEST(ConfidentLearning, RefusesWhatAreNoProbabilities) {
  const Tensor fine({2, 2}, std::vector<float>{0.5F, 0.5F, 1, 0});
  EXPECT_THROW(confident_learning(fine, {0}), Error);
  EXPECT_THROW(confident_learning(fine, {0, 2}), Error);
  EXPECT_THROW(confident_learning(fine, {0, -1}), Error);
  EXPECT_THROW(confident_learning(Tensor({2, 2}, std::vector<float>{0.5F, NAN, 1, 0}), {0, 1}), Error);
  EXPECT_THROW(confident_learning(Tensor({2, 2}, std::vector<float>{1.5F, 0, 1, 0}), {0, 1}), Error);
}

// Points around a corner for each class, some of them with another class's label.
struct Cloud {
  Tensor features;
  std::vector<int> labels, folds;
  std::set<std::size_t> swapped;
};
Cloud make_cloud(std::int64_t count, int classes) {
  constexpr std::int64_t kFloats = 16;
  Cloud cloud{.features = Tensor({count, kFloats}), .labels = {}, .folds = {}, .swapped = {}};
  Random random(3, RandomPurpose::test);
  for (std::int64_t i = 0; i < count; ++i) {
    const int truth = static_cast<int>(i % classes);
    for (std::int64_t f = 0; f < kFloats; ++f) {
      cloud.features[i * kFloats + f] = (f % classes == truth ? 1.0F : 0.0F) + 0.5F * random.normal();
    }
    const bool swap = i % 20 == 7;
    cloud.labels.push_back(swap ? (truth + 1) % classes : truth);
    cloud.folds.push_back(static_cast<int>(random.below(5)));
    if (swap) {
      cloud.swapped.insert(static_cast<std::size_t>(i));
    }
  }
  return cloud;
}

TEST(OutOfFold, FindsSwappedLabelsAndIsTheSameForAnyNumberOfThreads) {
  const Cloud cloud = make_cloud(600, 3);
  Progress silent;
  const Tensor first = out_of_fold_probabilities(cloud.features, cloud.labels, cloud.folds, 3,
                                                 {.seed = 4, .threads = 1}, silent);
  const Tensor second = out_of_fold_probabilities(cloud.features, cloud.labels, cloud.folds, 3,
                                                  {.seed = 4, .threads = 3}, silent);
  EXPECT_TRUE(std::equal(first.values().begin(), first.values().end(), second.values().begin()));
  const auto found = confident_learning(first, cloud.labels);
  std::size_t hits = 0;
  for (const auto& one : found.candidates) {
    hits += cloud.swapped.contains(one.sample) ? 1 : 0;
    EXPECT_NE(one.given, one.suggested);
  }
  EXPECT_GE(hits, cloud.swapped.size() * 9 / 10);
  EXPECT_LE(found.candidates.size(), cloud.swapped.size() * 3 / 2);
  EXPECT_NEAR(found.wrong, 0.05, 0.025);
}

// What a head saw, it would know: labels without any meaning are not to be agreed with.
TEST(OutOfFold, NoHeadSawWhatItJudges) {
  Cloud cloud = make_cloud(300, 2);
  Random random(9, RandomPurpose::test);
  for (auto& label : cloud.labels) {
    label = static_cast<int>(random.below(2));
  }
  Progress silent;
  const Tensor p = out_of_fold_probabilities(cloud.features, cloud.labels, cloud.folds, 2, {}, silent);
  int right = 0;
  for (std::size_t i = 0; i < cloud.labels.size(); ++i) {
    right += (p.values()[2 * i + 1] > 0.5F) == (cloud.labels[i] == 1) ? 1 : 0;
  }
  EXPECT_GT(right, 110);
  EXPECT_LT(right, 190);
}

// Counts what goes through the base.
class FeatureCounter : public Progress {
 public:
  void begin(const std::string& what, std::int64_t total) override {
    images += what.find("features") != std::string::npos ? total : 0;
  }
  std::int64_t images = 0;
};
class CountingObserver : public TrainObserver {
 public:
  Progress& progress() override { return counter; }
  FeatureCounter counter{};
};

class LabelErrorsOfPhotos : public testing::Test {
 protected:
  LabelErrorsOfPhotos() { ::setenv("HEADSTART_CACHE", folder_.path().c_str(), 1); }
  ~LabelErrorsOfPhotos() override { ::unsetenv("HEADSTART_CACHE"); }
  test::TemporaryFolder folder_;
};

TEST_F(LabelErrorsOfPhotos, FindsSwappedLabelsAndSharesTheCacheWithTraining) {
  HEADSTART_NEEDS_SHARED();
  DatasetSplits data = read_dataset(test::shared_path("data/cats_vs_dogs"));
  Dataset& train_part = data.train;
  Dataset thin{.class_names = train_part.class_names, .samples = {}, .skipped = {}};
  std::set<std::string> swapped;
  for (std::size_t i = 0; i < train_part.samples.size(); i += 8) {
    thin.samples.push_back(train_part.samples[i]);
    if (i % 80 == 0) {
      thin.samples.back().label = 1 - thin.samples.back().label;
      swapped.insert(thin.samples.back().path);
    }
  }
  train_part = thin;
  data.validation.reset();
  FeatureCounter counter;
  const Model base = open_model(
      {.model = "mobilenet_v2",
       .weights =
           test::shared_path("weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
       .architecture = {.include_top = false}},
      counter);
  const LabelErrors errors = find_label_errors(base, data, {}, counter);
  EXPECT_EQ(counter.images, 250);
  EXPECT_EQ(errors.images.size(), 250U);
  std::size_t hits = 0;
  for (const auto& one : errors.learning.candidates) {
    hits += swapped.contains(errors.images[one.sample].path) ? 1 : 0;
  }
  EXPECT_GE(hits, swapped.size() * 3 / 4) << "of " << swapped.size();
  EXPECT_LE(errors.learning.candidates.size(), swapped.size() * 4 / 3);
  EXPECT_NEAR(errors.learning.wrong, 0.1, 0.05);

  find_label_errors(base, data, {}, counter);
  EXPECT_EQ(counter.images, 250);
  Model model = with_head(base, {.classes = 2}, 0);
  freeze_base(model.graph, base.graph.name(), "all");
  CountingObserver observer;
  train(std::move(model), data, {.head = {.epochs = 1}}, observer);
  EXPECT_EQ(observer.counter.images, 0);
}

}  // namespace
}  // namespace headstart
