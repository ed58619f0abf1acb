// Augmentation against an independent naive loop, formulas, and the properties of its random values.
#include "headstart/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "image/augment_apply.h"
#include "image/augment_draw.h"
#include "image/golden.h"

namespace headstart {
namespace {

using test::largest_difference;
using test::pattern;

// Smooth, and periodic so that wrapping leaves no edge.
Image waves(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double phase = 2 * std::numbers::pi * ((c + 1.0) * x / width + (2.0 - c) * y / height);
        image.pixels.push_back(static_cast<std::uint8_t>(std::lround(127 + 60 * std::sin(phase))));
      }
    }
  }
  return image;
}

// The definition of each fill mode, for one coordinate. -1: outside.
int filled(int i, int size, FillMode mode) {
  if (i >= 0 && i < size) {
    return i;
  }
  const auto modulo = [](int a, int b) { return (a % b + b) % b; };
  switch (mode) {
    case FillMode::nearest:
      return i < 0 ? 0 : size - 1;
    case FillMode::constant:
      return -1;
    case FillMode::reflect:
      return modulo(i, 2 * size) < size ? modulo(i, 2 * size) : 2 * size - 1 - modulo(i, 2 * size);
    case FillMode::wrap:
      return modulo(i, size);
  }
  return -1;
}

double sampled(const Image& image, double x, double y, int channel, FillMode mode, double fill) {
  const int x0 = static_cast<int>(std::floor(x));
  const int y0 = static_cast<int>(std::floor(y));
  double sum = 0;
  for (int dy = 0; dy < 2; ++dy) {
    for (int dx = 0; dx < 2; ++dx) {
      const double weight = (dx == 1 ? x - x0 : 1 - (x - x0)) * (dy == 1 ? y - y0 : 1 - (y - y0));
      const int px = filled(x0 + dx, image.width, mode);
      const int py = filled(y0 + dy, image.height, mode);
      sum +=
          weight * (px < 0 || py < 0
                        ? fill
                        : static_cast<double>(
                              image.pixels[static_cast<std::size_t>((py * image.width + px) * 3 + channel)]));
    }
  }
  return sum;
}

// Keras's definition, step by step from the output pixel: zoom, shear, shift, rotate about the centre.
Image keras_reference(const Image& image, const AugmentDraw& draw, FillMode mode, double fill) {
  Image result = image;
  const double center_x = (image.width - 1) / 2.0;
  const double center_y = (image.height - 1) / 2.0;
  const double theta = draw.rotation * std::numbers::pi / 180;
  const double shear = draw.shear * std::numbers::pi / 180;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const double zoomed_x = (x - center_x) * draw.zoom_x;
      const double zoomed_y = (y - center_y) * draw.zoom_y;
      const double shifted_x = zoomed_x - std::sin(shear) * zoomed_y + draw.shift_x;
      const double shifted_y = std::cos(shear) * zoomed_y + draw.shift_y;
      const double source_x = std::cos(theta) * shifted_x - std::sin(theta) * shifted_y + center_x;
      const double source_y = std::sin(theta) * shifted_x + std::cos(theta) * shifted_y + center_y;
      for (int c = 0; c < 3; ++c) {
        result.pixels[static_cast<std::size_t>((y * image.width + x) * 3 + c)] =
            static_cast<std::uint8_t>(std::lround(sampled(image, source_x, source_y, c, mode, fill)));
      }
    }
  }
  return result;
}

Augmentation keras_geometry(FillMode mode) {
  return {.rotation = 40,
          .width_shift = 0.2F,
          .height_shift = 0.3F,
          .shear = 20,
          .zoom = {0.7F, 1.6F},
          .fill_mode = mode,
          .fill_value = 127};
}

