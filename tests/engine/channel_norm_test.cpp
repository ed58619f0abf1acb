// The curves that run in a norm's pass, over all the floats that may come.
#include "engine/channel_norm.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace headstart {
namespace {

std::vector<float> activated(std::vector<float> values, const RowActivation& activation) {
  const float one = 1.0F, zero = 0.0F;
  const auto count = static_cast<std::int64_t>(values.size());
  const Rows rows{.data = values.data(), .count = count, .channels = 1};
  scale_and_activate(rows, &one, &zero, activation, rows);
  return values;
}

TEST(ChannelNorm, SwishIsExactOverItsRange) {
  std::vector<float> values;
  for (float x = -95.0F; x < 95.0F; x += 0.0137F) {
    values.push_back(x);
  }
  const auto results = activated(values, kSwish);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(values[i]);
    const double expected = x / (1.0 + std::exp(-x));
    // Without fused multiplications the exponent is rounded, by more the larger it is.
    const double error = 3e-7 + 1e-7 * std::abs(x);
    EXPECT_NEAR(static_cast<double>(results[i]), expected, error * std::abs(expected) + 1e-35) << x;
  }
}

TEST(ChannelNorm, CurvesKeepTheirLimitsAndWhatIsNoNumber) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values{1e4F, 1e30F, kInfinity, -1e4F, -3.0F, 0.0F, NAN};
  for (const auto& curve : {kSwish, kHardSwish}) {
    const auto results = activated(values, curve);
    EXPECT_EQ(results[0], 1e4F);
    EXPECT_FLOAT_EQ(results[1], 1e30F);
    EXPECT_EQ(results[2], kInfinity);
    EXPECT_NEAR(results[3], 0.0F, 1e-30F);
    EXPECT_NEAR(results[4], curve.kind == RowActivation::Kind::swish ? -0.14227762F : 0.0F, 1e-7F);
    EXPECT_EQ(results[5], 0.0F);
    EXPECT_TRUE(std::isnan(results[6]));
  }
}

// Of a few channels, a vector of them, and more than stand in a line together; a last row that fills no
// vector. Without the statistics' own gradient the source's is that of the activation, times the scale.
TEST(ChannelNorm, GradientsOfCurvesAreThoseOfNaiveLoops) {
  const auto slope_of = [](RowActivation::Kind kind, double x) {
    const double sigmoid = 1.0 / (1.0 + std::exp(-x));
    const double between = x <= -3.0 ? 0.0 : x >= 3.0 ? 1.0 : x / 3.0 + 0.5;
    return kind == RowActivation::Kind::swish ? sigmoid * (1.0 + x * (1.0 - sigmoid)) : between;
  };
  constexpr float kScale = 1.5F, kShift = 0.25F;
  for (const std::int64_t channels : {1, 3, 8, 24, 300}) {
    constexpr std::int64_t kRows = 131;
    const auto size = static_cast<std::size_t>(channels);
    std::vector<float> src(size * kRows), diff(size * kRows), actual(size * kRows);
    for (std::size_t i = 0; i < src.size(); ++i) {
      src[i] = 5.0F * std::sin(0.37F * static_cast<float>(i));
      diff[i] = std::cos(0.11F * static_cast<float>(i));
    }
    const std::vector<float> mean(size, 0.5F), variance(size, 1.0F), scale(size, kScale), shift(size, kShift);
    for (const auto& curve : {kSwish, kHardSwish}) {
      std::vector<float> diff_scale(size), diff_shift(size);
      normalize_channels_backward({.data = src.data(), .count = kRows, .channels = channels},
                                  {.data = diff.data(), .count = kRows, .channels = channels},
                                  {.mean = mean.data(),
                                   .variance = variance.data(),
                                   .scale = scale.data(),
                                   .shift = shift.data(),
                                   .activation = curve},
                                  false,
                                  {.diff_src = {.data = actual.data(), .count = kRows, .channels = channels},
                                   .diff_scale = diff_scale.data(),
                                   .diff_shift = diff_shift.data()});
      std::vector<double> sums(size), products(size);
      for (std::size_t i = 0; i < src.size(); ++i) {
        const double unit = static_cast<double>(src[i]) - 0.5;
        const double through =
            static_cast<double>(diff[i]) *
            slope_of(curve.kind, unit * static_cast<double>(kScale) + static_cast<double>(kShift));
        ASSERT_NEAR(static_cast<double>(actual[i]), through * static_cast<double>(kScale), 1e-5) << i;
        sums[i % size] += through;
        products[i % size] += through * unit;
      }
      for (std::size_t c = 0; c < size; ++c) {
        EXPECT_NEAR(static_cast<double>(diff_shift[c]), sums[c], 1e-4);
        EXPECT_NEAR(static_cast<double>(diff_scale[c]), products[c], 5e-4);
      }
    }
  }
}

}  // namespace
}  // namespace headstart
