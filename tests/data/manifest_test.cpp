// What became of a split since its manifest was written.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/sha256.h"
#include "data/folder_tree.h"
#include "headstart/error.h"
#include "headstart/split.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

using test::FolderTree;
using testing::HasSubstr;

// Two classes of six, half of which are in train/ and a sixth in test/.
class Manifest : public testing::Test {
 protected:
  Manifest() {
    for (int i = 0; i < 6; ++i) {
      tree_.file(fmt::format("in/a/{}.jpg", i));
      tree_.file(fmt::format("in/b/{}.jpg", i));
    }
    write_split_folders(split_by_count(read_unsplit(tree_.path("in")), SplitCounts{3, 2, 1}, 1), data(),
                        FileTransfer::copy);
  }

  std::string data() const { return tree_.path("out"); }
  fs::path folder(const std::string& part, const std::string& label) const {
    return fs::path(data()) / part / label;
  }
  fs::path first_of(const std::string& part, const std::string& label) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder(part, label))) {
      files.push_back(entry.path());
    }
    return *std::min_element(files.begin(), files.end());
  }
  // What require_same_split says; its Error's text when it throws.
  std::string said() const {
    struct : Progress {
      void message(const std::string& line) override { text += line; }
      std::string text;
    } progress;
    try {
      require_same_split(data(), read_dataset(data()), 2, progress);
      return progress.text;
    } catch (const Error& error) {
      return error.what();
    }
  }

  FolderTree tree_;
};

TEST_F(Manifest, OfAnUntouchedSplitSaysNothing) { EXPECT_EQ(said(), ""); }

TEST_F(Manifest, OfOtherNamesSaysNothing) {
  fs::rename(first_of("train", "a"), folder("train", "a") / "renamed.jpg");
  EXPECT_EQ(said(), "");
}

TEST_F(Manifest, APhotoInAnotherPartIsAnError) {
  const fs::path photo = first_of("validation", "a");
  fs::rename(photo, folder("train", "a") / "moved.jpg");
  EXPECT_THAT(said(), HasSubstr("received a photo in another than it was"));
  EXPECT_THAT(said(), HasSubstr("moved.jpg first (train, was validation)"));
  EXPECT_THAT(said(), HasSubstr("move it back"));
}

TEST_F(Manifest, ACopyInAnotherPartIsAnErrorToo) {
  fs::copy_file(first_of("test", "b"), folder("train", "b") / "copy.jpg");
  EXPECT_THAT(said(), HasSubstr("copy.jpg first (train, was test)"));
}

TEST_F(Manifest, WithoutTheManifestPartsMayBeAnew) {
  fs::rename(first_of("validation", "a"), folder("train", "a") / "moved.jpg");
  fs::remove(fs::path(data()) / "manifest.csv");
  EXPECT_EQ(said(), "");
}

TEST_F(Manifest, OtherChangesAreSaid) {
  fs::rename(first_of("train", "a"), folder("train", "b") / "other_label.jpg");
  fs::remove(first_of("train", "b"));
  std::ofstream(first_of("validation", "a")) << "another content";
  tree_.file("out/test/a/new.jpg");
  EXPECT_EQ(said(),
            "since the split was made: 1 with another label, 1 with another content, 1 added, 1 missing");
}

TEST_F(Manifest, IsComparedWithItself) {
  const std::string manifest = data() + "/manifest.csv";
  std::ofstream(first_of("train", "a")) << "another content";
  std::vector<SplitPhoto> photos;
  const DatasetSplits splits = read_dataset(manifest);
  for (const auto& sample : splits.train.samples) {
    photos.push_back({.path = sample.path,
                      .label = splits.train.class_names.at(static_cast<std::size_t>(sample.label)),
                      .split = "train",
                      .sha256 = sha256_of_file(sample.path)});
  }
  const auto changes = changes_since_split(manifest, photos);
  ASSERT_EQ(changes.size(), 7U);  // and the six of the other parts
  EXPECT_EQ(changes.front().kind, SplitChange::Kind::changed);
  EXPECT_EQ(changes.back().kind, SplitChange::Kind::missing);
}

TEST_F(Manifest, RowsWithoutAHashAreNotCompared) {
  std::ofstream(fs::path(data()) / "manifest.csv", std::ios::app) << "test/a/new.jpg,test,a,,\n";
  tree_.file("out/test/a/new.jpg");
  EXPECT_EQ(said(), "");
}

TEST_F(Manifest, OfAnotherKindIsNone) {
  std::ofstream(fs::path(data()) / "manifest.csv") << "name,licence\nx,CC0\n";
  fs::rename(first_of("validation", "a"), folder("train", "a") / "moved.jpg");
  EXPECT_EQ(said(), "");
}

TEST_F(Manifest, DamagedIsAnErrorThatSaysWhatToDo) {
  for (const char* damage : {"nowhere,train/a/1.jpg,a,,00\n", "short\n", "\"never closed\n"}) {
    std::ofstream(fs::path(data()) / "manifest.csv") << "path,split,label,group,sha256\n" << damage;
    EXPECT_THAT(said(), HasSubstr("delete the file if the split no longer matters")) << damage;
  }
}

}  // namespace
}  // namespace headstart
