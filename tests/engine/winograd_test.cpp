// Convolutions by Winograd's filtering against naive loops, and the choice between them and direct ones.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.h"
#include "engine/bf16.h"
#include "engine/winograd.h"
#include "engine/winograd_choice.h"
#include "engine/winograd_gradient.h"
#include "headstart/engine.h"

namespace headstart {
namespace {

std::vector<float> normal_values(std::int64_t count, std::uint64_t stream) {
  Random random(3, RandomPurpose::test, stream);
  std::vector<float> values(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), [&] { return random.normal(); });
  return values;
}

// As the convolution reads them.
std::vector<char> stored(const std::vector<float>& values, bool bf16) {
  std::vector<char> bytes(values.size() * (bf16 ? sizeof(Bf16) : sizeof(float)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    bf16 ? store(reinterpret_cast<Bf16*>(bytes.data()) + i, values[i])
         : store(reinterpret_cast<float*>(bytes.data()) + i, values[i]);
  }
  return bytes;
}
std::vector<float> loaded(const std::vector<char>& bytes, bool bf16) {
  std::vector<float> values(bytes.size() / (bf16 ? sizeof(Bf16) : sizeof(float)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = bf16 ? load(reinterpret_cast<const Bf16*>(bytes.data())[i])
                     : load(reinterpret_cast<const float*>(bytes.data())[i]);
  }
  return values;
}

struct Problem {
  WinogradShape shape;
  bool transposed = false;
  std::vector<float> source, kernel, bias, summand;
};

Problem problem_of(const WinogradShape& shape, bool transposed) {
  return {
      .shape = shape,
      .transposed = transposed,
      .source = normal_values(shape.batch * shape.height * shape.width * shape.channels, 1),
      .kernel = normal_values(9 * shape.channels * shape.filters, 2),
      .bias = normal_values(shape.filters, 3),
      .summand = normal_values(shape.batch * shape.result_height * shape.result_width * shape.filters, 4)};
}

double sum_at(const Problem& p, std::int64_t image, std::int64_t row, std::int64_t column,
              std::int64_t filter) {
  const WinogradShape& s = p.shape;
  double sum = 0.0;
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      const std::int64_t y = row + i - s.zeros_above, x = column + j - s.zeros_left;
      if (y < 0 || y >= s.height || x < 0 || x >= s.width) {
        continue;
      }
      for (std::int64_t c = 0; c < s.channels; ++c) {
        const auto from = static_cast<std::size_t>(((image * s.height + y) * s.width + x) * s.channels + c);
        const auto weight =
            static_cast<std::size_t>(p.transposed ? ((8 - i * 3 - j) * s.filters + filter) * s.channels + c
                                                  : ((i * 3 + j) * s.channels + c) * s.filters + filter);
        sum += static_cast<double>(p.source[from]) * static_cast<double>(p.kernel[weight]);
      }
    }
  }
  return sum;
}

// With bias, clip at 0, summand, clip at 0 and 6.
std::vector<double> naive(const Problem& p) {
  const WinogradShape& s = p.shape;
  std::vector<double> result;
  for (std::int64_t pixel = 0; pixel < s.batch * s.result_height * s.result_width; ++pixel) {
    for (std::int64_t k = 0; k < s.filters; ++k) {
      const auto filter = static_cast<std::size_t>(k);
      const double sum = sum_at(p, pixel / (s.result_height * s.result_width),
                                pixel / s.result_width % s.result_height, pixel % s.result_width, k);
      const double rectified = std::max(sum + static_cast<double>(p.bias[filter]), 0.0);
      result.push_back(std::clamp(rectified + static_cast<double>(p.summand[result.size()]), 0.0, 6.0));
    }
  }
  return result;
}

std::vector<float> by_tiles(const Problem& p) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto convolution = WinogradConvolution::make(engine, p.shape, p.transposed);
  if (!convolution) {
    return {};
  }
  std::vector<char> room(convolution->kernel_scratch_desc().get_size());
  std::vector<char> weights(convolution->weights_desc().get_size());
  std::vector<char> scratch(convolution->scratch_desc().get_size(), '\x7F');
  convolution->load_kernel(p.kernel.data(), room.data(), weights.data());
  const auto source = stored(p.source, p.shape.bf16);
  auto result = stored(p.summand, p.shape.result_bf16);
  const WinogradEnding ending{.bias = p.bias.data(),
                              .first = {0.0F, WinogradEnding::kInfinity},
                              .summand = result.data(),
                              .second = {0.0F, 6.0F}};
  convolution->run(source.data(), weights.data(), ending, scratch.data(), result.data());
  return loaded(result, p.shape.result_bf16);
}