TEST(AugmentGeometry, FollowsKerasInEveryFillMode) {
  const Image image = waves(64, 48);
  for (const auto mode : {FillMode::nearest, FillMode::constant, FillMode::reflect, FillMode::wrap}) {
    for (int view = 0; view < 20; ++view) {
      Random random(1, RandomPurpose::test, 0, static_cast<std::uint32_t>(view));
      const AugmentDraw draw = draw_augmentation(keras_geometry(mode), 64, 48, random);
      // OpenCV interpolates at 1/32 of a pixel: at a slope of 12 levels a pixel, or 60 at the edge to the
      // constant, that is one level and its rounding.
      EXPECT_LE(largest_difference(warp(image, draw, mode, 127), keras_reference(image, draw, mode, 127)), 2)
          << to_string(mode) << " " << view;
    }
  }
}

TEST(AugmentGeometry, SingleStepsGoWhereTheyShould) {
  const Image image = pattern(16, 16);
  AugmentDraw draw;
  EXPECT_EQ(largest_difference(warp(image, draw, FillMode::nearest, 0), image), 0);
  draw.shift_x = 3;  // the output shows what stands three pixels to the right
  const Image shifted = warp(image, draw, FillMode::wrap, 0);
  draw = {.rotation = 90};
  const Image turned = warp(image, draw, FillMode::nearest, 0);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      const auto at = [](int px, int py) { return static_cast<std::size_t>((py * 16 + px) * 3); };
      EXPECT_EQ(shifted.pixels[at(x, y)], image.pixels[at((x + 3) % 16, y)]);
      EXPECT_EQ(turned.pixels[at(x, y)], image.pixels[at(15 - y, x)]);
    }
  }
}

TEST(AugmentGeometry, CropShowsItsBox) {
  const Image image = waves(60, 40);
  AugmentDraw draw;
  draw.crop = {.left = 0.25, .top = 0.5, .width = 0.5, .height = 0.25};
  const Image cropped = warp(image, draw, FillMode::nearest, 0);
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 60; ++x) {
      const double expected =
          sampled(image, 15 + (x + 0.5) / 2 - 0.5, 20 + (y + 0.5) / 4 - 0.5, 0, FillMode::nearest, 0);
      EXPECT_NEAR(cropped.pixels[static_cast<std::size_t>((y * 60 + x) * 3)], expected, 1.0);
    }
  }
}

TEST(AugmentGeometry, SkewMovesCornersInwards) {
  AugmentDraw draw;
  draw.corners[2] = {0.25, 0.5};  // bottom right
  const Homography h = augment_matrix(draw, 41, 31);
  const auto mapped = [&h](double x, double y) {
    const double w = h[6] * x + h[7] * y + h[8];
    return std::pair{(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w};
  };
  EXPECT_NEAR(mapped(40, 30).first, 30, 1e-6);
  EXPECT_NEAR(mapped(40, 30).second, 15, 1e-6);
  EXPECT_NEAR(mapped(0, 0).first, 0, 1e-6);
  EXPECT_NEAR(mapped(40, 0).first, 40, 1e-6);
  EXPECT_NEAR(mapped(0, 30).second, 30, 1e-6);
}

TEST(AugmentGeometry, Flips) {
  const Image image = pattern(5, 4);
  const Image both = flip(image, true, true);
  const Image one = flip(image, true, false);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(both.pixels[3 * i + 1], image.pixels[3 * (19 - i) + 1]);
    EXPECT_EQ(one.pixels[3 * i + 1], image.pixels[3 * (i / 5 * 5 + 4 - i % 5) + 1]);
  }
}

TEST(AugmentColor, ChannelShiftStaysWithinThePicture) {
  Image image{2, 1, {10, 20, 30, 200, 100, 50}};
  shift_channels(image, 60.4);
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{70, 80, 90, 200, 160, 110}));
  shift_channels(image, -300);
  EXPECT_EQ(image.pixels, std::vector<std::uint8_t>(6, 70));
}

TEST(AugmentColor, BrightnessRoundsDown) {
  Image image{1, 1, {3, 100, 250}};
  scale_brightness(image, 1.5);
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{4, 150, 255}));
}

