// Gradients of convolutions' kernels against naive loops.
#include "engine/kernel_gradient.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.h"
#include "engine/depthwise_gradient.h"
#include "engine/stem_gradient.h"

namespace headstart {
namespace {

std::vector<float> normal_pixels(std::int64_t count, std::uint64_t stream) {
  Random random(5, RandomPurpose::test, stream);
  std::vector<float> values(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), [&] { return random.normal(); });
  return values;
}

std::vector<double> naive_gradient(const SlidingShape& s, std::int64_t filters, const std::vector<float>& src,
                                   const std::vector<float>& diff) {
  std::vector<double> result(
      static_cast<std::size_t>(s.kernel_height * s.kernel_width * s.channels * filters));
  for (std::int64_t pixel = 0; pixel < s.batch * s.result_height * s.result_width; ++pixel) {
    const std::int64_t image = pixel / (s.result_height * s.result_width);
    for (std::int64_t place = 0; place < s.kernel_height * s.kernel_width; ++place) {
      const std::int64_t y =
          pixel / s.result_width % s.result_height * s.stride_down + place / s.kernel_width - s.zeros_above;
      const std::int64_t x = pixel % s.result_width * s.stride_right + place % s.kernel_width - s.zeros_left;
      if (y < 0 || y >= s.height || x < 0 || x >= s.width) {
        continue;
      }
      for (std::int64_t i = 0; i < s.channels * filters; ++i) {
        const auto from =
            static_cast<std::size_t>(((image * s.height + y) * s.width + x) * s.channels + i / filters);
        result[static_cast<std::size_t>(place * s.channels * filters + i)] +=
            static_cast<double>(src[from]) *
            static_cast<double>(diff[static_cast<std::size_t>(pixel * filters + i % filters)]);
      }
    }
  }
  return result;
}

SlidingShape window_over(std::int64_t channels, std::int64_t size, std::int64_t kernel, std::int64_t stride,
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

using Compute = std::function<void(const float* src, const float* diff, float* room, float* gradient)>;

// `tolerance`: of the norm of what is summed, a product a pixel.
void expect_gradient(const SlidingShape& s, std::int64_t filters, std::int64_t room, double tolerance,
                     const Compute& compute) {
  const auto src = normal_pixels(s.batch * s.height * s.width * s.channels, 1);
  const auto diff = normal_pixels(s.batch * s.result_height * s.result_width * filters, 2);
  const auto expected = naive_gradient(s, filters, src, diff);
  std::vector<float> space(static_cast<std::size_t>(room), NAN);
  std::vector<float> actual(expected.size(), NAN);
  compute(src.data(), diff.data(), space.data(), actual.data());
  const double norm = std::sqrt(static_cast<double>(s.batch * s.result_height * s.result_width));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(actual[i]), expected[i], tolerance * norm)
        << s.channels << " channels, " << filters << " filters, kernel " << s.kernel_width << ", at " << i;
  }
}

// Seen: less than 1e-6.
TEST(StemGradient, EqualsNaiveLoops) {
  constexpr std::int64_t kFilters = 32;
  for (const SlidingShape& s :
       {window_over(3, 20, 3, 1, 0), window_over(3, 19, 3, 2, 1), window_over(3, 31, 7, 2, 3),
        window_over(1, 16, 5, 1, 2), window_over(4, 13, 2, 3, 0), window_over(3, 3, 3, 1, 1),
        window_over(2, 9, 1, 1, 0), window_over(3, 8, 11, 4, 5)}) {
    ASSERT_TRUE(is_stem(s, kFilters));
    expect_gradient(s, kFilters, stem_gradient_room(s, kFilters), 2e-6,
                    [&](const float* src, const float* diff, float* room, float* gradient) {
                      stem_gradient(s, kFilters, src, diff, room, gradient);
                    });
  }
}

struct Product {
  SlidingShape shape{};
  std::int64_t filters = 1;
};

// Several pieces of values and of filters, several parts of the rows, panels that are not full, windows that
// stand beyond the borders.
const std::vector<Product>& all_products() {
  static const std::vector<Product> all{
      {window_over(16, 20, 1, 1, 0), 16},  {window_over(103, 7, 1, 1, 0), 21},
      {window_over(13, 25, 1, 1, 0), 300}, {window_over(200, 6, 1, 1, 0), 272},
      {window_over(24, 19, 1, 2, 0), 40},  {window_over(5, 21, 3, 1, 1), 16},
      {window_over(37, 9, 3, 1, 1), 33},   {window_over(40, 11, 3, 2, 1), 48},
      {window_over(7, 10, 5, 1, 2), 8},    {window_over(3, 17, 3, 2, 0), 20},
      {window_over(6, 5, 7, 3, 3), 24},    {window_over(2, 2, 5, 1, 4), 9},
      {window_over(8, 32, 3, 1, 1), 12},   {window_over(12, 13, 2, 2, 0), 600},
      {window_over(1, 4, 1, 1, 0), 1}};
  return all;
}

