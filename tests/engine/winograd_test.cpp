// Convolutions by Winograd's filtering against naive loops, and the choice between them and direct ones.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/bf16.h"
#include "core/random.h"
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
  std::vector<float> clipped{};  // empty: no gradient
};

Problem problem_of(const WinogradShape& shape, bool transposed) {
  return {
      .shape = shape,
      .transposed = transposed,
      .source = normal_values(shape.batch * shape.height * shape.width * shape.channels, 1),
      .kernel = normal_values(shape.taps() * shape.channels * shape.filters, 2),
      .bias = normal_values(shape.filters, 3),
      .summand = normal_values(shape.batch * shape.result_height * shape.result_width * shape.filters, 4)};
}

double sum_at(const Problem& p, std::int64_t image, std::int64_t row, std::int64_t column,
              std::int64_t filter) {
  const WinogradShape& s = p.shape;
  double sum = 0.0;
  for (std::int64_t i = 0; i < s.down.taps; ++i) {
    for (std::int64_t j = 0; j < s.across.taps; ++j) {
      const std::int64_t place = i * s.across.taps + j;
      const std::int64_t y = row + i - s.zeros_above, x = column + j - s.zeros_left;
      if (y < 0 || y >= s.height || x < 0 || x >= s.width) {
        continue;
      }
      for (std::int64_t c = 0; c < s.channels; ++c) {
        const auto from = static_cast<std::size_t>(((image * s.height + y) * s.width + x) * s.channels + c);
        const auto weight = static_cast<std::size_t>(
            p.transposed ? ((s.taps() - 1 - place) * s.filters + filter) * s.channels + c
                         : (place * s.channels + c) * s.filters + filter);
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
      const bool passes =
          p.clipped.empty() || (p.clipped[result.size()] > 0.0F && p.clipped[result.size()] < 6.0F);
      const double all = std::clamp(rectified + static_cast<double>(p.summand[result.size()]), 0.0, 6.0);
      result.push_back(passes ? all : 0.0);
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
  std::vector<char> weights(convolution->weights_desc().get_size());
  std::vector<char> scratch(convolution->scratch_desc().get_size(), '\x7F');
  convolution->load_kernel(p.kernel.data(), weights.data());
  const auto source = stored(p.source, p.shape.bf16);
  auto result = stored(p.summand, p.shape.result_bf16);
  const auto clipped = stored(p.clipped, p.shape.result_bf16);
  const WinogradEnding ending{.bias = p.bias.data(),
                              .first = {0.0F, std::numeric_limits<float>::infinity()},
                              .summand = result.data(),
                              .second = {0.0F, 6.0F},
                              .clipped = p.clipped.empty() ? nullptr : clipped.data(),
                              .clipped_by = {0.0F, 6.0F}};
  convolution->run(source.data(), weights.data(), ending, scratch.data(), result.data());
  return loaded(result, p.shape.result_bf16);
}

// The largest error, in parts of the norm of what is summed: that of taps x channels products of values
// near 1.
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
  return largest / std::sqrt(static_cast<double>(p.shape.taps() * p.shape.channels));
}

// Sizes of an image and the zeros around it.
struct Surroundings {
  std::int64_t height, width, above, left, below_and_right;
};

// The filterings with the errors that they may have, of a convolution and of a kernel's gradient; seen: half
// of these. AVX-512's products sum up in another order: of the gradient by 1x6 tiles, which training does not
// take, they make 1e-4.
struct BoundedFiltering {
  WinogradAxis down, across;
  double error, gradient_error;
};
constexpr WinogradAxis kOne{1, 1};
const std::vector<BoundedFiltering> kFilterings{
    {{2, 3}, {2, 3}, 3e-6, 1e-5}, {{4, 3}, {4, 3}, 1.2e-5, 1.2e-5}, {{6, 3}, {6, 3}, 7e-5, 7e-5},
    {{4, 5}, {4, 5}, 5e-5, 8e-5}, {kOne, {2, 3}, 3e-6, 3e-6},       {{2, 3}, kOne, 3e-6, 3e-6},
    {kOne, {4, 3}, 7e-6, 7e-6},   {{4, 3}, kOne, 7e-6, 7e-6},       {kOne, {4, 7}, 4e-5, 4e-5},
    {{4, 7}, kOne, 4e-5, 4e-5},   {kOne, {6, 7}, 8e-5, 2e-4},       {{6, 7}, kOne, 8e-5, 8e-5},
};

// Of the place and with the axes; a result has a pixel at least.
WinogradShape shape_at(const Surroundings& place, const WinogradAxis& down, const WinogradAxis& across) {
  const auto extent = [](std::int64_t from, std::int64_t zeros, const WinogradAxis& axis) {
    return std::max<std::int64_t>(from + zeros - axis.taps + 1, 1);
  };
  return {.batch = 2,
          .height = place.height,
          .width = place.width,
          .channels = 32,
          .result_height = extent(place.height, place.above + place.below_and_right, down),
          .result_width = extent(place.width, place.left + place.below_and_right, across),
          .filters = 48,
          .zeros_above = place.above,
          .zeros_left = place.left,
          .down = down,
          .across = across};
}

class Winograd : public testing::TestWithParam<Surroundings> {};

TEST_P(Winograd, EqualsNaiveLoopsInF32) {
  for (const auto& filtering : kFilterings) {
    for (const bool transposed : {false, true}) {
      const auto shape = shape_at(GetParam(), filtering.down, filtering.across);
      EXPECT_LT(error_of(problem_of(shape, transposed)), filtering.error)
          << shape.name() << " of " << shape.taps() << (transposed ? " transposed" : "");
    }
  }
}

// oneDNN's kernels come in blocks of 8 to 64 filters, of which the last may be filled up.
TEST(WinogradKernel, IsPackedForAnyNumberOfFilters) {
  for (const std::int64_t filters : {16, 32, 64, 80, 112, 128, 144, 176, 256}) {
    for (const bool transposed : {false, true}) {
      auto shape = shape_at({8, 8, 1, 1, 1}, {4, 3}, {4, 3});
      shape.filters = filters;
      shape.channels = 80;
      EXPECT_LT(error_of(problem_of(shape, transposed)), 1.2e-5) << filters;
    }
  }
}

// Every value of a packed kernel in the order of positions, channels and filters.
template <typename T>
std::vector<T> packed_values(const WinogradShape& shape, const std::vector<float>& kernel,
                             std::int64_t filters, std::int64_t channels) {
  const std::int64_t size = shape.channels * shape.filters;
  std::vector<T> packed(static_cast<std::size_t>(shape.positions() * size));
  for (std::int64_t first = 0; first < shape.filters; first += kMostLanes) {
    winograd_kernel(shape, {.values = kernel.data(), .transposed = true}, first,
                    {.values = packed.data(),
                     .position_bytes = size * static_cast<std::int64_t>(sizeof(T)),
                     .filters = filters,
                     .channels = channels});
  }
  std::vector<T> ordered;
  for (std::int64_t position = 0; position < shape.positions(); ++position) {
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      for (std::int64_t k = 0; k < shape.filters; ++k) {
        const std::int64_t block = k / filters * (shape.channels / channels) + c / channels;
        const std::int64_t within = k % filters * channels + c % channels;
        ordered.push_back(
            packed[static_cast<std::size_t>(position * size + block * filters * channels + within)]);
      }
    }
  }
  return ordered;
}

TEST(WinogradKernel, IsTheSameInBlocksOfAnySize) {
  auto shape = shape_at({8, 8, 1, 1, 1}, {2, 3}, {2, 3});
  shape.filters = 96;
  const auto kernel = normal_values(shape.taps() * shape.channels * shape.filters, 2);
  const auto plain = packed_values<float>(shape, kernel, shape.filters, 1);
  for (const std::int64_t filters : {8, 16, 24, 32, 48}) {
    EXPECT_EQ(packed_values<float>(shape, kernel, filters, 1), plain) << filters;
  }
  shape.bf16 = true;
  const auto rounded = packed_values<Bf16>(shape, kernel, shape.filters, 1);
  for (const std::int64_t filters : {8, 16, 24, 32, 48}) {
    for (const std::int64_t channels : {1, 2}) {
      const auto blocks = packed_values<Bf16>(shape, kernel, filters, channels);
      EXPECT_EQ(std::memcmp(blocks.data(), rounded.data(), blocks.size() * sizeof(Bf16)), 0) << filters;
    }
  }
}

TEST(WinogradEnding, PassesAGradientWhereItsClipDidNotCut) {
  auto problem = problem_of(shape_at({7, 9, 1, 1, 1}, {4, 3}, {4, 3}), true);
  problem.clipped = normal_values(static_cast<std::int64_t>(problem.summand.size()), 5);
  for (float& value : problem.clipped) {
    value = std::clamp(3.0F + 4.0F * value, 0.0F, 6.0F);
  }
  EXPECT_LT(error_of(problem), 1.2e-5);
}

const std::vector<std::pair<WinogradAxis, WinogradAxis>> kAddsOnly{
    {{2, 3}, {2, 3}}, {kOne, {2, 3}}, {{2, 3}, kOne}};

// Seen: 1.8e-2: values and sums of four of them are rounded to 2^-9 of theirs.
TEST_P(Winograd, EqualsNaiveLoopsInBf16) {
  if (!is_supported(Precision::bf16)) {
    GTEST_SKIP() << "this CPU does not multiply bf16";
  }
  for (const bool to_bf16 : {false, true}) {
    for (const bool transposed : {false, true}) {
      for (const auto& [down, across] : kAddsOnly) {
        WinogradShape shape = shape_at(GetParam(), down, across);
        shape.bf16 = true;
        shape.result_bf16 = to_bf16;
        EXPECT_LT(error_of(problem_of(shape, transposed)), 4e-2) << shape.taps() << to_bf16 << transposed;
      }
    }
  }
}

// The gradient of the kernel where `summand` is that of the result.
std::vector<double> naive_gradient(const Problem& p) {
  const WinogradShape& s = p.shape;
  std::vector<double> result(p.kernel.size());
  for (std::int64_t pixel = 0; pixel < s.batch * s.result_height * s.result_width; ++pixel) {
    const std::int64_t image = pixel / (s.result_height * s.result_width);
    for (std::int64_t place = 0; place < s.taps(); ++place) {
      const std::int64_t y = pixel / s.result_width % s.result_height + place / s.across.taps - s.zeros_above;
      const std::int64_t x = pixel % s.result_width + place % s.across.taps - s.zeros_left;
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

TEST_P(Winograd, GradientEqualsNaiveLoopsInF32) {
  for (const auto& filtering : kFilterings) {
    const auto shape = shape_at(GetParam(), filtering.down, filtering.across);
    EXPECT_LT(gradient_error(shape), filtering.gradient_error) << shape.name() << " of " << shape.taps();
  }
}

// Seen: 2.3e-2.
TEST_P(Winograd, GradientEqualsNaiveLoopsInBf16) {
  if (!is_supported(Precision::bf16)) {
    GTEST_SKIP() << "this CPU does not multiply bf16";
  }
  for (const auto& [down, across] : kAddsOnly) {
    WinogradShape shape = shape_at(GetParam(), down, across);
    shape.bf16 = shape.result_bf16 = true;
    EXPECT_LT(gradient_error(shape), 5e-2) << shape.taps();
  }
}

std::string place_name(const testing::TestParamInfo<Surroundings>& info) {
  const Surroundings& p = info.param;
  return std::to_string(p.height) + "x" + std::to_string(p.width) + "_" + std::to_string(p.above) + "_" +
         std::to_string(p.left);
}

// Even and odd sizes, one pixel, padding on no, one or every side and more than the kernel reaches.
INSTANTIATE_TEST_SUITE_P(Engine, Winograd,
                         testing::Values(Surroundings{8, 8, 1, 1, 1}, Surroundings{7, 9, 1, 1, 1},
                                         Surroundings{9, 12, 0, 0, 0}, Surroundings{1, 1, 1, 1, 1},
                                         Surroundings{17, 17, 3, 3, 3}, Surroundings{6, 3, 0, 1, 2},
                                         Surroundings{4, 5, 3, 4, 3}, Surroundings{23, 31, 1, 1, 1},
                                         Surroundings{90, 50, 1, 1, 1}),
                         place_name);

WinogradShape same_padding(std::int64_t batch, std::int64_t size, std::int64_t channels, int taps = 3) {
  return {.batch = batch,
          .height = size,
          .width = size,
          .channels = channels,
          .result_height = size,
          .result_width = size,
          .filters = channels,
          .zeros_above = taps / 2,
          .zeros_left = taps / 2,
          .down = {1, taps},
          .across = {1, taps}};
}

std::string tiles_of(const WinogradShape& shape, TiledWork work) {
  const auto tiles = tile_estimates(shape, work).front().tiles;
  return tiles ? tiles->name() : "none";
}

TEST(WinogradChoice, IsLargeTilesInF32AndNoneWhereTheKernelIsReadForLittle) {
  EXPECT_EQ(tiles_of(same_padding(2, 56, 64), TiledWork::inference), "winograd:6");
  EXPECT_EQ(tiles_of(same_padding(4, 28, 256), TiledWork::inference), "winograd:6");
  EXPECT_EQ(tiles_of(same_padding(4, 28, 256), TiledWork::forward), "winograd:2");
  EXPECT_EQ(tiles_of(same_padding(4, 28, 256), TiledWork::backward_data), "winograd:4");
  EXPECT_EQ(tiles_of(same_padding(4, 28, 256), TiledWork::backward_weights), "winograd:4");
  EXPECT_EQ(tiles_of(same_padding(1, 7, 512), TiledWork::inference), "none");
  EXPECT_EQ(tiles_of(same_padding(1, 7, 512), TiledWork::backward_data), "none");
  EXPECT_EQ(tiles_of(same_padding(2, 35, 64, 5), TiledWork::inference), "winograd:4");
  EXPECT_EQ(tiles_of(same_padding(2, 35, 64, 5), TiledWork::forward), "none");
  EXPECT_EQ(tiles_of(same_padding(2, 56, 64, 11), TiledWork::inference), "none");
}

TEST(WinogradChoice, IsOfLinesForKernelsOfOneRowOrColumn) {
  WinogradShape row = same_padding(2, 17, 192, 7);
  row.down = {1, 1};
  row.zeros_above = 0;
  EXPECT_EQ(tiles_of(row, TiledWork::inference), "winograd:1x6");
  std::swap(row.down, row.across);
  std::swap(row.zeros_above, row.zeros_left);
  EXPECT_EQ(tiles_of(row, TiledWork::inference), "winograd:6x1");
}

TEST(WinogradChoice, IsOfTransformsThatAddInBf16) {
  WinogradShape shape = same_padding(2, 56, 64);
  shape.bf16 = shape.result_bf16 = true;
  for (const auto work : {TiledWork::inference, TiledWork::backward_data, TiledWork::backward_weights}) {
    EXPECT_EQ(tiles_of(shape, work), "winograd:2");
  }
}

}  // namespace
}  // namespace headstart
