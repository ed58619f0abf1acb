// Suggestions for mistyped names, and numbers as people write them.
#include "headstart/text.h"

#include <limits>

#include <gtest/gtest.h>

#include "headstart/error.h"

namespace headstart {
namespace {

const std::vector<std::string>& zoo_names() {
  static const std::vector<std::string> names{"vgg16",        "vgg19",         "mobilenet",
                                              "mobilenet_v2", "squeezenet1_1", "resnet20"};
  return names;
}

TEST(NearestNames, NearestFirstAndFarOnesLeftOut) {
  EXPECT_EQ(nearest_names("vgg17", zoo_names()), (std::vector<std::string>{"vgg16", "vgg19"}));
  EXPECT_EQ(nearest_names("mobilnet_v2", zoo_names()).front(), "mobilenet_v2");
  EXPECT_EQ(nearest_names("MobileNetV2", zoo_names()).front(), "mobilenet_v2");
  EXPECT_EQ(nearest_names("rsenet20", zoo_names()), std::vector<std::string>{"resnet20"});
  EXPECT_TRUE(nearest_names("transformer", zoo_names()).empty());
  EXPECT_TRUE(nearest_names("", zoo_names()).empty());
}

TEST(NearestNames, ASubstringIsNear) {
  EXPECT_EQ(nearest_names("vgg17", {"vgg16", "vgg16", "vgg19"}),
            (std::vector<std::string>{"vgg16", "vgg19"}));
  EXPECT_EQ(nearest_names("squeezenet", zoo_names()), std::vector<std::string>{"squeezenet1_1"});
  EXPECT_EQ(nearest_names("block5_conv1", {"vgg16/block5_conv1", "dense"}),
            std::vector<std::string>{"vgg16/block5_conv1"});
}

TEST(NearestNames, AScopeNeedNotBeTyped) {
  EXPECT_EQ(nearest_names("block5_cov1", {"vgg16/block5_conv1", "vgg16/block1_pool"}),
            std::vector<std::string>{"vgg16/block5_conv1"});
}

TEST(NearestNames, OneWordOfSeveralIsEnough) {
  const std::vector<std::string> classes{"ant", "African_elephant", "German_shepherd", "tabby", "cab"};
  EXPECT_EQ(nearest_names("elefant", classes), std::vector<std::string>{"African_elephant"});
  EXPECT_EQ(nearest_names("elephant", classes), std::vector<std::string>{"African_elephant"});
  EXPECT_EQ(nearest_names("sheperd", classes), std::vector<std::string>{"German_shepherd"});
  EXPECT_EQ(nearest_names("tabi", classes).front(), "tabby");
}

TEST(NearestNames, AtMostCount) {
  const std::vector<std::string> names{"conv1", "conv2", "conv3", "conv4"};
  EXPECT_EQ(nearest_names("conv", names).size(), 3U);
  EXPECT_EQ(nearest_names("conv", names, 2), (std::vector<std::string>{"conv1", "conv2"}));
}

TEST(DidYouMean, IsAClauseOrNothing) {
  EXPECT_EQ(did_you_mean("vgg17", zoo_names()), "; did you mean vgg16, vgg19?");
  EXPECT_EQ(did_you_mean("zzz", zoo_names()), "");
}

TEST(WithThousands, Separates) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(14'714'688), "14,714,688");
  EXPECT_EQ(with_thousands(-100), "-100");
  EXPECT_EQ(with_thousands(-138'357'544), "-138,357,544");
  EXPECT_EQ(with_thousands(std::numeric_limits<long long>::min()), "-9,223,372,036,854,775,808");
}

TEST(Bytes, AreReadAndWrittenAsPeopleDo) {
  EXPECT_EQ(bytes_from("4GB"), 4'000'000'000);
  EXPECT_EQ(bytes_from("1.5 gb"), 1'500'000'000);
  EXPECT_EQ(bytes_from("512M"), 512'000'000);
  EXPECT_EQ(bytes_from("2GiB"), std::int64_t{2} << 30);
  EXPECT_EQ(bytes_from("123456"), 123456);
  for (const char* wrong : {"", "GB", "0", "-4GB", "4TBs", "4 G B", "nan", "inf", "1e300", "0.1"}) {
    EXPECT_THROW(bytes_from(wrong), Error) << wrong;
  }
  EXPECT_EQ(bytes_text(830'000'000), "830 MB");
  EXPECT_EQ(bytes_text(4'240'000'000), "4.2 GB");
}

TEST(Lower, LeavesOtherAlphabetsAlone) { EXPECT_EQ(lower("Samoyed \xC3\x89"), "samoyed \xC3\x89"); }

TEST(NumberFrom, IsTheWholeText) {
  EXPECT_EQ(number_from<int>("12"), 12);
  EXPECT_EQ(number_from<float>("-0.5"), -0.5F);
  for (const char* text : {"", "12a", " 12", "1.5", "99999999999"}) {
    EXPECT_EQ(number_from<int>(text), std::nullopt) << text;
  }
}

TEST(ExtensionOf, IsInLowerCaseWithItsDot) {
  EXPECT_EQ(extension_of("photos.old/Cat.JPEG"), ".jpeg");
  EXPECT_EQ(extension_of("photos.old/cat"), "");
}

}  // namespace
}  // namespace headstart
