// Distances from the known photos beside naive arithmetic, limits that keep their promise, sources of
// features.
#include "headstart/acceptance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/error.h"

namespace headstart {
namespace {

struct Cloud {
  Tensor features;
  std::vector<int> labels;
};

// Three clusters in 12 dimensions, wide in the first two, narrow elsewhere; length 1.
Cloud cloud(int count, std::uint64_t key, float away = 0.0F) {
  Random random(key, RandomPurpose::test);
  std::vector<float> raw;
  Cloud result;
  for (int i = 0; i < count; ++i) {
    result.labels.push_back(i % 3);
    for (int c = 0; c < 12; ++c) {
      const float center = c == 3 + i % 3 ? 4.0F : c == 9 ? away : c < 2 ? 1.0F : 0.0F;
      raw.push_back(center + (c < 2 ? 1.0F : 0.1F) * random.normal());
    }
  }
  result.features = unit_features(raw, count, 12);
  return result;
}

// The inverse of a matrix by Gauss and Jordan.
std::vector<double> inverse(std::vector<double> a, std::size_t n) {
  std::vector<double> b(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    b[i * n + i] = 1.0;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double pivot = a[i * n + i];
    for (std::size_t j = 0; j < n; ++j) {
      a[i * n + j] /= pivot, b[i * n + j] /= pivot;
    }
    for (std::size_t row = 0; row < n; ++row) {
      const double factor = row == i ? 0.0 : a[row * n + i];
      for (std::size_t j = 0; j < n; ++j) {
        a[row * n + j] -= factor * a[i * n + j], b[row * n + j] -= factor * b[i * n + j];
      }
    }
  }
  return b;
}

TEST(Acceptance, DistanceIsMahalanobisOfTheCovarianceThatIsStored) {
  const Cloud known = cloud(300, 1), other = cloud(30, 2, 3.0F);
  const Acceptance fitted = fit_acceptance(known.features, known.labels, 3);
  const std::size_t n = 12, rank = static_cast<std::size_t>(fitted.directions.shape()[0]);
  ASSERT_EQ(rank, 3U);
  // The inverse covariance is 1 / noise - sum of directions: a matrix and its inverse.
  std::vector<double> precision(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    precision[i * n + i] = 1.0 / fitted.noise;
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < rank; ++k) {
        precision[i * n + j] -= static_cast<double>(fitted.directions.values()[k * n + i]) *
                                fitted.directions.values()[k * n + j];
      }
    }
  }
  const auto covariance = inverse(precision, n);
  // Along its greatest directions it is the covariance of the residuals; the trace is theirs too.
  double trace = 0, expected_trace = 0;
  std::vector<double> measured(n * n, 0.0);
  for (std::size_t row = 0; row < known.labels.size(); ++row) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto residual = [&](std::size_t c) {
        return static_cast<double>(known.features.values()[row * n + c]) -
               fitted.centroids.values()[static_cast<std::size_t>(known.labels[row]) * n + c];
      };
      for (std::size_t j = 0; j < n; ++j) {
        measured[i * n + j] += residual(i) * residual(j) / 300.0;
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    trace += covariance[i * n + i];
    expected_trace += measured[i * n + i];
  }
  EXPECT_NEAR(trace / expected_trace, 1.0, 1e-4);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      // Directions of nearly the same variance are not turned towards the eigenvectors.
      EXPECT_NEAR(covariance[i * n + j] / measured[0], measured[i * n + j] / measured[0], 0.05);
    }
  }
  const auto far = distances(fitted, other.features);
  for (std::size_t row = 0; row < far.size(); ++row) {
    double least = 1e300;
    for (std::size_t c = 0; c < 3; ++c) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          const auto d = [&](std::size_t k) {
            return static_cast<double>(other.features.values()[row * n + k]) -
                   fitted.centroids.values()[c * n + k];
          };
          sum += d(i) * precision[i * n + j] * d(j);
        }
      }
      least = std::min(least, sum);
    }
    EXPECT_NEAR(far[row], std::sqrt(least / 12.0), 1e-6 * far[row]);
  }
}

