// The preprocessing arithmetic against its formulas.
#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "image/golden.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

const Image kPixel{1, 1, {10, 100, 250}};

std::vector<float> normalized(const std::string& mode) {
  const Tensor tensor = preprocess(kPixel, with_mode({.height = 1, .width = 1}, mode));
  return {tensor.values().begin(), tensor.values().end()};
}

// The products of the float constants, exact to the last bit or two.
constexpr test::Tolerance kRounding{.atol = 1e-7, .rtol = 3e-7};

TEST(Preprocessing, Modes) {
  EXPECT_TRUE(test::all_close(normalized("caffe"), std::vector{250 - 103.939F, 100 - 116.779F, 10 - 123.68F},
                              kRounding));
  EXPECT_TRUE(test::all_close(normalized("tf"),
                              std::vector{10 / 127.5F - 1, 100 / 127.5F - 1, 250 / 127.5F - 1}, kRounding));
  EXPECT_TRUE(test::all_close(normalized("torch"),
                              std::vector{(10 / 255.0F - 0.485F) / 0.229F, (100 / 255.0F - 0.456F) / 0.224F,
                                          (250 / 255.0F - 0.406F) / 0.225F},
                              kRounding));
  EXPECT_TRUE(test::all_close(normalized("none"), std::vector{10.0F, 100.0F, 250.0F}, kRounding));
  EXPECT_TRUE(
      test::all_close(normalized("unit"), std::vector{10 / 255.0F, 100 / 255.0F, 250 / 255.0F}, kRounding));
  EXPECT_THROW(normalized("tensorflow"), Error);
}

TEST(Preprocessing, OneChannelIsLuma) {
  const Tensor tensor = preprocess(kPixel, with_mode({.height = 1, .width = 1, .channels = 1}, "none"));
  ASSERT_EQ(tensor.size(), 1);
  EXPECT_EQ(tensor[0], 90.0F);  // 0.299 * 10 + 0.587 * 100 + 0.114 * 250 = 90.19
}

TEST(Preprocessing, NamesGoRound) {
  for (const auto* name : {"nearest", "bilinear", "bilinear-aa", "bicubic-aa", "area"}) {
    EXPECT_EQ(to_string(resize_kernel_from(name)), name);
  }
  for (const auto* name : {"squash", "crop", "pad"}) {
    EXPECT_EQ(to_string(resize_fit_from(name)), name);
  }
  EXPECT_THROW(resize_kernel_from("lanczos"), Error);
  EXPECT_THROW(resize_fit_from("stretch"), Error);
}

TEST(Preprocessing, WrongSizeOrChannelsAreRefused) {
  float value = 0;
  EXPECT_THROW(normalize_into(kPixel, {.height = 2, .width = 1}, &value), Error);
  EXPECT_THROW(normalize_into(kPixel, {.height = 1, .width = 1, .channels = 2}, &value), Error);
}

}  // namespace
}  // namespace headstart
