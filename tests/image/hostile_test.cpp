// Damaged files: every truncation and many bit flips of every format give a picture or an Error, never
// anything else. HEADSTART_FUZZ_SECONDS=120 damages pictures that long (the default is bounded by a count).
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include "core/files.h"
#include "core/random.h"
#include "headstart/error.h"
#include "headstart/image.h"
#include "image/golden.h"

namespace headstart {
namespace {

constexpr const char* kPictures[] = {
    "rgb.jpg",          "progressive.jpg", "cmyk.jpg",         "orientation_6.jpg", "rgb.png",
    "palette_trns.png", "gray16.png",      "orientation.png",  "lossless.webp",     "lossy.webp",
    "alpha.webp",       "animated.webp",   "orientation.webp", "rgb.bmp",           "palette.bmp",
    "rgb.gif",          "interlaced.gif",  "transparent.gif",  "rgb.tiff",          "palette.tiff",
    "gray16.tiff",      "jpeg.tiff"};

bool decodes(std::span<const std::uint8_t> bytes) {
  // A damaged header may ask for more; a small limit keeps the test quick.
  constexpr DecodeOptions kOptions{.maximum_pixels = 1 << 20};
  try {
    const Image image = decode_image(bytes, kOptions);
    EXPECT_EQ(image.pixels.size(), static_cast<std::size_t>(image.width * image.height * 3));
    return true;
  } catch (const Error&) {
    return false;
  }
}

class Hostile : public testing::TestWithParam<const char*> {};

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

void flip_bits(std::vector<std::uint8_t>& bytes, Random& random) {
  const std::uint32_t flips = 1 + random.below(8);
  for (std::uint32_t flip = 0; flip < flips; ++flip) {
    // Half of them in the headers, where they do most.
    const auto range = static_cast<std::uint32_t>(
        random.below(2) == 0 ? std::min<std::size_t>(64, bytes.size()) : bytes.size());
    bytes[random.below(range)] ^= static_cast<std::uint8_t>(1U << random.below(8));
  }
}

TEST_P(Hostile, BitFlips) {
  const auto bytes = read_file(test::golden_path(GetParam()));
  Random random(7, RandomPurpose::test);
  for (int round = 0; round < 2000; ++round) {
    auto damaged = bytes;
    flip_bits(damaged, random);
    decodes(damaged);
  }
}

// All formats in turn, for as long as is asked for.
TEST(HostileForLong, BitFlips) {
  const char* seconds = std::getenv("HEADSTART_FUZZ_SECONDS");
  if (seconds == nullptr) {
    GTEST_SKIP() << "set HEADSTART_FUZZ_SECONDS";
  }
  std::vector<std::vector<std::uint8_t>> pictures;
  for (const char* name : kPictures) {
    pictures.push_back(read_file(test::golden_path(name)));
  }
  Random random(8, RandomPurpose::test);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(seconds));
  std::size_t round = 0;
  std::size_t decoded = 0;
  for (; std::chrono::steady_clock::now() < end; ++round) {
    auto damaged = pictures[round % pictures.size()];
    flip_bits(damaged, random);
    decoded += decodes(damaged) ? 1 : 0;
  }
  EXPECT_LT(decoded, round);
  std::printf("%zu damaged pictures, %zu decoded\n", round, decoded);
}

INSTANTIATE_TEST_SUITE_P(Formats, Hostile, testing::ValuesIn(kPictures));

}  // namespace
}  // namespace headstart
