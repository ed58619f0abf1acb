// 1x1 convolutions of bytes, against naive loops.
#include "engine/byte_product.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace headstart {
namespace {

struct AlignedFree {
  void operator()(void* memory) const { std::free(memory); }
};

// Everything that goes into a product. Whole numbers alone, but for the bias: exact in any order.
struct Problem {
  explicit Problem(const ByteProduct::Shape& problem)
      : shape(problem),
        rows(static_cast<std::size_t>(problem.rows * problem.channels)),
        summand(static_cast<std::size_t>(problem.rows * problem.filters)),
        kernel(static_cast<std::size_t>(problem.channels * problem.filters)),
        factors(static_cast<std::size_t>(problem.filters)),
        bias(factors.size()) {
    // The largest that a pair of weights may sum up to, at the first filters.
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      const auto filters = static_cast<std::size_t>(shape.filters);
      const int weight =
          i % filters < 2 ? 63 + static_cast<int>(i / filters % 2) : static_cast<int>(i * 37 % 127) - 63;
      kernel[i] = static_cast<float>(i % filters == 1 ? -weight : weight);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = static_cast<std::uint8_t>(i % 5 == 0 ? 255 : i * 89 + i / 7);
    }
    for (std::size_t i = 0; i < summand.size(); ++i) {
      summand[i] = static_cast<std::uint8_t>(i * 53);
    }
    for (std::size_t i = 0; i < factors.size(); ++i) {
      factors[i] = (1.0F + 0.25F * static_cast<float>(i % 3)) / static_cast<float>(1024 * shape.channels);
      bias[i] = 0.125F * static_cast<float>(i % 11) - 0.5F;
    }
    const ByteProduct product(shape);
    packed.reset(std::aligned_alloc(64, (product.packed_bytes() + 63) / 64 * 64));
    product.pack(kernel, factors, bias, packed.get());
  }

  double value(std::int64_t row, std::int64_t filter) const {
    double sum = 0.0;
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      const auto byte = rows[static_cast<std::size_t>(row * shape.channels + c)];
      sum += (shape.has_sign ? static_cast<std::int8_t>(byte) : static_cast<int>(byte)) *
             static_cast<double>(kernel[static_cast<std::size_t>(c * shape.filters + filter)]);
    }
    const auto i = static_cast<std::size_t>(filter);
    return sum * static_cast<double>(factors[i]) + static_cast<double>(bias[i]);
  }

  ByteProduct::Shape shape;
  std::vector<std::uint8_t> rows, summand;
  std::vector<float> kernel, factors, bias;
  std::unique_ptr<void, AlignedFree> packed{};
};

double bent(const RowActivation& activation, double x) {
  switch (activation.kind) {
    case RowActivation::Kind::clip:
      return std::clamp(x, static_cast<double>(activation.low), static_cast<double>(activation.high));
    case RowActivation::Kind::swish:
      return x / (1.0 + std::exp(-x));
    case RowActivation::Kind::hard_swish:
      return x * std::clamp(x + 3.0, 0.0, 6.0) / 6.0;
  }
  return x;
}

std::vector<Problem> problems() {
  std::vector<Problem> result;
  for (const bool has_sign : {false, true}) {
    for (const auto& [rows, channels, filters] : {std::array<std::int64_t, 3>{1, 4, 1},
                                                  {6, 8, 16},
                                                  {7, 12, 24},
                                                  {100, 64, 17},
                                                  {131, 4, 48},
                                                  {13, 1028, 40},
                                                  {11, 16, 24}}) {
      result.emplace_back(
          ByteProduct::Shape{.rows = rows, .channels = channels, .filters = filters, .has_sign = has_sign});
    }
  }
  return result;
}

class ByteProductTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
      GTEST_SKIP() << "needs a CPU with AVX2";
    }
  }
};

TEST_F(ByteProductTest, MakesTheNearestBytesOfActivations) {
  for (const auto& problem : problems()) {
    for (const auto& activation :
         {RowActivation{}, RowActivation{.low = 0.0F, .high = 6.0F}, kSwish, kHardSwish}) {
      for (const bool has_sign : {false, true}) {
        const ByteLayout layout{.scale = 1.0F / 32.0F, .has_sign = has_sign};
        std::vector<std::uint8_t> result(problem.summand.size() + 1, 77);
        ByteProduct(problem.shape)
            .run(problem.rows.data(), problem.packed.get(), {.first = activation, .result_layout = layout},
                 result.data());
        EXPECT_EQ(result.back(), 77) << "written beyond the end";
        for (std::size_t i = 0; i + 1 < result.size(); ++i) {
          const auto at = static_cast<std::int64_t>(i);
          const double value =
              bent(activation, problem.value(at / problem.shape.filters, at % problem.shape.filters));
          const double steps = std::clamp(32.0 * value, has_sign ? -128.0 : 0.0, has_sign ? 127.0 : 255.0);
          const int byte = has_sign ? static_cast<std::int8_t>(result[i]) : static_cast<int>(result[i]);
          ASSERT_NEAR(byte, steps, 0.501) << "value " << i << " of " << value;
        }
      }
    }
  }
}

TEST_F(ByteProductTest, AddsASummandOfBytes) {
  for (const auto& problem : problems()) {
    const ByteLayout layout{.scale = 1.0F / 16.0F, .has_sign = false};
    std::vector<std::uint8_t> result(problem.summand.size());
    ByteProduct(problem.shape)
        .run(problem.rows.data(), problem.packed.get(),
             {.second = {.low = 0.0F},
              .summand = problem.summand.data(),
              .summand_layout = {.scale = 1.0F / 64.0F, .has_sign = true},
              .result_layout = layout},
             result.data());
    for (std::size_t i = 0; i < result.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const double value = problem.value(at / problem.shape.filters, at % problem.shape.filters) +
                           static_cast<std::int8_t>(problem.summand[i]) / 64.0;
      ASSERT_NEAR(result[i], std::clamp(16.0 * value, 0.0, 255.0), 0.501) << "value " << i;
    }
  }
}

TEST_F(ByteProductTest, AddsASummandOfFloats) {
  for (const auto& problem : problems()) {
    std::vector<float> result(problem.summand.size()), summand(result.size());
    std::copy(problem.summand.begin(), problem.summand.end(), summand.begin());
    ByteProduct(problem.shape)
        .run(problem.rows.data(), problem.packed.get(),
             {.first = kSwish, .second = {.high = 200.0F}, .summand = summand.data(), .is_float = true},
             result.data());
    for (std::size_t i = 0; i < result.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const double value =
          bent(kSwish, problem.value(at / problem.shape.filters, at % problem.shape.filters)) +
          static_cast<double>(summand[i]);
      ASSERT_NEAR(static_cast<double>(result[i]), std::min(200.0, value), 1e-6 * std::abs(value) + 1e-6) << i;
    }
  }
}

}  // namespace
}  // namespace headstart