// The largest error, in parts of the norm of what is summed: that of 9 x channels products of values near 1.
double error_of(const Problem& p) {
  const auto expected = naive(p);
  const auto actual = by_tiles(p);
  if (actual.size() != expected.size()) {
    return INFINITY;
  }
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(actual[i]) - expected[i]));
  }
  return largest / std::sqrt(9.0 * static_cast<double>(p.shape.channels));
}

// Even and odd sizes, one pixel, padding on no, one or every side and more than the kernel reaches.
std::vector<WinogradShape> shapes() {
  std::vector<WinogradShape> result;
  const auto add = [&](std::int64_t height, std::int64_t width, std::int64_t above, std::int64_t left,
                       std::int64_t below_and_right) {
    result.push_back({.batch = 2,
                      .height = height,
                      .width = width,
                      .channels = 32,
                      .result_height = height + above + below_and_right - 2,
                      .result_width = width + left + below_and_right - 2,
                      .filters = 48,
                      .zeros_above = above,
                      .zeros_left = left});
  };
  add(8, 8, 1, 1, 1);
  add(7, 9, 1, 1, 1);
  add(5, 12, 0, 0, 0);
  add(1, 1, 1, 1, 1);
  add(6, 3, 0, 1, 2);
  add(4, 5, 3, 4, 3);
  add(23, 31, 1, 1, 1);
  add(150, 90, 1, 1, 1);
  return result;
}

class Winograd : public testing::TestWithParam<WinogradShape> {};

// Seen: 1.3e-6 with tiles of 2, 6.4e-6 with tiles of 4, whose transforms multiply by up to 3.4.
TEST_P(Winograd, EqualsNaiveLoopsInF32) {
  for (const int tile : {2, 4}) {
    for (const bool transposed : {false, true}) {
      WinogradShape shape = GetParam();
      shape.tile = tile;
      EXPECT_LT(error_of(problem_of(shape, transposed)), tile == 2 ? 3e-6 : 2e-5)
          << tile << (transposed ? " transposed" : "");
    }
  }
}

// Seen: 1.8e-2: values and sums of four of them are rounded to 2^-9 of theirs.
TEST_P(Winograd, EqualsNaiveLoopsInBf16) {
  if (!is_supported(Precision::bf16)) {
    GTEST_SKIP() << "this CPU does not multiply bf16";
  }
  for (const bool to_bf16 : {false, true}) {
    for (const bool transposed : {false, true}) {
      WinogradShape shape = GetParam();
      shape.bf16 = true;
      shape.result_bf16 = to_bf16;
      EXPECT_LT(error_of(problem_of(shape, transposed)), 4e-2) << to_bf16 << transposed;
    }
  }
}

// The gradient of the kernel where `summand` is that of the result.
std::vector<double> naive_gradient(const Problem& p) {
  const WinogradShape& s = p.shape;
  std::vector<double> result(p.kernel.size());
  for (std::int64_t pixel = 0; pixel < s.batch * s.result_height * s.result_width; ++pixel) {
    const std::int64_t image = pixel / (s.result_height * s.result_width);
    for (std::int64_t place = 0; place < 9; ++place) {
      const std::int64_t y = pixel / s.result_width % s.result_height + place / 3 - s.zeros_above;
      const std::int64_t x = pixel % s.result_width + place % 3 - s.zeros_left;
      if (y < 0 || y >= s.height || x < 0 || x >= s.width) {
        continue;
      }
      const float* source = p.source.data() + ((image * s.height + y) * s.width + x) * s.channels;
      const float* diff = p.summand.data() + pixel * s.filters;
      double* to = result.data() + place * s.channels * s.filters;
      for (std::int64_t i = 0; i < s.channels * s.filters; ++i) {
        to[i] += static_cast<double>(source[i / s.filters]) * static_cast<double>(diff[i % s.filters]);
      }
    }
  }
  return result;
}

