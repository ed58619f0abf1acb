// IDX files written by hand: good ones, and those that lie about their size.
#include "headstart/idx.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "headstart/error.h"

namespace headstart {
namespace {

class IdxTest : public testing::Test {
 protected:
  ~IdxTest() override { std::filesystem::remove(path_); }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  std::string path_ =
      (std::filesystem::temp_directory_path() / ("headstart_idx_" + std::to_string(::getpid()))).string();
};

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) {
    text += static_cast<char>(value);
  }
  return text;
}

TEST_F(IdxTest, ReadsImagesAndLabels) {
  write(bytes({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255}));
  const auto images = read_idx_images(path_);
  EXPECT_EQ(images.count, 2);
  EXPECT_EQ(images.height, 1);
  EXPECT_EQ(images.width, 3);
  EXPECT_EQ(images.pixels, (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 255}));
  write(bytes({0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 200}));
  EXPECT_EQ(read_idx_labels(path_), (std::vector<int>{9, 0, 200}));
}

TEST_F(IdxTest, ReadsGzipAndRefusesHalfOfIt) {
  // Python: gzip.compress of the labels 7 and 8, mtime=0.
  const std::string packed =
      bytes({0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0x63, 0x60, 0xe0, 0x60, 0x64,
             0x60, 0x60, 0x60, 0x62, 0xe7, 0x00, 0x00, 0xec, 0xb2, 0x06, 0xd4, 0x0a, 0x00, 0x00, 0x00});
  write(packed);
  EXPECT_EQ(read_idx_labels(path_), (std::vector<int>{7, 8}));
  write(packed.substr(0, packed.size() - 6));
  EXPECT_THROW(read_idx_labels(path_), Error);
}

TEST_F(IdxTest, RefusesWhatDoesNotFit) {
  const std::string good = bytes({0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2});
  for (std::size_t size = 0; size < good.size(); ++size) {
    write(good.substr(0, size));
    EXPECT_THROW(read_idx_images(path_), Error) << size;
  }
  write(good + "x");
  EXPECT_THROW(read_idx_images(path_), Error);
  write(bytes({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2}));
  EXPECT_THROW(read_idx_images(path_), Error);
  write(good);
  EXPECT_THROW(read_idx_labels(path_), Error);
  EXPECT_THROW(read_idx_images(path_ + "_none"), Error);
}

}  // namespace
}  // namespace headstart
