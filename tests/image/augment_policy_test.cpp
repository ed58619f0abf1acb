// The operations of RandAugment and TrivialAugment against Pillow, and how often and how strongly they are
// drawn.
#include "image/augment_policy.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "image/augment_apply.h"
#include "image/augment_tone.h"
#include "image/golden.h"

namespace headstart {
namespace {

using test::largest_difference;
using test::pattern;
using test::read_golden;

Image dark_pattern() {
  Image image = pattern(40, 30);
  for (auto& value : image.pixels) {
    value = static_cast<std::uint8_t>(value / 2 + 20);
  }
  return image;
}

TEST(AugmentTone, EqualsPillowByteForByte) {
  const auto changed = [](const auto& change) {
    Image image = dark_pattern();
    change(image);
    return image;
  };
  const std::map<std::string, Image> views{
      {"posterize_3", changed([](Image& image) { posterize(image, 3); })},
      {"solarize_100", changed([](Image& image) { solarize(image, 100); })},
      {"autocontrast", changed([](Image& image) { autocontrast(image); })},
      {"equalize", changed([](Image& image) { equalize(image); })},
      {"sharpness_0.3", sharpened(dark_pattern(), 0.3)},
      {"sharpness_1.8", sharpened(dark_pattern(), 1.8)},
      {"brightness_1.7", changed([](Image& image) { scale_brightness(image, 1.7); })}};
  for (const auto& [name, view] : views) {
    EXPECT_EQ(largest_difference(view, read_golden("tone_" + name + ".rgb")), 0) << name;
  }
}

TEST(AugmentTone, ConstantPicturesStay) {
  const Image flat{5, 5, std::vector<std::uint8_t>(75, 90)};
  Image image = flat;
  autocontrast(image);
  equalize(image);
  EXPECT_EQ(image.pixels, flat.pixels);
  EXPECT_EQ(sharpened(flat, 1.9).pixels, flat.pixels);
}

TEST(AugmentPolicy, WarpsGoTheirWay) {
  const Image image = pattern(9, 9);
  const auto at = [](int x, int y) { return static_cast<std::size_t>((y * 9 + x) * 3); };
  const Image moved = apply_policy_step(image, {PolicyOperation::translate_x, 2}, FillMode::wrap, 0);
  const Image risen = apply_policy_step(image, {PolicyOperation::translate_y, -1}, FillMode::wrap, 0);
  const Image sheared = apply_policy_step(image, {PolicyOperation::shear_x, 1}, FillMode::wrap, 0);
  const Image turned = apply_policy_step(image, {PolicyOperation::rotate, 90}, FillMode::nearest, 0);
  for (int y = 0; y < 9; ++y) {
    for (int x = 0; x < 9; ++x) {
      EXPECT_EQ(moved.pixels[at(x, y)], image.pixels[at((x + 2) % 9, y)]);
      EXPECT_EQ(risen.pixels[at(x, y)], image.pixels[at(x, (y + 8) % 9)]);
      EXPECT_EQ(sheared.pixels[at(x, y)], image.pixels[at((x + y - 4 + 9) % 9, y)]);
      EXPECT_EQ(turned.pixels[at(x, y)], image.pixels[at(8 - y, x)]);
    }
  }
}

std::map<PolicyOperation, std::pair<double, double>> ranges_of(const Augmentation& augmentation,
                                                               std::size_t steps) {
  std::map<PolicyOperation, std::pair<double, double>> ranges;
  for (std::uint32_t view = 0; view < 6000; ++view) {
    Random random(9, RandomPurpose::test, 0, view);
    const auto drawn = draw_policy(augmentation, 331, 662, random);
    EXPECT_EQ(drawn.size(), steps);
    for (const auto& step : drawn) {
      const auto [range, is_new] = ranges.emplace(step.operation, std::pair{step.magnitude, step.magnitude});
      range->second = {std::min(range->second.first, step.magnitude),
                       std::max(range->second.second, step.magnitude)};
    }
  }
  return ranges;
}

TEST(AugmentPolicy, TrivialAugmentCoversItsSpace) {
  const auto ranges = ranges_of({.policy = AugmentPolicy::trivial_augment}, 1);
  EXPECT_EQ(ranges.size(), 14U);
  const auto expect = [&ranges](PolicyOperation operation, double low, double high) {
    EXPECT_NEAR(ranges.at(operation).first, low, 1e-9);
    EXPECT_NEAR(ranges.at(operation).second, high, 1e-9);
  };
  expect(PolicyOperation::shear_x, -0.99, 0.99);
  expect(PolicyOperation::translate_y, -32, 32);
  expect(PolicyOperation::rotate, -135, 135);
  expect(PolicyOperation::contrast, 0.01, 1.99);
  expect(PolicyOperation::posterize, 2, 8);
  expect(PolicyOperation::solarize, 0, 255);
}

TEST(AugmentPolicy, RandAugmentHasOneMagnitude) {
  const auto ranges =
      ranges_of({.policy = AugmentPolicy::rand_augment, .rand_operations = 3, .rand_magnitude = 10}, 3);
  EXPECT_EQ(ranges.size(), 14U);
  EXPECT_NEAR(ranges.at(PolicyOperation::shear_y).second, 0.1, 1e-6);
  EXPECT_NEAR(ranges.at(PolicyOperation::translate_x).second, 50, 1e-4);
  EXPECT_NEAR(ranges.at(PolicyOperation::translate_y).first, -100, 1e-4);
  EXPECT_NEAR(ranges.at(PolicyOperation::rotate).first, -10, 1e-5);
  EXPECT_NEAR(ranges.at(PolicyOperation::sharpness).second, 1.3, 1e-6);
  EXPECT_EQ(ranges.at(PolicyOperation::posterize).first, 7);
  EXPECT_NEAR(ranges.at(PolicyOperation::solarize).second, 170, 1e-4);
}

TEST(AugmentPolicy, PresetsKeepTheSizeAndAreRepeatable) {
  for (const auto* name : {"rand-augment", "trivial-augment"}) {
    const Augmentation augmentation = augmentation_preset(name);
    check_augmentation(augmentation);
    for (int view = 0; view < 60; ++view) {
      const Image result = augment(pattern(33, 20), augmentation, 4, 1, view);
      EXPECT_EQ(result.pixels.size(), 33U * 20 * 3);
      EXPECT_EQ(result.pixels, augment(pattern(33, 20), augmentation, 4, 1, view).pixels);
    }
  }
}

}  // namespace
}  // namespace headstart
