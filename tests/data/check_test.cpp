// The data doctor on folders with known faults, and on the photos that are known to be in two splits.
#include "headstart/check.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/folder_tree.h"
#include "headstart/image.h"
#include "headstart/relabel.h"
#include "headstart/split.h"
#include "image/fingerprint.h"
#include "image/inspect.h"
#include "support/paths.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

using test::data_path;
using test::FolderTree;
using test::message_of;
using test::shared_path;
using testing::ElementsAre;
using testing::HasSubstr;

// Smooth blobs of colour that depend on the seed: as different from each other as photos are.
Image scene(int seed, int width, int height) {
  Image image{.width = width, .height = height, .pixels = {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = static_cast<double>(x) / width, v = static_cast<double>(y) / height;
      for (int c = 0; c < 3; ++c) {
        double value = 128;
        for (int wave = 1; wave <= 4; ++wave) {
          const double phase = 1.7 * seed + 2.3 * wave * wave + c;
          value += 28 * std::sin((wave + seed % 3) * 5.1 * u + phase) *
                   std::cos((wave + seed % 5) * 4.3 * v - 1.3 * phase);
        }
        image.pixels.push_back(static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0)));
      }
    }
  }
  return image;
}

class CheckTest : public testing::Test {
 protected:
  std::string picture(const std::string& name, const Image& image) const {
    fs::create_directories(fs::path(tree_.path(name)).parent_path());
    write_png(image, tree_.path(name));
    return tree_.path(name);
  }
  DatasetCheck check(const std::string& folder = "") const {
    Progress silent;
    return check_dataset(tree_.path(folder), {}, silent);
  }
  static std::map<std::string, ImageProblem> problems(const DatasetCheck& check) {
    std::map<std::string, ImageProblem> result;
    for (const auto& finding : check.findings) {
      result[fs::path(check.images[finding.image].path).filename().string()] = finding.problem;
    }
    return result;
  }
  static std::set<std::string> names(const DatasetCheck& check, const DuplicateGroup& group) {
    std::set<std::string> result;
    for (const auto image : group.images) {
      result.insert(fs::path(check.images[image].path).filename().string());
    }
    return result;
  }

  FolderTree tree_;
};

TEST_F(CheckTest, APhotoThatLeftItsSplit) {
  for (int i = 0; i < 8; ++i) {
    picture(fmt::format("in/{}/{}.png", i % 2 == 0 ? "a" : "b", i), scene(i, 80, 60));
  }
  write_split_folders(split_by_count(read_unsplit(tree_.path("in")), SplitCounts{2, 2, 0}, 1),
                      tree_.path("out"), FileTransfer::copy);
  EXPECT_TRUE(check("out").since_split.empty());
  EXPECT_FALSE(spoils_measurement(check("out")));
  const fs::path photo = *fs::directory_iterator(tree_.path("out/validation/a"));
  fs::rename(photo, tree_.path("out/train/a/moved.png"));
  const auto result = check("out");
  ASSERT_EQ(result.since_split.size(), 1U);
  EXPECT_EQ(result.since_split[0].kind, SplitChange::Kind::moved);
  EXPECT_EQ(result.since_split[0].path, tree_.path("out/train/a/moved.png"));
  EXPECT_EQ(result.since_split[0].was, "validation");
  EXPECT_TRUE(result.duplicates.empty());  // nothing else tells it
  EXPECT_TRUE(spoils_measurement(result));
}

TEST_F(CheckTest, CleanFolder) {
  for (int i = 0; i < 6; ++i) {
    picture(fmt::format("{}/{}.png", i % 2 == 0 ? "a" : "b", i), scene(i, 80, 60));
  }
  const auto result = check();
  EXPECT_EQ(result.images.size(), 6U);
  EXPECT_TRUE(result.findings.empty());
  EXPECT_TRUE(result.duplicates.empty());
  EXPECT_FALSE(spoils_measurement(result));
  ASSERT_EQ(result.classes.size(), 2U);
  EXPECT_EQ(result.classes[0].train, 3);
  EXPECT_EQ(result.imbalance, 1.0);
}

