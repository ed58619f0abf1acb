// Values as bytes and back, against naive loops.
#include "engine/int8_values.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "core/bf16.h"

namespace headstart {
namespace {

// Counts that fill vectors and that do not; values beyond both ends, and halves of a step.
std::vector<float> many_values(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = 0.05F * static_cast<float>(static_cast<int>(i * 37 % 700) - 300);
  }
  return values;
}

int nearest(float value, const ByteLayout& layout) {
  const float steps = std::nearbyint(value / layout.scale);
  return static_cast<int>(layout.has_sign ? std::clamp(steps, -128.0F, 127.0F)
                                          : std::clamp(steps, 0.0F, 255.0F));
}

int byte_at(const std::vector<std::uint8_t>& bytes, std::size_t i, bool has_sign) {
  return has_sign ? static_cast<std::int8_t>(bytes[i]) : static_cast<int>(bytes[i]);
}

constexpr ByteLayout kLayouts[] = {{.scale = 0.1F, .has_sign = true}, {.scale = 0.0625F, .has_sign = false}};

TEST(Int8Values, AreTheNearestSteps) {
  for (const auto& layout : kLayouts) {
    for (const std::size_t count : {1U, 7U, 8U, 29U, 700U}) {
      const auto values = many_values(count);
      std::vector<std::uint8_t> bytes(count);
      values_to_bytes(values.data(), static_cast<std::int64_t>(count), layout, bytes.data());
      std::vector<float> back(count);
      bytes_to_values(bytes.data(), static_cast<std::int64_t>(count), layout, back.data());
      for (std::size_t i = 0; i < count; ++i) {
        // A value halfway between two steps may go to either.
        EXPECT_NEAR(byte_at(bytes, i, layout.has_sign), nearest(values[i], layout), 1) << values[i];
        EXPECT_FLOAT_EQ(back[i], static_cast<float>(byte_at(bytes, i, layout.has_sign)) * layout.scale);
        const float low = layout.has_sign ? -128.0F : 0.0F, high = layout.has_sign ? 127.0F : 255.0F;
        EXPECT_LE(std::abs(back[i] - std::clamp(values[i], low * layout.scale, high * layout.scale)),
                  0.5001F * layout.scale)
            << values[i];
      }
    }
  }
}

TEST(Int8Values, OfHalvesAreThoseOfTheirValues) {
  constexpr std::size_t kCount = 45;
  const auto values = many_values(kCount);
  std::vector<Bf16> halves(kCount);
  std::vector<float> exact(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    store(&halves[i], values[i]);
    exact[i] = load(halves[i]);
  }
  for (auto layout : kLayouts) {
    std::vector<std::uint8_t> expected(kCount), actual(kCount);
    values_to_bytes(exact.data(), kCount, layout, expected.data());
    layout.bf16 = true;
    values_to_bytes(halves.data(), kCount, layout, actual.data());
    EXPECT_EQ(actual, expected);
  }
}

TEST(Int8Values, OfAnActivationAreThoseOfItsResults) {
  constexpr std::size_t kCount = 531;
  const auto values = many_values(kCount);
  for (const auto& activation : {RowActivation{.low = 0.0F, .high = 6.0F}, kSwish, kHardSwish}) {
    std::vector<float> results(kCount);
    activate_values(values.data(), kCount, activation, results.data());
    for (const auto& layout : kLayouts) {
      std::vector<std::uint8_t> expected(kCount), actual(kCount);
      values_to_bytes(results.data(), kCount, layout, expected.data());
      activated_to_bytes(values.data(), kCount, activation, layout, actual.data());
      EXPECT_EQ(actual, expected);
    }
  }
}

// Two images of three rows: fewer channels than a vector has values, and more; also of halves, which hold
// these values exactly.
TEST(Int8Values, OfGatedChannelsAreThoseOfTheirProducts) {
  constexpr std::int64_t kImages = 2, kRows = 3;
  const auto halves_of = [](const std::vector<float>& values) {
    std::vector<Bf16> halves(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      store(&halves[i], values[i]);
    }
    return halves;
  };
  for (const std::int64_t channels : {1, 5, 24, 45}) {
    const auto count = static_cast<std::size_t>(kImages * kRows * channels);
    std::vector<float> values(count), gates(static_cast<std::size_t>(kImages * channels)), products(count);
    for (std::size_t i = 0; i < gates.size(); ++i) {
      gates[i] = static_cast<float>(i % 17) / 16.0F;
    }
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = static_cast<float>(static_cast<int>(i * 37 % 200) - 90) / 8.0F;
      const auto channel = i % static_cast<std::size_t>(channels);
      const auto image = i / static_cast<std::size_t>(kRows * channels);
      products[i] = values[i] * gates[image * static_cast<std::size_t>(channels) + channel];
    }
    const auto half_values = halves_of(values), half_gates = halves_of(gates);
    for (auto layout : kLayouts) {
      std::vector<std::uint8_t> expected(count), actual(count);
      values_to_bytes(products.data(), static_cast<std::int64_t>(count), layout, expected.data());
      GatedValues gated{.data = values.data(),
                        .gates = gates.data(),
                        .images = kImages,
                        .rows = kRows,
                        .channels = channels};
      gated_to_bytes(gated, layout, actual.data());
      EXPECT_EQ(actual, expected) << channels;
      layout.bf16 = true;
      gated.data = half_values.data();
      gated.gates = half_gates.data();
      gated_to_bytes(gated, layout, actual.data());
      EXPECT_EQ(actual, expected) << channels;
    }
  }
}

}  // namespace
}  // namespace headstart
