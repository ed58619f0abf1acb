// Resizing against Pillow, OpenCV's definitions and the geometry of fits.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "image/golden.h"
#include "support/error_message.h"

namespace headstart {
namespace {

using test::largest_difference;
using test::pattern;

struct Sizes {
  int width = 0, height = 0, to_width = 0, to_height = 0;
};

struct Size {
  int width = 0, height = 0;
};

class PillowResize : public testing::TestWithParam<Sizes> {};

TEST_P(PillowResize, IsEqualByteForByte) {
  const auto [width, height, to_width, to_height] = GetParam();
  for (const auto* name : {"nearest", "bilinear-aa", "bicubic-aa"}) {
    const Image golden =
        test::read_golden(fmt::format("resize_{}x{}_{}x{}_{}.rgb", width, height, to_width, to_height, name));
    const Image resized = resize(pattern(width, height), to_width, to_height, resize_kernel_from(name));
    EXPECT_EQ(largest_difference(resized, golden), 0) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PillowResize,
                         testing::Values(Sizes{57, 43, 24, 19}, Sizes{17, 13, 40, 31}, Sizes{64, 48, 64, 20},
                                         Sizes{90, 5, 11, 5}, Sizes{3, 2, 29, 1}, Sizes{120, 97, 7, 50}));

// Half-pixel centres without antialiasing; 1: OpenCV's fixed-point weights.
TEST(Resize, BilinearFollowsHalfPixelCentres) {
  const Image source = pattern(19, 11);
  const Image resized = resize(source, 31, 7, ResizeKernel::bilinear);
  for (int y = 0; y < 7; ++y) {
    for (int x = 0; x < 31; ++x) {
      const double sx = std::clamp((x + 0.5) * 19 / 31 - 0.5, 0.0, 18.0);
      const double sy = std::clamp((y + 0.5) * 11 / 7 - 0.5, 0.0, 10.0);
      const int x0 = static_cast<int>(sx);
      const int y0 = static_cast<int>(sy);
      const auto at = [&](int px, int py) {
        const auto index = static_cast<std::size_t>((std::min(py, 10) * 19 + std::min(px, 18)) * 3);
        return static_cast<double>(source.pixels[index]);
      };
      const double fx = sx - x0;
      const double fy = sy - y0;
      const double expected = (at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx) * (1 - fy) +
                              (at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx) * fy;
      EXPECT_NEAR(resized.pixels[static_cast<std::size_t>((y * 31 + x) * 3)], expected, 1.0) << x << "," << y;
    }
  }
}

TEST(Resize, AreaIsTheMeanOfWholeBlocks) {
  const Image source = pattern(12, 8);
  const Image resized = resize(source, 3, 2, ResizeKernel::area);
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 3; ++x) {
      double sum = 0;
      for (int k = 0; k < 16; ++k) {
        sum += source.pixels[static_cast<std::size_t>(((y * 4 + k / 4) * 12 + x * 4 + k % 4) * 3)];
      }
      EXPECT_NEAR(resized.pixels[static_cast<std::size_t>((y * 3 + x) * 3)], sum / 16, 0.51);
    }
  }
}

TEST(Resize, RefusesSizesWithoutPixels) {
  EXPECT_THROW(resize(pattern(4, 4), 0, 3, ResizeKernel::area), Error);
  EXPECT_THROW(resize(pattern(4, 4), 3, 1 << 20, ResizeKernel::area), Error);
}

// One that says to be larger than it is would be read beyond its end.
// A file of some kilobytes would take gigabytes.
TEST(Resize, RefusesSliversThatTakeTooMuchMemory) {
  constexpr int kLong = 5'000'000, kTall = 900'000;
  for (const Size size : {Size{1, kLong}, Size{kLong, 1}, Size{1, kTall}}) {
    const auto bytes = std::size_t{3} * static_cast<std::size_t>(std::max(size.width, size.height));
    const Image sliver{size.width, size.height, std::vector<std::uint8_t>(bytes)};
    const auto message = test::message_of([&] { resize(sliver, 224, 224, ResizeKernel::bicubic_aa); });
    EXPECT_NE(message.find(fmt::format("received {}x{}", size.width, size.height)), std::string::npos)
        << message;
  }
  const Image tall{1, kTall, std::vector<std::uint8_t>(std::size_t{3} * kTall, 9)};
  EXPECT_EQ(resize(tall, 8, 8, ResizeKernel::bilinear_aa).pixels, std::vector<std::uint8_t>(192, 9));
}

TEST(Resize, RefusesPixelsThatAreNotThoseOfTheSize) {
  for (const Image& wrong : {Image{}, Image{100, 100, {1, 2, 3}}, Image{-1, -1, {1, 2, 3}}, Image{0, 4, {}},
                             Image{1, 1, {1, 2, 3, 4}}}) {
    for (const auto kernel : {ResizeKernel::nearest, ResizeKernel::bilinear, ResizeKernel::bilinear_aa,
                              ResizeKernel::bicubic_aa, ResizeKernel::area}) {
      EXPECT_THROW(resize(wrong, 5, 5, kernel), Error);
    }
    EXPECT_THROW(resize(wrong, wrong.width, wrong.height, ResizeKernel::area), Error);
    for (const auto fit : {ResizeFit::squash, ResizeFit::crop, ResizeFit::pad}) {
      EXPECT_THROW(fit_image(wrong, {.height = 100, .width = 100, .fit = fit}), Error);
    }
    std::vector<float> values(30000);
    EXPECT_THROW(normalize_into(wrong, {.height = wrong.height, .width = wrong.width}, values.data()), Error);
  }
}

Image flat(int width, int height, std::uint8_t value) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3), value)};
}