TEST_F(CheckTest, NamesWhatIsWrongWithAPicture) {
  picture("photos/fine.png", scene(1, 80, 60));
  picture("photos/tiny.png", scene(2, 20, 6));
  picture("photos/long.png", scene(3, 400, 50));
  picture("photos/plain.png",
          {.width = 64, .height = 64, .pixels = std::vector<std::uint8_t>(64 * 64 * 3, 77)});
  picture("photos/really_png.jpg", scene(4, 80, 60));
  tree_.file("photos/text.jpg");
  tree_.file("photos/notes.txt");
  for (const auto* name : {"cmyk.jpg", "gray16.png", "rgba.png"}) {
    fs::copy_file(data_path(fmt::format("image/{}", name)), tree_.path(fmt::format("photos/{}", name)));
  }
  const std::string whole = tree_.path("photos/fine.png");
  fs::copy_file(whole, tree_.path("photos/half.png"));
  fs::resize_file(tree_.path("photos/half.png"), fs::file_size(whole) / 2);
  Progress silent;
  const auto result = check_dataset(tree_.path("photos"), {.tiny_side = 8}, silent);
  const std::map<std::string, ImageProblem> expected{
      {"tiny.png", ImageProblem::tiny},       {"long.png", ImageProblem::extreme_aspect},
      {"plain.png", ImageProblem::constant},  {"really_png.jpg", ImageProblem::wrong_extension},
      {"text.jpg", ImageProblem::unreadable}, {"half.png", ImageProblem::unreadable},
      {"cmyk.jpg", ImageProblem::cmyk},       {"gray16.png", ImageProblem::sixteen_bit},
      {"rgba.png", ImageProblem::alpha}};
  EXPECT_EQ(problems(result), expected);
  EXPECT_THAT(result.skipped, ElementsAre(HasSubstr("notes.txt")));
  EXPECT_TRUE(spoils_measurement(result));
  EXPECT_TRUE(result.classes.empty());
}

TEST_F(CheckTest, DuplicatesByTheirReach) {
  picture("photos/train/a/1.png", scene(1, 120, 90));
  picture("photos/train/a/1_smaller.png", resize(scene(1, 120, 90), 75, 56, ResizeKernel::bicubic_aa));
  picture("photos/train/a/2.png", scene(2, 120, 90));
  picture("photos/train/b/2_too.png", scene(2, 120, 90));
  picture("photos/train/b/3.png", scene(3, 120, 90));
  picture("photos/train/b/5.png", scene(5, 120, 90));
  picture("photos/val/a/4.png", scene(4, 120, 90));
  picture("photos/val/b/3_too.png", scene(3, 120, 90));
  const auto result = check("photos");
  ASSERT_EQ(result.duplicates.size(), 3U);
  const auto& within = result.duplicates[0];
  EXPECT_EQ(names(result, within), (std::set<std::string>{"1.png", "1_smaller.png"}));
  EXPECT_FALSE(within.exact || within.across_classes || within.across_splits);
  const auto& contradiction = result.duplicates[1];
  EXPECT_EQ(names(result, contradiction), (std::set<std::string>{"2.png", "2_too.png"}));
  EXPECT_TRUE(contradiction.exact && contradiction.across_classes && !contradiction.across_splits);
  const auto& leak = result.duplicates[2];
  EXPECT_EQ(names(result, leak), (std::set<std::string>{"3.png", "3_too.png"}));
  EXPECT_TRUE(leak.exact && leak.across_splits && !leak.across_classes);

  std::set<std::string> left_out;
  for (const auto& entry : quarantine(result)) {
    left_out.insert(fs::path(entry.path).filename().string());
  }
  EXPECT_EQ(left_out, (std::set<std::string>{"1_smaller.png", "2.png", "2_too.png", "3.png"}));
  const std::string list = tree_.path("quarantine.csv");
  write_quarantine(quarantine(result), list);
  EXPECT_EQ(apply_relabel(plan_relabel(tree_.path("photos"), read_label_list(list))).removed, 4);
  EXPECT_FALSE(spoils_measurement(check("photos")));
}

TEST_F(CheckTest, FoldersThatAreNotUsed) {
  for (int i = 0; i < 4; ++i) {
    picture(fmt::format("photos/train/{}/{}.png", i % 2 == 0 ? "a" : "b", i), scene(i, 80, 60));
  }
  tree_.file("photos/train/empty/readme.txt");
  tree_.file("photos/more/c/1.jpg");
  tree_.file("photos/.thumbnails/1.jpg");
  const std::string data = tree_.path("photos");
  Progress silent;
  const auto result = check_dataset(data, {}, silent);
  EXPECT_EQ(result.classes.size(), 2U);
  EXPECT_THAT(result.unused_folders, ElementsAre(data + "/more", data + "/train/empty"));
  EXPECT_THAT(result.skipped, ElementsAre(HasSubstr(".thumbnails"), HasSubstr("readme.txt")));
  EXPECT_THAT(message_of([&] { read_dataset(data); }), HasSubstr("train/empty"));
  fs::remove_all(data + "/train/empty");
  EXPECT_EQ(left_out_note(read_dataset(data).train),
            "not used, because beside the folders of the parts: " + data + "/more");
}

