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
    EXPECT_NEAR(static_cast<double>(results[i]), expected, 1e-6 * std::abs(expected) + 1e-35) << x;
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

}  // namespace
}  // namespace headstart
