// The division of RMSprop and Adam against double precision.
#include "core/root_quotient.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace headstart {
namespace {

std::vector<float> quotients(const std::vector<float>& values, const std::vector<float>& squares,
                             float epsilon) {
  std::vector<float> result(values.size());
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    for_lanes<L>(
        static_cast<std::int64_t>(values.size()), [&]<typename V>(std::int64_t i)
                                                      __attribute__((always_inline)) {
                                                        typename V::Floats value, square, quotient;
                                                        V::get(values.data() + i, value);
                                                        V::get(squares.data() + i, square);
                                                        root_quotient<V>(value, square, epsilon, quotient);
                                                        V::put(result.data() + i, quotient);
                                                      });
  });
  return result;
}

TEST(RootQuotient, IsExactToFourUnitsInTheLastPlace) {
  std::vector<float> values, squares;
  for (int exponent = -120; exponent <= 126; ++exponent) {
    for (float fraction = 1.0F; fraction < 2.0F; fraction += 1.0F / 64.0F) {
      squares.push_back(std::ldexp(fraction, exponent));
      values.push_back(std::ldexp(-1.75F, exponent / 2));
    }
  }
  for (const float epsilon : {0.0F, 1e-7F, 0.5F}) {
    const auto result = quotients(values, squares, epsilon);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double expected = static_cast<double>(values[i]) /
                              (std::sqrt(static_cast<double>(squares[i])) + static_cast<double>(epsilon));
      const double unit = std::ldexp(1.0, std::ilogb(expected) - 23);
      ASSERT_NEAR(result[i], expected, 4.0 * unit) << squares[i] << " " << epsilon;
    }
  }
}

TEST(RootQuotient, OfExtremesIsFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values(40, 1.0F);
  for (const float value : quotients(values, std::vector<float>(40, kInfinity), 1e-7F)) {
    EXPECT_NEAR(value, 0.0F, 1e-18F);
  }
  for (const float value : quotients(values, std::vector<float>(40, 0.0F), 1e-7F)) {
    EXPECT_NEAR(value, 1e7F, 4.0F);
  }
}

TEST(RootQuotient, OfNotANumberIsNone) {
  const float none = std::numeric_limits<float>::quiet_NaN();
  for (const float value : quotients(std::vector<float>(17, 1.0F), std::vector<float>(17, none), 1e-7F)) {
    EXPECT_TRUE(std::isnan(value));
  }
}

}  // namespace
}  // namespace headstart
