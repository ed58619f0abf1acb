// The gradient of a first convolution's kernel against naive loops.
#include "engine/stem_gradient.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.h"

namespace headstart {
namespace {

constexpr std::int64_t kFilters = 32;

std::vector<float> normal_values(std::int64_t count, std::uint64_t stream) {
  Random random(5, RandomPurpose::test, stream);
  std::vector<float> values(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), [&] { return random.normal(); });
  return values;
}

std::vector<double> naive(const SlidingShape& s, const std::vector<float>& src,
                          const std::vector<float>& diff) {
  std::vector<double> result(
      static_cast<std::size_t>(s.kernel_height * s.kernel_width * s.channels * kFilters));
  for (std::int64_t pixel = 0; pixel < s.batch * s.result_height * s.result_width; ++pixel) {
    const std::int64_t image = pixel / (s.result_height * s.result_width);
    for (std::int64_t place = 0; place < s.kernel_height * s.kernel_width; ++place) {
      const std::int64_t y =
          pixel / s.result_width % s.result_height * s.stride_down + place / s.kernel_width - s.zeros_above;
      const std::int64_t x = pixel % s.result_width * s.stride_right + place % s.kernel_width - s.zeros_left;
      if (y < 0 || y >= s.height || x < 0 || x >= s.width) {
        continue;
      }
      for (std::int64_t i = 0; i < s.channels * kFilters; ++i) {
        const auto from =
            static_cast<std::size_t>(((image * s.height + y) * s.width + x) * s.channels + i / kFilters);
        result[static_cast<std::size_t>(place * s.channels * kFilters + i)] +=
            static_cast<double>(src[from]) *
            static_cast<double>(diff[static_cast<std::size_t>(pixel * kFilters + i % kFilters)]);
      }
    }
  }
  return result;
}

SlidingShape shape_of(std::int64_t channels, std::int64_t size, std::int64_t kernel, std::int64_t stride,
                      std::int64_t zeros) {
  const std::int64_t result = (size + 2 * zeros - kernel) / stride + 1;
  return {.batch = 3,
          .channels = channels,
          .height = size,
          .width = size + stride,
          .result_height = result,
          .result_width = result + 1,
          .kernel_height = kernel,
          .kernel_width = kernel,
          .stride_down = stride,
          .stride_right = stride,
          .zeros_above = zeros,
          .zeros_left = zeros};
}

// Seen: less than 1e-6 of the norm of what is summed, a product a pixel.
TEST(StemGradient, EqualsNaiveLoops) {
  for (const SlidingShape& s : {shape_of(3, 20, 3, 1, 0), shape_of(3, 19, 3, 2, 1), shape_of(3, 31, 7, 2, 3),
                                shape_of(1, 16, 5, 1, 2), shape_of(4, 13, 2, 3, 0), shape_of(3, 3, 3, 1, 1),
                                shape_of(2, 9, 1, 1, 0), shape_of(3, 8, 11, 4, 5)}) {
    const auto src = normal_values(s.batch * s.height * s.width * s.channels, 1);
    const auto diff = normal_values(s.batch * s.result_height * s.result_width * kFilters, 2);
    const auto expected = naive(s, src, diff);
    std::vector<float> room(static_cast<std::size_t>(stem_gradient_room(s, kFilters)), NAN);
    std::vector<float> actual(expected.size(), NAN);
    ASSERT_TRUE(is_stem(s, kFilters));
    stem_gradient(s, kFilters, src.data(), diff.data(), room.data(), actual.data());
    const double norm = std::sqrt(static_cast<double>(s.batch * s.result_height * s.result_width));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(actual[i]), expected[i], 2e-6 * norm)
          << s.channels << " channels, kernel " << s.kernel_width << ", at " << i;
    }
  }
}

TEST(StemGradient, IsForFewChannelsAndWholeVectorsOfFilters) {
  EXPECT_TRUE(is_stem(shape_of(3, 224, 7, 2, 3), 64));
  EXPECT_FALSE(is_stem(shape_of(16, 224, 3, 2, 1), 64));
  EXPECT_FALSE(is_stem(shape_of(3, 224, 7, 2, 3), 24));
  EXPECT_FALSE(is_stem(shape_of(3, 224, 16, 16, 0), 768));  // patches
}

}  // namespace
}  // namespace headstart
