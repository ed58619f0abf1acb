// Every format and oddity against Pillow's pixels; what must be refused and how.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "headstart/error.h"
#include "headstart/image.h"
#include "image/golden.h"
#include "support/error_message.h"

namespace headstart {
namespace {

using test::golden_path;
using test::largest_difference;
using test::message_of;
using test::read_golden;
using testing::HasSubstr;

std::vector<std::uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

struct Case {
  const char* name = "";
  int tolerance = 0;
};

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, DecodesToPillowsPixels) {
  const auto [name, tolerance] = GetParam();
  const Image image = read_image(golden_path(name));
  EXPECT_LE(largest_difference(image, read_golden(std::string(name) + ".rgb")), tolerance) << name;
}

// 2: another version of the same lossy decoder may round otherwise. 1: rounding of the composition over
// white.
INSTANTIATE_TEST_SUITE_P(
    Formats, Golden,
    testing::Values(Case{"rgb.jpg", 2}, Case{"progressive.jpg", 2}, Case{"gray.jpg", 2}, Case{"cmyk.jpg", 2},
                    Case{"rgb.png"}, Case{"gray.png"}, Case{"bilevel.png"}, Case{"gray16.png"},
                    Case{"rgba.png", 1}, Case{"gray_alpha.png", 1}, Case{"palette.png"},
                    Case{"palette_trns.png"}, Case{"lossless.webp"}, Case{"lossy.webp", 2},
                    Case{"alpha.webp", 1}, Case{"animated.webp"}, Case{"rgb.bmp"}, Case{"palette.bmp"},
                    Case{"rgb.gif"}, Case{"interlaced.gif"}, Case{"transparent.gif"}, Case{"animated.gif"},
                    Case{"rgb.tiff"}, Case{"deflate.tiff"}, Case{"gray.tiff"}, Case{"palette.tiff"},
                    Case{"cmyk.tiff", 1}, Case{"gray16.tiff", 1}, Case{"rgba.tiff", 1}, Case{"jpeg.tiff", 2},
                    Case{"pages.tiff"}));

// 12: the JPEG's own loss at quality 95; a wrong turn differs by 100 and more.
INSTANTIATE_TEST_SUITE_P(Orientations, Golden,
                         testing::Values(Case{"orientation_1.jpg", 12}, Case{"orientation_2.jpg", 12},
                                         Case{"orientation_3.jpg", 12}, Case{"orientation_4.jpg", 12},
                                         Case{"orientation_5.jpg", 12}, Case{"orientation_6.jpg", 12},
                                         Case{"orientation_7.jpg", 12}, Case{"orientation_8.jpg", 12},
                                         Case{"orientation.png"}, Case{"orientation.webp"},
                                         Case{"orientation.tiff"}));

TEST(Decode, TypeIsToldByContent) {
  HEADSTART_NEEDS_SHARED();
  EXPECT_EQ(image_format(read_file(test::shared_path("data/odd/gif_named.jpg"))), ImageFormat::gif);
  EXPECT_EQ(image_format(read_file(test::shared_path("data/odd/png_rgba_named.jpg"))), ImageFormat::png);
  EXPECT_EQ(image_format(read_file(test::shared_path("data/odd/webp_named.png"))), ImageFormat::webp);
  EXPECT_EQ(read_image(test::shared_path("data/odd/gif_named.jpg")).width, 250);
  EXPECT_EQ(read_image(test::shared_path("data/odd/png_rgba_named.jpg")).height, 150);
  EXPECT_EQ(read_image(test::shared_path("data/odd/webp_named.png")).width, 800);
}

TEST(Decode, BombIsRefusedWithItsSize) {
  EXPECT_THAT(message_of([] { read_image(golden_path("bomb.png")); }), HasSubstr("30000x30000"));
}

// 2x1 pixels of 32 bits, blue 10, green 20, red 30; the fourth byte is 7.
std::vector<std::uint8_t> small_bmp(std::uint8_t header_size, std::uint8_t compression) {
  std::vector<std::uint8_t> bytes(14U + header_size + 8U);
  bytes[0] = 'B';
  bytes[1] = 'M';
  bytes[10] = static_cast<std::uint8_t>(14 + header_size);
  bytes[14] = header_size;
  bytes[18] = 2;
  bytes[22] = bytes[26] = 1;
  bytes[28] = 32;
  bytes[30] = compression;
  for (std::size_t mask = 0; header_size > 66 && mask < 4; ++mask) {
    bytes[54 + 4 * mask + (mask < 3 ? 2 - mask : 3)] = 255;
  }
  for (std::size_t pixel = bytes.size() - 8; pixel < bytes.size(); pixel += 4) {
    bytes[pixel] = 10;
    bytes[pixel + 1] = 20;
    bytes[pixel + 2] = 30;
    bytes[pixel + 3] = 7;
  }
  return bytes;
}

TEST(Decode, TheFourthByteOfABmpIsAlphaWhereAMaskSaysSo) {
  const std::vector<std::uint8_t> opaque{30, 20, 10, 30, 20, 10};
  EXPECT_EQ(decode_image(small_bmp(40, 0)).pixels, opaque);
  EXPECT_EQ(decode_image(small_bmp(108, 0)).pixels, opaque);
  EXPECT_EQ(decode_image(small_bmp(108, 3)).pixels[0], 249);  // nearly the white behind
}

TEST(Decode, CompressedBmpsAreCalledSo) {
  const auto message = message_of([] { decode_image(small_bmp(40, 1)); });
  EXPECT_NE(message.find("compress"), std::string::npos) << message;
}

TEST(Decode, LimitHoldsForEveryFormat) {
  for (const auto* name :
       {"rgb.jpg", "rgb.png", "lossless.webp", "animated.webp", "rgb.bmp", "rgb.gif", "rgb.tiff"}) {
    EXPECT_THAT(message_of([name] { read_image(golden_path(name), {.maximum_pixels = 24 * 16 - 1}); }),
                HasSubstr("24x16"))
        << name;
    EXPECT_EQ(read_image(golden_path(name), {.maximum_pixels = 24 * 16}).width, 24) << name;
  }
}

TEST(Decode, NoLimitIsALimitToo) {
  constexpr auto kNone = std::numeric_limits<std::int64_t>::max();
  for (const auto* name : {"rgb.jpg", "rgb.png", "lossless.webp", "rgb.bmp", "rgb.gif", "rgb.tiff"}) {
    EXPECT_EQ(read_image(golden_path(name), {.maximum_pixels = kNone}).width, 24) << name;
  }
}

TEST(Decode, SaysWhatANonImageIs) {
  EXPECT_THAT(message_of([] { decode_image(bytes_of("<html>no picture</html>")); }),
              HasSubstr("received text"));
  EXPECT_THAT(message_of([] { decode_image({}); }), HasSubstr("an empty file"));
  const std::vector<std::uint8_t> binary{0, 1, 2, 3};
  EXPECT_THAT(message_of([&] { decode_image(binary); }), HasSubstr("4 bytes that begin with 00 01 02 03"));
}

TEST(Decode, RawPhotosAreNotTakenForTheirPreviews) {
  EXPECT_THAT(message_of([] { read_image(golden_path("preview.tiff")); }), HasSubstr("a raw photo"));
}

TEST(Decode, ErrorsNameTheFile) {
  EXPECT_THAT(message_of([] { read_image(golden_path("bomb.png")); }), HasSubstr("bomb.png"));
  EXPECT_THAT(message_of([] { read_image("/nowhere/at/all.jpg"); }), HasSubstr("/nowhere/at/all.jpg"));
}

TEST(Decode, TruncationIsSaid) {
  for (const auto* name : {"rgb.jpg", "progressive.jpg", "cmyk.jpg", "rgb.png", "lossless.webp", "rgb.bmp",
                           "rgb.gif", "gray.tiff"}) {
    const auto bytes = read_file(golden_path(name));
    const auto half = std::span(bytes).first(bytes.size() * 3 / 4);
    EXPECT_THAT(message_of([&] { decode_image(half); }), HasSubstr("truncated")) << name;
  }
}

TEST(Decode, ScaledJpegKeepsTheMinimum) {
  const auto bytes = read_file(golden_path("rgb.jpg"));  // 24x16
  EXPECT_EQ(decode_image(bytes, {.minimum_width = 12, .minimum_height = 8}).width, 12);
  EXPECT_EQ(decode_image(bytes, {.minimum_width = 13, .minimum_height = 8}).width, 24);
  EXPECT_EQ(decode_image(bytes, {.minimum_width = 6, .minimum_height = 4}).height, 4);
  EXPECT_EQ(decode_image(bytes, {.minimum_width = 1, .minimum_height = 1}).width, 3);
  EXPECT_EQ(decode_image(bytes).width, 24);
}

TEST(Decode, ScaledJpegMinimumIsOfTheUprightPicture) {
  const auto bytes = read_file(golden_path("orientation_6.jpg"));  // stored 16x24
  const Image image = decode_image(bytes, {.minimum_width = 12, .minimum_height = 5});
  EXPECT_EQ(image.width, 12);
  EXPECT_EQ(image.height, 8);
}

TEST(Decode, WritesPngThatReadsBack) {
  const Image image = test::pattern(37, 21);
  const std::string path = testing::TempDir() + "headstart_write.png";
  write_png(image, path);
  EXPECT_EQ(largest_difference(read_image(path), image), 0);
}

}  // namespace
}  // namespace headstart
