// Work that a signal stops gives no answer: that of a part would pass for that of the whole.
#include <gtest/gtest.h>

#include "headstart/dataset.h"
#include "headstart/error.h"
#include "headstart/explore.h"
#include "headstart/features.h"
#include "headstart/image.h"
#include "headstart/open_model.h"
#include "headstart/predict.h"
#include "headstart/progress.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

TEST(Stopped, NothingIsSaidOfAPartOfThePhotos) {
  const test::TemporaryFolder folder;
  const Image image{.width = 32, .height = 32, .pixels = std::vector<std::uint8_t>(32 * 32 * 3, 90)};
  const std::string photo = folder / "photo.png";
  write_png(image, photo);
  Progress silent;
  const Model model = open_model({.model = "resnet20_cifar", .weights = "none"}, silent);
  EXPECT_EQ(classify(model, {photo}, 1, {}, silent).size(), 1U);
  request_stop(true);
  EXPECT_THROW(classify(model, {photo}, 1, {}, silent), Error);
  EXPECT_THROW(extract_features(model, model.graph.output(), photo, {}, silent), Error);
  EXPECT_THROW(explore(model, image, {}, silent), Error);
  request_stop(false);
}

}  // namespace
}  // namespace headstart