TEST(Fit, PadCentresOnBlack) {
  const Image fitted = fit_image(flat(40, 20, 200), {.height = 10, .width = 10, .fit = ResizeFit::pad});
  ASSERT_EQ(fitted.width, 10);
  for (int y = 0; y < 10; ++y) {
    EXPECT_EQ(fitted.pixels[static_cast<std::size_t>(y * 30 + 15)], y >= 2 && y < 7 ? 200 : 0) << y;
  }
}

TEST(Fit, CropTakesTheCentreOfTheShorterSide) {
  const Image source = pattern(40, 20);
  const Preprocessing to{.height = 10, .width = 10, .fit = ResizeFit::crop, .resize_to = 20};
  const Image fitted = fit_image(source, to);
  for (int y = 0; y < 10; ++y) {
    for (int x = 0; x < 10; ++x) {
      EXPECT_EQ(fitted.pixels[static_cast<std::size_t>((y * 10 + x) * 3)],
                source.pixels[static_cast<std::size_t>(((y + 5) * 40 + x + 15) * 3)]);
    }
  }
}

TEST(Fit, EveryFitHasTheTargetSize) {
  for (const auto fit : {ResizeFit::squash, ResizeFit::crop, ResizeFit::pad}) {
    for (const auto& [width, height] : {std::pair{300, 7}, {7, 300}, {1, 1}, {224, 224}, {225, 223}}) {
      for (const int resize_to : {0, 5, 40}) {
        const Image fitted = fit_image(flat(width, height, 9),
                                       {.height = 13, .width = 29, .fit = fit, .resize_to = resize_to});
        EXPECT_EQ(fitted.width, 29);
        EXPECT_EQ(fitted.height, 13);
        EXPECT_EQ(fitted.pixels.size(), 29U * 13 * 3);
      }
    }
  }
}