// Seen: 1e-6; 2.2e-6 without fused multiplications.
TEST(KernelGradient, EqualsNaiveLoops) {
  for (const auto& [shape, filters] : all_products()) {
    const KernelGradient product(shape, filters, 2);
    expect_gradient(shape, filters, product.room(), 5e-6,
                    [&](const float* src, const float* diff, float* room, float* gradient) {
                      product.run(src, diff, room, gradient);
                    });
  }
}

TEST(KernelGradient, HasTheSameBitsWithAnyNumberOfThreads) {
  for (const auto& [shape, filters] : all_products()) {
    const auto src = normal_pixels(shape.batch * shape.height * shape.width * shape.channels, 1);
    const auto diff = normal_pixels(shape.batch * shape.result_height * shape.result_width * filters, 2);
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 3}) {
      const KernelGradient product(shape, filters, threads);
      std::vector<float> room(static_cast<std::size_t>(product.room()));
      auto& result = results.emplace_back(
          static_cast<std::size_t>(shape.kernel_height * shape.kernel_width * shape.channels * filters));
      product.run(src.data(), diff.data(), room.data(), result.data());
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
}

TEST(KernelGradient, IsForValuesAndFiltersThatFillTheRegisters) {
  EXPECT_TRUE(KernelGradient(window_over(64, 56, 1, 1, 0), 256, 1).fills_registers());
  EXPECT_FALSE(KernelGradient(window_over(144, 56, 1, 1, 0), 24, 1).fills_registers());
  EXPECT_FALSE(KernelGradient(window_over(8, 56, 1, 1, 0), 32, 1).fills_registers());
  EXPECT_TRUE(KernelGradient(window_over(8, 56, 3, 1, 1), 32, 1).fills_registers());
}

TEST(StemGradient, IsForFewChannelsAndWholeVectorsOfFilters) {
  EXPECT_TRUE(is_stem(window_over(3, 224, 7, 2, 3), 64));
  EXPECT_FALSE(is_stem(window_over(16, 224, 3, 2, 1), 64));
  EXPECT_FALSE(is_stem(window_over(3, 224, 7, 2, 3), 24));
  EXPECT_FALSE(is_stem(window_over(3, 224, 16, 16, 0), 768));  // patches
}

// Every width with loops of its own and one without; strides, borders, a kernel larger than the source;
// channels that fill vectors and that do not.
TEST(DepthwiseGradient, EqualsNaiveLoops) {
  for (const std::int64_t channels : {8, 16, 21, 1}) {
    for (const SlidingShape& s : {window_over(channels, 20, 3, 1, 1), window_over(channels, 19, 3, 2, 1),
                                  window_over(channels, 12, 5, 1, 2), window_over(channels, 13, 5, 2, 0),
                                  window_over(channels, 11, 7, 1, 3), window_over(channels, 9, 2, 1, 0),
                                  window_over(channels, 9, 9, 3, 4), window_over(channels, 3, 5, 1, 2),
                                  window_over(channels, 2, 3, 2, 1), window_over(channels, 4, 1, 1, 0)}) {
      const auto src = normal_pixels(s.batch * s.height * s.width * channels, 1);
      const auto diff = normal_pixels(s.batch * s.result_height * s.result_width * channels, 2);
      // Of a convolution with as many filters the gradients that have a channel's own filter.
      const auto all = naive_gradient(s, channels, src, diff);
      const std::int64_t size = s.kernel_height * s.kernel_width * channels;
      std::vector<float> room(static_cast<std::size_t>(depthwise_gradient_room(s)), NAN);
      std::vector<float> actual(static_cast<std::size_t>(size), NAN);
      depthwise_kernel_gradient(src.data(), diff.data(), false, s, room.data(), actual.data());
      const double norm = std::sqrt(static_cast<double>(s.batch * s.result_height * s.result_width));
      for (std::int64_t i = 0; i < size; ++i) {
        ASSERT_NEAR(static_cast<double>(actual[static_cast<std::size_t>(i)]),
                    all[static_cast<std::size_t>(i * channels + i % channels)], 2e-6 * norm)
            << channels << " channels, kernel " << s.kernel_width << ", at " << i;
      }
    }
  }
}

}  // namespace
}  // namespace headstart