TEST_F(CheckTest, QuarantineIsAListOfPathsAndReasons) {
  picture("a/with,comma.png", scene(1, 60, 60));
  picture("a/with,comma too.png", scene(1, 60, 60));
  picture("b/1.png", scene(2, 60, 60));
  write_quarantine(quarantine(check()), tree_.path("bad.csv"));
  std::ifstream file(tree_.path("bad.csv"));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_TRUE(text.starts_with("path,reason\n\"")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(CheckTest, SplitsKeepDuplicatesTogether) {
  for (int i = 0; i < 20; ++i) {
    const auto* folder = i % 2 == 0 ? "a" : "b";
    picture(fmt::format("{}/{}.png", folder, i), scene(i, 90, 60));
    picture(fmt::format("{}/{}_copy.png", folder, i), resize(scene(i, 90, 60), 64, 43, ResizeKernel::area));
  }
  Dataset dataset = read_unsplit(tree_.path());
  dataset.samples[0].group = "by hand";
  dataset.samples[8].group = "by hand";
  Progress silent;
  EXPECT_EQ(group_duplicates(dataset, 0, silent), 40);
  const auto splits = split_dataset(dataset, {.train = 0.5, .validation = 0.5}, 3);
  std::map<std::string, std::set<int>> parts;
  int part = 0;
  for (const auto* set : {&splits.train, &*splits.validation}) {
    for (const auto& sample : set->samples) {
      parts[fs::path(sample.path).stem().string().substr(0, 2)].insert(part);
    }
    ++part;
  }
  for (const auto& [name, in] : parts) {
    EXPECT_EQ(in.size(), 1U) << name;
  }
  EXPECT_EQ(dataset.samples[1].group, "by hand");  // the copy of sample 0
  EXPECT_EQ(dataset.samples[9].group, "by hand");
}

TEST(Fingerprint, HoldsThroughScalingAndToneAndTellsScenesApart) {
  const Image original = scene(5, 320, 240);
  const auto look = fingerprint(original);
  Image brighter = original;
  for (auto& value : brighter.pixels) {
    value = static_cast<std::uint8_t>(std::min(255, value + 8));
  }
  EXPECT_TRUE(looks_alike(look, fingerprint(resize(original, 100, 75, ResizeKernel::bilinear))));
  EXPECT_TRUE(looks_alike(look, fingerprint(brighter)));
  for (int other = 6; other < 30; ++other) {
    EXPECT_FALSE(looks_alike(look, fingerprint(scene(other, 320, 240)))) << other;
  }
}

TEST(Inspect, HeadersOfEveryFormat) {
  for (const auto* name : {"rgb.jpg", "progressive.jpg", "rgb.png", "lossy.webp", "lossless.webp", "rgb.bmp",
                           "rgb.gif", "gray16.png", "cmyk.jpg", "palette_trns.png", "alpha.webp", "rgb.tiff",
                           "gray16.tiff", "rgba.tiff", "cmyk.tiff"}) {
    std::ifstream file(data_path(fmt::format("image/{}", name)), std::ios::binary);
    const std::vector<char> text((std::istreambuf_iterator<char>(file)), {});
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    const Image decoded = decode_image(bytes);
    const auto facts = inspect_image(bytes);
    EXPECT_EQ(facts.width, decoded.width) << name;
    EXPECT_EQ(facts.height, decoded.height) << name;
    const std::string_view which = name;
    EXPECT_EQ(facts.alpha, which == "palette_trns.png" || which == "rgba.tiff" || which.starts_with("alpha."))
        << name;
    EXPECT_EQ(facts.cmyk, which.starts_with("cmyk.")) << name;
    EXPECT_EQ(facts.sixteen_bit, which.starts_with("gray16.")) << name;
    for (std::size_t length = 0; length < bytes.size(); length += 7) {  // no length is read beyond
      const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      inspect_image(cut);
    }
  }
}

TEST(Check, FlowersThatStandInBothSplits) {
  HEADSTART_NEEDS_SHARED();
  Progress silent;
  const auto result = check_dataset(shared_path("data/flowers"), {}, silent);
  EXPECT_EQ(result.images.size(), 3119U);
  std::set<std::string> leaks;
  for (const auto& group : result.duplicates) {
    if (group.across_splits) {
      for (const auto image : group.images) {
        leaks.insert(fs::path(result.images[image].path).filename().string().substr(0, 11));
      }
    }
  }
  EXPECT_TRUE(leaks.contains("15066430311"));
  EXPECT_TRUE(leaks.contains("15072973261"));
  EXPECT_TRUE(spoils_measurement(result));
}

TEST(Check, OddFilesHaveTheWrongExtension) {
  HEADSTART_NEEDS_SHARED();
  Progress silent;
  const auto result = check_dataset(shared_path("data/odd"), {}, silent);
  EXPECT_EQ(std::count_if(result.findings.begin(), result.findings.end(),
                          [](const auto& f) { return f.problem == ImageProblem::wrong_extension; }),
            3);
  EXPECT_FALSE(spoils_measurement(result));
}

}  // namespace
}  // namespace headstart
