// Temperature scaling, confidence intervals, reliability and the views of test-time augmentation.
#include "headstart/calibrate.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "evaluate/views.h"
#include "headstart/error.h"
#include "headstart/metrics.h"

namespace headstart {
namespace {

// Three classes, 600 rows from logits that are `sharpness` times what the labels were drawn by.
struct Drawn {
  Tensor probabilities;
  std::vector<int> labels;
};
Drawn drawn(double sharpness) {
  constexpr int kRows = 600;
  Drawn result{.probabilities = Tensor({kRows, 3}), .labels = {}};
  for (int i = 0; i < kRows; ++i) {
    const double logits[] = {std::sin(1.7 * i), 1.5 * std::cos(0.9 * i), 2.0 * std::sin(0.31 * i + 1.0)};
    double shares[3], sum = 0, sharp_sum = 0;
    for (int c = 0; c < 3; ++c) {
      sum += shares[c] = std::exp(logits[c]);
      sharp_sum += std::exp(sharpness * logits[c]);
    }
    const double draw = sum * std::fmod(0.6180339887498949 * (i + 1), 1.0);  // evenly spread
    result.labels.push_back(draw < shares[0] ? 0 : draw < shares[0] + shares[1] ? 1 : 2);
    for (int c = 0; c < 3; ++c) {
      result.probabilities[3 * i + c] = static_cast<float>(std::exp(sharpness * logits[c]) / sharp_sum);
    }
  }
  return result;
}

TEST(Calibrate, FindsTheTemperatureThatLogitsWereSharpenedBy) {
  const double plain = fit_temperature(drawn(1.0).probabilities, drawn(1.0).labels);
  EXPECT_NEAR(plain, 1.0, 0.15);  // 600 labels drawn from the probabilities themselves
  for (const double sharpness : {0.5, 2.0, 4.0}) {
    const auto data = drawn(sharpness);
    const double temperature = fit_temperature(data.probabilities, data.labels);
    EXPECT_NEAR(temperature / sharpness, plain, 2e-3) << sharpness;  // floats of probabilities
    Tensor scaled = data.probabilities;
    apply_temperature(scaled, temperature);
    const auto before = measure(data.probabilities, data.labels, {"a", "b", "c"});
    const auto after = measure(scaled, data.labels, {"a", "b", "c"});
    EXPECT_LT(after.loss, before.loss);
    EXPECT_LT(after.calibration_error, before.calibration_error);
    EXPECT_EQ(after.accuracy, before.accuracy);
    for (const double other : {0.9, 1.1}) {
      Tensor worse = data.probabilities;
      apply_temperature(worse, temperature * other);
      EXPECT_GT(measure(worse, data.labels, {"a", "b", "c"}).loss, after.loss);
    }
  }
}

// A photo of one channel and one sigmoid unit that gives its value back.
Model one_unit() {
  Model model;
  model.graph.add("input", Input{{1}}, std::vector<NodeId>{});
  model.graph.add("dense", Dense{.units = 1, .use_bias = false, .activation = {Activation::Kind::sigmoid}},
                  0);
  model.parameters.insert("dense/kernel", Tensor({1, 1}, std::vector<float>{1.0F}));
  return model;
}

TEST(Calibrate, OfOneSigmoidIsTheSameWithTheClassesExchanged) {
  Model model = one_unit();
  for (const float sharpness : {5.0F, 10.0F}) {
    Tensor logits({600, 1}), exchanged({600, 1});
    std::vector<int> labels, others;
    for (int i = 0; i < 600; ++i) {
      logits[i] = sharpness * 4.0F * static_cast<float>(std::sin(1.7 * i));  // up to 40: as floats 1 - p is 0
      exchanged[i] = -logits[i];
      const double p = 1.0 / (1.0 + std::exp(-static_cast<double>(logits[i] / sharpness)));
      labels.push_back(std::fmod(0.6180339887498949 * (i + 1), 1.0) < p ? 1 : 0);
      others.push_back(1 - labels.back());
    }
    const double temperature = fit_temperature(class_probabilities_of_logits(model, logits), labels);
    EXPECT_NEAR(temperature / sharpness, 1.0, 0.15);
    EXPECT_NEAR(fit_temperature(class_probabilities_of_logits(model, exchanged), others), temperature, 1e-3);
  }
  model.temperature = 5.0;
  const Tensor pair = class_probabilities_of_logits(model, Tensor({2, 1}, std::vector<float>{20.0F, -20.0F}));
  EXPECT_NEAR(pair[1], 1.0 / (1.0 + std::exp(-4.0)), 1e-6);
  EXPECT_EQ(pair[1], pair[2]);
}

TEST(Calibrate, IsSoftmaxOfDividedLogits) {
  Tensor probabilities({1, 2}, std::vector<float>{0.9F, 0.1F});
  apply_temperature(probabilities, 2.0);
  EXPECT_NEAR(probabilities[0], 0.75, 1e-6);  // sqrt(9) to 1
  Tensor certain({1, 2}, std::vector<float>{1.0F, 0.0F});
  apply_temperature(certain, 5.0);
  EXPECT_GT(certain[0], 0.999F);
  EXPECT_TRUE(std::isfinite(certain[1]));
}

TEST(Calibrate, RightAnswersAloneEndAtTheBound) {
  const Tensor right({2, 2}, std::vector<float>{0.6F, 0.4F, 0.3F, 0.7F});
  EXPECT_LT(fit_temperature(right, {0, 1}), 1.01 * kLeastTemperature);
}

TEST(Calibrate, RefusesWhatDoesNotFit) {
  EXPECT_THROW(class_table(one_unit(), {Tensor({1, 1}, std::vector<float>{std::nanf("")})}), Error);
  EXPECT_THROW(fit_temperature(Tensor({2, 2}), {0}), Error);
  EXPECT_THROW(fit_temperature(Tensor({1, 2}), {2}), Error);
  EXPECT_THROW(fit_temperature(Tensor({0, 2}), {}), Error);
}

TEST(Reliability, WorkedExample) {
  // Confidences 0.9 (right), 0.9 (wrong), 0.6 (right): bins (0.867, 0.933] and (0.533, 0.6].
  const std::vector<float> probabilities{0.9F, 0.1F, 0.9F, 0.1F, 0.4F, 0.6F};
  const auto result = measure(Tensor({3, 2}, probabilities), {0, 1, 1}, {"a", "b"});
  EXPECT_NEAR(result.calibration_error, (2 * 0.4 + 0.4) / 3, 1e-6);
  ASSERT_EQ(result.reliability.size(), 15U);
  std::int64_t images = 0;
  for (const auto& bin : result.reliability) {
    images += bin.images;
    EXPECT_TRUE(bin.images == 0 || (bin.confidence > bin.low - 1e-6 && bin.confidence <= bin.high + 1e-6));
  }
  EXPECT_EQ(images, 3);
}

TEST(Metrics, MacroF1AndTopK) {
  const std::vector<float> probabilities{0.8F, 0.1F, 0.1F, 0.1F, 0.3F, 0.6F, 0.2F, 0.5F, 0.3F};
  const auto result = measure(Tensor({3, 3}, probabilities), {0, 1, 1}, {"a", "b", "absent"}, 2);
  // a: 1; b: precision 1, recall 1/2, F1 2/3; the absent class does not count.
  EXPECT_NEAR(result.macro_f1, (1.0 + 2.0 / 3) / 2, 1e-12);
  EXPECT_EQ(result.top, 2);
  EXPECT_EQ(result.top_accuracy, 1.0);
  EXPECT_NEAR(result.accuracy, 2.0 / 3, 1e-12);
}

TEST(Wilson, KnownIntervals) {
  // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20.
  EXPECT_NEAR(wilson_interval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson_interval(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson_interval(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(wilson_interval(15, 148).high, 0.1605, 5e-5);
  EXPECT_NEAR(wilson_interval(0, 20).low, 0.0, 1e-12);
  EXPECT_NEAR(wilson_interval(0, 20).high, 0.1611, 5e-5);
  EXPECT_EQ(wilson_interval(0, 0).high, 1.0);
}

TEST(Views, AreMirroredAndFromTheCorners) {
  Image image{.width = 16, .height = 16, .pixels = {}};
  for (int i = 0; i < 16 * 16; ++i) {
    const auto x = static_cast<std::uint8_t>(10 * (i % 16)), y = static_cast<std::uint8_t>(10 * (i / 16));
    image.pixels.insert(image.pixels.end(), {x, y, 0});
  }
  const auto corner = [&](int view) { return test_view(image, view, ResizeKernel::nearest).pixels; };
  EXPECT_EQ(corner(0), image.pixels);
  const auto mirrored = corner(1);
  EXPECT_EQ(mirrored[0], 150);
  EXPECT_EQ(mirrored[45], 0);
  // First pixels: upper left; upper right, mirrored; lower left, mirrored; lower right.
  const std::pair<int, int> expected[] = {{0, 0}, {150, 0}, {130, 20}, {20, 20}};
  for (int view = 2; view < kTestViews; ++view) {
    const auto pixels = corner(view);
    EXPECT_EQ(pixels.size(), image.pixels.size());
    EXPECT_EQ(pixels[0], expected[view - 2].first) << view;
    EXPECT_EQ(pixels[1], expected[view - 2].second) << view;
  }
}

}  // namespace
}  // namespace headstart