// One property at a time, on all pixels of a picture: contrast, saturation and tint by their formulas.
TEST(AugmentColor, JitterFollowsItsFormulas) {
  const Image image = pattern(40, 30);
  double mean = 0;
  const auto luma = [](const std::uint8_t* p) { return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]; };
  for (std::size_t i = 0; i < 1200; ++i) {
    mean += luma(&image.pixels[3 * i]) / 1200;
  }
  Image contrast = image;
  Image saturation = image;
  Image tint = image;
  jitter_color(contrast, {.contrast = 0.6});
  jitter_color(saturation, {.saturation = 1.4});
  jitter_color(tint, {.tint = {1.2, 1.0, 0.5}});
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const double value = image.pixels[i];
    const double gray = luma(&image.pixels[i / 3 * 3]);
    EXPECT_NEAR(contrast.pixels[i], std::clamp(mean + 0.6 * (value - mean), 0.0, 255.0), 1.0);
    EXPECT_NEAR(saturation.pixels[i], std::clamp(gray + 1.4 * (value - gray), 0.0, 255.0), 1.0);
    EXPECT_NEAR(tint.pixels[i],
                std::clamp(value * (i % 3 == 0   ? 1.2
                                    : i % 3 == 1 ? 1.0
                                                 : 0.5),
                           0.0, 255.0),
                1.0);
  }
}

TEST(AugmentColor, HueKeepsLumaAndTurnsFully) {
  const ColorTransform turned = color_transform({.hue = 0.3}, 0.0);
  const ColorTransform back = color_transform({.hue = 1.0}, 0.0);
  for (std::size_t column = 0; column < 3; ++column) {
    const double luma =
        0.299 * turned.matrix[column] + 0.587 * turned.matrix[3 + column] + 0.114 * turned.matrix[6 + column];
    EXPECT_NEAR(luma, (std::array{0.299, 0.587, 0.114}[column]), 1e-3);
    EXPECT_NEAR(back.matrix[4 * column], 1.0, 1e-3);
  }
  // A third of a turn moves red away from itself.
  EXPECT_LT(turned.matrix[0], 0.5);
}

TEST(AugmentTexture, BlurKeepsTheMeanAndLowersTheContrast) {
  const Image image = pattern(32, 32);
  const Image soft = blurred(image, 2.0);
  const auto moments = [](const Image& of) {
    double sum = 0;
    double squares = 0;
    for (const auto value : of.pixels) {
      sum += value;
      squares += static_cast<double>(value) * value;
    }
    const double mean = sum / static_cast<double>(of.pixels.size());
    return std::pair{mean, squares / static_cast<double>(of.pixels.size()) - mean * mean};
  };
  EXPECT_NEAR(moments(soft).first, moments(image).first, 3.0);
  EXPECT_LT(moments(soft).second, moments(image).second / 4);
  EXPECT_EQ(largest_difference(blurred(image, 0.0), image), 0);
}

TEST(AugmentTexture, EraseFillsItsBoxWithTheMean) {
  Image image = pattern(20, 10);
  const Image before = image;
  erase(image, {.left = 0.25, .top = 0.5, .width = 0.5, .height = 0.5});
  double mean = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    mean += before.pixels[3 * i] / 200.0;
  }
  for (int y = 0; y < 10; ++y) {
    for (int x = 0; x < 20; ++x) {
      const auto at = static_cast<std::size_t>((y * 20 + x) * 3);
      const bool inside = x >= 5 && x < 15 && y >= 5;
      EXPECT_EQ(image.pixels[at], inside ? static_cast<std::uint8_t>(std::lround(mean)) : before.pixels[at]);
    }
  }
}

TEST(Augment, IsAPureFunctionOfItsKey) {
  const Image image = pattern(48, 48);
  const Augmentation strong = augmentation_preset("strong");
  const Image view = augment(image, strong, 7, 3, 2);
  augment(image, strong, 7, 4, 2);
  EXPECT_EQ(view.pixels, augment(image, strong, 7, 3, 2).pixels);
  EXPECT_NE(view.pixels, augment(image, strong, 8, 3, 2).pixels);
  EXPECT_NE(view.pixels, augment(image, strong, 7, 4, 2).pixels);
  EXPECT_NE(view.pixels, augment(image, strong, 7, 3, 3).pixels);
  EXPECT_EQ(augment(image, augmentation_preset("none"), 7, 3, 2).pixels, image.pixels);
}