// The largest error, in parts of the norm of what is summed: that of a product a pixel.
double gradient_error(const WinogradShape& shape) {
  const Problem p = problem_of(shape, false);
  const auto gradient = WinogradGradient::make(dnnl::engine(dnnl::engine::kind::cpu, 0), shape);
  if (!gradient) {
    return INFINITY;
  }
  std::vector<char> scratch(gradient->scratch_desc().get_size(), '\x7F');
  const auto source = stored(p.source, shape.bf16), diff = stored(p.summand, shape.bf16);
  std::vector<float> actual(p.kernel.size());
  gradient->run(source.data(), diff.data(), scratch.data(), actual.data());
  gradient->run(source.data(), diff.data(), scratch.data(), actual.data());  // nothing is left of the first
  const auto expected = naive_gradient(p);
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(actual[i]) - expected[i]));
  }
  return largest / std::sqrt(static_cast<double>(shape.batch * shape.result_height * shape.result_width));
}

// Seen: 4e-6 with tiles of 2 (AVX-512), 6e-6 with tiles of 4.
TEST_P(Winograd, GradientEqualsNaiveLoopsInF32) {
  for (const int tile : {2, 4}) {
    WinogradShape shape = GetParam();
    shape.tile = tile;
    EXPECT_LT(gradient_error(shape), tile == 2 ? 1e-5 : 2e-5) << tile;
  }
}

// Seen: 2.3e-2.
TEST_P(Winograd, GradientEqualsNaiveLoopsInBf16) {
  if (!is_supported(Precision::bf16)) {
    GTEST_SKIP() << "this CPU does not multiply bf16";
  }
  WinogradShape shape = GetParam();
  shape.bf16 = shape.result_bf16 = true;
  EXPECT_LT(gradient_error(shape), 5e-2);
}

std::string shape_name(const testing::TestParamInfo<WinogradShape>& info) {
  const WinogradShape& s = info.param;
  return std::to_string(s.height) + "x" + std::to_string(s.width) + "_" + std::to_string(s.zeros_above) +
         "_" + std::to_string(s.zeros_left);
}

INSTANTIATE_TEST_SUITE_P(Engine, Winograd, testing::ValuesIn(shapes()), shape_name);

WinogradShape same_padding(std::int64_t batch, std::int64_t size, std::int64_t channels) {
  return {.batch = batch,
          .height = size,
          .width = size,
          .channels = channels,
          .result_height = size,
          .result_width = size,
          .filters = channels,
          .zeros_above = 1,
          .zeros_left = 1};
}

TEST(WinogradChoice, IsLargeTilesInF32AndNoneWhereTheKernelIsReadForLittle) {
  EXPECT_EQ(winograd_tile(same_padding(2, 56, 64)), 4);
  EXPECT_EQ(winograd_tile(same_padding(4, 28, 256)), 4);
  EXPECT_EQ(forward_tile(same_padding(4, 28, 256)), 2);
  EXPECT_EQ(backward_tile(same_padding(4, 28, 256)), 4);
  EXPECT_EQ(gradient_tile(same_padding(4, 28, 256)), 4);
  EXPECT_EQ(winograd_tile(same_padding(1, 7, 512)), 0);
  WinogradShape shape = same_padding(2, 56, 64);
  shape.bf16 = shape.result_bf16 = true;
  EXPECT_EQ(winograd_tile(shape), 2);
  EXPECT_EQ(backward_tile(shape), 2);
  EXPECT_EQ(gradient_tile(shape), 2);
  EXPECT_EQ(backward_tile(same_padding(1, 7, 512)), 0);
}

}  // namespace
}  // namespace headstart