TEST(Acceptance, ClustersAreToldFromStrangers) {
  const Cloud known = cloud(600, 1), held_out = cloud(400, 2), fresh = cloud(1000, 3);
  Acceptance fitted = fit_acceptance(known.features, known.labels, 3);
  fit_limits(fitted, distances(fitted, held_out.features), held_out.labels, 0.95);
  const auto accepted = strangeness(fitted, distances(fitted, fresh.features), fresh.labels);
  const double unknown = static_cast<double>(std::count_if(accepted.begin(), accepted.end(), is_unknown));
  EXPECT_NEAR(unknown / 1000.0, 0.05, 0.03);
  const Cloud strangers = cloud(200, 4, 2.0F);
  const auto strange = strangeness(fitted, distances(fitted, strangers.features), strangers.labels);
  EXPECT_EQ(std::count_if(strange.begin(), strange.end(), is_unknown), 200);
  EXPECT_GT(separation(accepted, strange), 0.999);
}

TEST(Acceptance, LimitsKeepTheirPromise) {
  Acceptance fitted;
  fitted.centroids = Tensor({2, 2});
  std::vector<double> far(99);
  std::iota(far.begin(), far.end(), 1.0);
  std::vector<int> predicted(99, 0);
  fit_limits(fitted, far, predicted, 0.9);
  EXPECT_EQ(fitted.limits,
            (std::vector<double>{90.0, 90.0}));  // place ceil(100 * 0.9); class 1 is never said
  fit_limits(fitted, far, predicted, 0.99);
  EXPECT_EQ(fitted.limits.front(), 99.0);
  fit_limits(fitted, far, predicted, 0.999);  // 999 images could promise it: all that was seen is accepted
  EXPECT_EQ(fitted.limits.front(), 99.0);
  EXPECT_EQ(fitted.share, 0.999);
  // Two classes of 100: their own limits at 0.95, a common one at 0.96, where four lie beyond.
  std::vector<double> two(200);
  std::iota(two.begin(), two.end(), 1.0);
  std::vector<int> classes(200, 0);
  std::fill(classes.begin() + 100, classes.end(), 1);
  fit_limits(fitted, two, classes, 0.95);
  EXPECT_EQ(fitted.limits, (std::vector<double>{96.0, 196.0}));
  fit_limits(fitted, two, classes, 0.96);
  EXPECT_EQ(fitted.limits, (std::vector<double>{193.0, 193.0}));
}

TEST(Acceptance, FewFeaturesThatStandStillAreNoDanger) {
  const Tensor same({4, 2}, std::vector<float>{1, 0, 1, 0, 0, 1, 0, 1});
  const Acceptance fitted = fit_acceptance(same, std::vector<int>{0, 0, 2, 2}, 3);
  for (const double distance : distances(fitted, same)) {
    EXPECT_EQ(distance, 0.0);
  }
  const Tensor zero = unit_features(std::vector<float>{0, 0}, 1, 2);
  EXPECT_EQ(zero[0], 0.0F);
  EXPECT_TRUE(std::isfinite(distances(fitted, zero).front()));
  EXPECT_TRUE(is_unknown(std::nanf("")));
}

TEST(Acceptance, SeparationCountsPairs) {
  const std::vector<float> known{1, 2, 3}, strangers{2, 4};
  EXPECT_NEAR(separation(known, strangers), (1.5 + 3.0) / 6.0, 1e-12);
  EXPECT_THROW(separation(known, {}), Error);
}