TEST(Augment, OptionsDoNotChangeWhatOthersDraw) {
  for (std::uint32_t view = 0; view < 50; ++view) {
    Random one(3, RandomPurpose::test, 0, view);
    Random two(3, RandomPurpose::test, 0, view);
    const AugmentDraw flips = draw_augmentation({.horizontal_flip = true}, 50, 50, one);
    const AugmentDraw all = draw_augmentation(
        {.rotation = 10, .brightness = {0.5F, 2}, .horizontal_flip = true, .crop_area = {0.5F, 1}, .blur = 1},
        50, 50, two);
    EXPECT_EQ(flips.flip_x, all.flip_x);
  }
}

TEST(Augment, DrawsCoverTheirRanges) {
  const Augmentation a{.rotation = 40,
                       .width_shift = 0.2F,
                       .height_shift = 7,
                       .zoom = {0.8F, 1.2F},
                       .horizontal_flip = true,
                       .crop_area = {0.3F, 0.9F},
                       .erase = 0.25F};
  double least = 99;
  double most = -99;
  int flips = 0;
  int erased = 0;
  for (std::uint32_t view = 0; view < 4000; ++view) {
    Random random(5, RandomPurpose::test, 0, view);
    const AugmentDraw draw = draw_augmentation(a, 100, 50, random);
    least = std::min(least, draw.rotation);
    most = std::max(most, draw.rotation);
    EXPECT_LE(std::abs(draw.shift_x), 20);
    EXPECT_LE(std::abs(draw.shift_y), 7);
    EXPECT_GE(draw.zoom_x, 0.8);
    EXPECT_LE(draw.zoom_y, 1.2);
    EXPECT_LE(draw.crop.left + draw.crop.width, 1.0 + 1e-9);
    EXPECT_LE(draw.crop.top + draw.crop.height, 1.0 + 1e-9);
    EXPECT_GE(draw.crop.width * draw.crop.height, 0.2);
    EXPECT_FALSE(draw.flip_y);
    flips += draw.flip_x ? 1 : 0;
    erased += draw.erases ? 1 : 0;
  }
  EXPECT_LT(least, -39.5);
  EXPECT_GT(most, 39.5);
  EXPECT_NEAR(flips, 2000, 160);  // five standard deviations
  EXPECT_NEAR(erased, 1000, 140);
}

TEST(Augment, OddSizesSurviveEveryView) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 1}, {1, 9}, {3, 200}, {31, 17}}) {
    for (int view = 0; view < 20; ++view) {
      const Image result = augment(pattern(width, height), augmentation_preset("strong"), 1, 0, view);
      EXPECT_EQ(result.pixels.size(), static_cast<std::size_t>(width * height * 3));
    }
  }
}

TEST(Augment, RefusesPixelsThatAreNotThoseOfTheSize) {
  for (const char* preset : {"none", "standard", "strong"}) {
    EXPECT_THROW(augment({}, augmentation_preset(preset), 1, 0, 0), Error) << preset;
    EXPECT_THROW(augment({50, 50, {1, 2, 3}}, augmentation_preset(preset), 1, 0, 0), Error) << preset;
  }
}

TEST(Augment, PresetsAndChecks) {
  EXPECT_EQ(augmentation_preset("none"), Augmentation{});
  EXPECT_EQ(augmentation_preset("standard").rotation, 40.0F);
  check_augmentation(augmentation_preset("strong"));
  EXPECT_THROW(augmentation_preset("medium"), Error);
  EXPECT_THROW(check_augmentation({.rotation = 181}), Error);
  EXPECT_THROW(check_augmentation({.zoom = {1.2F, 0.8F}}), Error);
  EXPECT_THROW(check_augmentation({.shear = std::nanf("")}), Error);
  for (const auto* name : {"nearest", "constant", "reflect", "wrap"}) {
    EXPECT_EQ(to_string(fill_mode_from(name)), name);
  }
  EXPECT_THROW(fill_mode_from("mirror"), Error);
}

}  // namespace
}  // namespace headstart
