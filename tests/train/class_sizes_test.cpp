// What is said about classes of different sizes.
#include "train/class_sizes.h"

#include <gtest/gtest.h>

namespace headstart {
namespace {

Dataset sized(int cats, int dogs) {
  Dataset dataset;
  dataset.class_names = {"cat", "dog"};
  for (int i = 0; i < cats + dogs; ++i) {
    dataset.samples.push_back({.path = "x", .label = i < cats ? 0 : 1, .group = ""});
  }
  return dataset;
}

TEST(ClassSizes, AreToldFromThreeTimesOn) {
  EXPECT_EQ(class_sizes_note(sized(29, 10), {}), "");
  EXPECT_EQ(class_sizes_note(sized(10, 30), {}),
            "classes of different sizes: 30 images of dog, 10 of cat; --logit-adjustment 1 makes up for it");
  EXPECT_EQ(class_sizes_note({}, {}), "");
}

TEST(ClassSizes, WithWhatIsDoneAboutThem) {
  TrainOptions options;
  options.balanced_class_weights = true;
  EXPECT_NE(class_sizes_note(sized(10, 30), options).find("an image of dog weighs 0.67, of cat 2.00"),
            std::string::npos);
  TrainOptions adjusting;
  adjusting.logit_adjustment = 1.0;
  EXPECT_NE(class_sizes_note(sized(10, 30), adjusting)
                .find("training adds -0.29 to the logit of dog, -1.39 to that of cat"),
            std::string::npos);
  options.balanced_sampling = true;
  EXPECT_NE(class_sizes_note(sized(10, 30), options).find("as often as the others"), std::string::npos);
}

}  // namespace
}  // namespace headstart