// On its way to the target the longer side would be longer than any picture; what is seen is the middle.
TEST(Fit, CropOfASliverShowsItsMiddle) {
  for (const auto kernel : {ResizeKernel::bicubic_aa, ResizeKernel::bilinear, ResizeKernel::area}) {
    for (const int resize_to : {0, 256}) {
      const Preprocessing to{
          .height = 224, .width = 224, .kernel = kernel, .fit = ResizeFit::crop, .resize_to = resize_to};
      for (const auto& [width, height] : {Size{1, 9'000'000}, Size{30'000, 10}, Size{9'000'001, 1}}) {
        Image sliver{
            width, height,
            std::vector<std::uint8_t>(
                std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 200)};
        std::fill_n(sliver.pixels.begin(), sliver.pixels.size() / 3, 0);  // far from the middle
        const Image fitted = fit_image(sliver, to);
        ASSERT_EQ(fitted.pixels.size(), std::size_t{3} * 224 * 224);
        if (height != 10) {
          EXPECT_EQ(std::count(fitted.pixels.begin(), fitted.pixels.end(), 200), 3 * 224 * 224)
              << width << "x" << height;
        }
      }
    }
  }
}

// 1260 columns become less than the longest side, 1300 more; the middle of both is the same.
TEST(Fit, CropOfASliverIsThatOfAShorterOne) {
  constexpr int kCut = 20, kShorter = 1260, kLonger = kShorter + 2 * kCut, kRows = 10;
  const Image longer = pattern(kLonger, kRows);
  Image shorter{kShorter, kRows, {}};
  for (int y = 0; y < kRows; ++y) {
    const auto row = longer.pixels.begin() + std::ptrdiff_t{3} * (y * kLonger + kCut);
    shorter.pixels.insert(shorter.pixels.end(), row, row + std::ptrdiff_t{3} * kShorter);
  }
  const Preprocessing to{.height = 224,
                         .width = 224,
                         .kernel = ResizeKernel::bicubic_aa,
                         .fit = ResizeFit::crop,
                         .resize_to = 256};
  EXPECT_LE(largest_difference(fit_image(longer, to), fit_image(shorter, to)), 6);
}

TEST(Fit, CropWithoutResizeToLeavesNoBlack) {
  for (const auto& [width, height] : {std::pair{300, 7}, {7, 300}, {1, 1}, {31, 13}, {29, 14}}) {
    const Image fitted =
        fit_image(flat(width, height, 9), {.height = 13, .width = 29, .fit = ResizeFit::crop});
    EXPECT_EQ(std::count(fitted.pixels.begin(), fitted.pixels.end(), 9), 29 * 13 * 3)
        << width << "x" << height;
  }
}

TEST(ScaledDecoding, ChangesLessThanALevelInTheMean) {
  HEADSTART_NEEDS_SHARED();
  for (const auto* name : {"pytorch_hub_samoyed_dog.jpg", "transfer-flower.jpg", "darknet_kite.jpg"}) {
    const auto bytes = read_file(test::shared_path(std::string("data/photos/") + name));
    const Preprocessing to{.height = 224, .width = 224};
    const Image scaled = decode_image(bytes, decode_options_for(to));
    const Image full = decode_image(bytes);
    EXPECT_LT(scaled.width, full.width);
    const Image a = fit_image(scaled, to);
    const Image b = fit_image(full, to);
    double sum = 0;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) {
      sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
    }
    EXPECT_LT(sum / static_cast<double>(a.pixels.size()), 1.0) << name;
  }
}

TEST(ScaledDecoding, IsLeftOffWhereSinglePixelsCount) {
  EXPECT_EQ(decode_options_for({.kernel = ResizeKernel::nearest}).minimum_width, 0);
  EXPECT_EQ(decode_options_for({.kernel = ResizeKernel::bilinear}).minimum_width, 0);
  const auto crop =
      decode_options_for({.height = 224, .width = 224, .fit = ResizeFit::crop, .resize_to = 256});
  EXPECT_EQ(crop.minimum_width, 512);
  EXPECT_EQ(crop.minimum_height, 512);
}

TEST(Tile, PutsPicturesInRows) {
  const std::vector<Image> images{flat(4, 3, 10), flat(4, 3, 20), flat(4, 3, 30)};
  const Image sheet = tile(images, 2, 1);
  ASSERT_EQ(sheet.width, 9);
  ASSERT_EQ(sheet.height, 7);
  const auto at = [&sheet](int x, int y) { return sheet.pixels[static_cast<std::size_t>((y * 9 + x) * 3)]; };
  EXPECT_EQ(at(0, 0), 10);
  EXPECT_EQ(at(4, 0), 255);
  EXPECT_EQ(at(8, 2), 20);
  EXPECT_EQ(at(3, 6), 30);
  EXPECT_EQ(at(8, 6), 255);
  EXPECT_EQ(tile(images, 9, 0).width, 12);
  EXPECT_THROW(tile({}, 2, 0), Error);
  EXPECT_THROW(tile(std::vector<Image>{flat(4, 3, 1), flat(3, 4, 1)}, 2, 0), Error);
}

}  // namespace
}  // namespace headstart
