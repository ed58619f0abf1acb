// Damaged files: every truncation and many bit flips of every format give a picture or an Error, never
// anything else.
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/random.h"
#include "headstart/error.h"
#include "headstart/image.h"
#include "image/golden.h"

namespace headstart {
namespace {

class Hostile : public testing::TestWithParam<const char*> {
 protected:
  // A damaged header may ask for more; a small limit keeps the test quick.
  static constexpr DecodeOptions kOptions{.maximum_pixels = 1 << 20};

  static bool decodes(std::span<const std::uint8_t> bytes) {
    try {
      const Image image = decode_image(bytes, kOptions);
      EXPECT_EQ(image.pixels.size(), static_cast<std::size_t>(image.width * image.height * 3));
      return true;
    } catch (const Error&) {
      return false;
    }
  }
};

TEST_P(Hostile, Truncations) {
  const auto bytes = read_file(test::golden_path(GetParam()));
  int refused = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read past the end.
    const std::vector<std::uint8_t> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    refused += decodes(part) ? 0 : 1;
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()) / 3);
  EXPECT_TRUE(decodes(bytes));
}

TEST_P(Hostile, BitFlips) {
  const auto bytes = read_file(test::golden_path(GetParam()));
  Random random(7, RandomPurpose::test);
  for (int round = 0; round < 2000; ++round) {
    auto damaged = bytes;
    const std::uint32_t flips = 1 + random.below(8);
    for (std::uint32_t flip = 0; flip < flips; ++flip) {
      // Half of them in the headers, where they do most.
      const auto range = static_cast<std::uint32_t>(
          random.below(2) == 0 ? std::min<std::size_t>(64, bytes.size()) : bytes.size());
      damaged[random.below(range)] ^= static_cast<std::uint8_t>(1U << random.below(8));
    }
    decodes(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Hostile,
                         testing::Values("rgb.jpg", "progressive.jpg", "cmyk.jpg", "orientation_6.jpg",
                                         "rgb.png", "palette_trns.png", "gray16.png", "orientation.png",
                                         "lossless.webp", "lossy.webp", "alpha.webp", "animated.webp",
                                         "orientation.webp", "rgb.bmp", "palette.bmp", "rgb.gif",
                                         "interlaced.gif", "transparent.gif"));

}  // namespace
}  // namespace headstart