TEST(Acceptance, RefusesWhatDoesNotFit) {
  const Tensor features({2, 3}, std::vector<float>{1, 0, 0, 0, 1, 0});
  EXPECT_THROW(fit_acceptance(features, std::vector<int>{0}, 2), Error);
  EXPECT_THROW(fit_acceptance(features, std::vector<int>{0, 2}, 2), Error);
  EXPECT_THROW(fit_acceptance(features, std::vector<int>{0, -1}, 2), Error);
  EXPECT_THROW(class_means(features, std::vector<int>{0, 900}, 2), Error);
  EXPECT_THROW(class_means(features, std::vector<int>{0, -1}, 2), Error);
  EXPECT_THROW(class_means(features, std::vector<int>{0}, 2), Error);
  EXPECT_THROW(class_means(features, std::vector<int>(5000, 1), 2), Error);
  EXPECT_THROW(class_means(Tensor({2}), std::vector<int>{0, 1}, 2), Error);
  Acceptance fitted = fit_acceptance(features, std::vector<int>{0, 1}, 2);
  EXPECT_THROW(distances(fitted, Tensor({1, 2})), Error);
  const std::vector<double> far(20, 1.0);
  const std::vector<int> predicted(20, 1);
  EXPECT_THROW(fit_limits(fitted, far, predicted, 1.0), Error);
  EXPECT_THROW(fit_limits(fitted, far, std::vector<int>(19, 1), 0.9), Error);
  EXPECT_THROW(fit_limits(fitted, std::span(far).first(19), std::span(predicted).first(19), 0.9), Error);
  EXPECT_THROW(fit_limits(fitted, far, std::vector<int>(20, 2), 0.9), Error);
  EXPECT_THROW(fit_limits(fitted, far, std::vector<int>(20, -1), 0.9), Error);
  EXPECT_THROW(strangeness(fitted, far, predicted), Error);  // without limits
  fit_limits(fitted, far, predicted, 0.9);
  EXPECT_EQ(strangeness(fitted, far, predicted), std::vector<float>(20, 1.0F));
  EXPECT_THROW(strangeness(fitted, far, std::vector<int>(20, 2)), Error);
  EXPECT_THROW(unit_features(std::vector<float>(6), 2, 2), Error);
  EXPECT_THROW(unit_features(std::vector<float>(6), 4, 1), Error);
  EXPECT_THROW(unit_features(std::vector<float>(6), 0, 3), Error);
  EXPECT_THROW(unit_features(std::vector<float>(6), 1, 0), Error);
}

Graph begun() {
  Graph graph;
  graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  graph.add("conv", Conv2D{.filters = 5}, 0);
  return graph;
}

TEST(FeatureSource, IsWhatTheLastLayerWithWeightsReads) {
  Graph pooled = begun();
  pooled.add("dense", Dense{.units = 2},
             pooled.add("drop", Dropout{}, pooled.add("gap", GlobalAveragePooling2D{}, 1)));
  pooled.add("softmax", ActivationLayer{{Activation::Kind::softmax}}, pooled.output());
  EXPECT_EQ(pooled.node(feature_source(pooled)->node).name, "gap");
  EXPECT_EQ(feature_source(pooled)->channels, 5);

  Graph flat = begun();  // the mean over the 16 positions
  flat.add("dense", Dense{.units = 2}, flat.add("flatten", Flatten{}, 1));
  EXPECT_EQ(flat.node(feature_source(flat)->node).name, "flatten");
  EXPECT_EQ(feature_source(flat)->channels, 5);

  Graph squeezed = begun();  // SqueezeNet's end
  squeezed.add("gap", GlobalAveragePooling2D{}, squeezed.add("last", Conv2D{.filters = 2}, 1));
  EXPECT_EQ(squeezed.node(feature_source(squeezed)->node).name, "conv");

  Graph first;
  first.add("dense", Dense{.units = 2}, first.add("input", Input{{7}}, std::vector<NodeId>{}));
  EXPECT_FALSE(feature_source(first));
}

TEST(FeatureSource, ImagesBecomeTheirMeanOfLengthOne) {
  const Tensor unit = unit_features(std::vector<float>{1, 2, 5, 6, 0, 1, 0, 1}, 2, 2);
  EXPECT_NEAR(unit[0], 3 / 5.0, 1e-6);
  EXPECT_NEAR(unit[1], 4 / 5.0, 1e-6);
  EXPECT_EQ(unit[2], 0.0F);
  EXPECT_EQ(unit[3], 1.0F);
}

}  // namespace
}  // namespace headstart
