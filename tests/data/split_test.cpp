// Stratified and grouped splits, and the folders made of them.
#include "headstart/split.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/folder_tree.h"
#include "headstart/error.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

using test::FolderTree;
using test::message_of;
using testing::HasSubstr;

Dataset dataset_of(const std::vector<int>& counts) {
  Dataset dataset;
  for (std::size_t label = 0; label < counts.size(); ++label) {
    dataset.class_names.push_back(fmt::format("class{}", label));
    for (int i = 0; i < counts[label]; ++i) {
      dataset.samples.push_back({fmt::format("{}/{:04}.jpg", label, i), static_cast<int>(label), ""});
    }
  }
  return dataset;
}

std::vector<int> class_counts(const Dataset& dataset) {
  std::vector<int> counts(dataset.class_names.size());
  for (const auto& sample : dataset.samples) {
    ++counts[static_cast<std::size_t>(sample.label)];
  }
  return counts;
}

std::vector<std::string> paths_of(const Dataset& dataset) {
  std::vector<std::string> paths;
  for (const auto& sample : dataset.samples) {
    paths.push_back(sample.path);
  }
  return paths;
}

TEST(Split, IsStratified) {
  const auto splits = split_dataset(dataset_of({100, 10, 33}), SplitFractions{0.7, 0.2, 0.1}, 1);
  EXPECT_EQ(class_counts(splits.train), (std::vector{70, 7, 23}));
  EXPECT_EQ(class_counts(*splits.validation), (std::vector{20, 2, 7}));
  EXPECT_EQ(class_counts(*splits.test), (std::vector{10, 1, 3}));
}

// The rarest class of a photo says in which proportion it is divided.
TEST(Split, MultiLabelDataKeepTheShareOfEveryClass) {
  Dataset dataset{.class_names = {"common", "rare"}, .samples = {}, .skipped = {}};
  dataset.label_sets = {{}, {0}, {0, 1}, {1}};
  for (int i = 0; i < 400; ++i) {
    dataset.samples.push_back({std::to_string(i),
                               i % 40 == 0   ? 2
                               : i % 40 == 1 ? 3
                               : i % 4 == 2  ? 0
                                             : 1,
                               ""});
  }
  const auto splits = split_dataset(dataset, SplitFractions{0.8, 0.2, 0.0}, 1);
  const auto photos_with = [](const Dataset& part, int wanted) {
    return std::ranges::count_if(part.samples, [&](const Sample& sample) {
      return std::ranges::count(classes_of(part, sample), wanted) > 0;
    });
  };
  EXPECT_EQ(photos_with(dataset, 1), 20);
  EXPECT_EQ(photos_with(splits.train, 1), 16);
  EXPECT_EQ(photos_with(*splits.validation, 1), 4);
  EXPECT_NEAR(static_cast<double>(photos_with(*splits.validation, 0)),
              0.2 * static_cast<double>(photos_with(dataset, 0)), 4.0);
  EXPECT_EQ(splits.validation->samples.size(), 80U);
  EXPECT_EQ(splits.train.label_sets, dataset.label_sets);
}

TEST(Split, IsAPartitionInOrder) {
  const auto dataset = dataset_of({31, 17});
  const auto splits = split_dataset(dataset, {}, 3);
  EXPECT_FALSE(splits.test);
  auto paths = paths_of(splits.train);
  EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end()));
  const auto validation = paths_of(*splits.validation);
  paths.insert(paths.end(), validation.begin(), validation.end());
  std::sort(paths.begin(), paths.end());
  EXPECT_EQ(paths, paths_of(dataset));
}

TEST(Split, DependsOnTheSeedAlone) {
  const auto dataset = dataset_of({50, 50});
  EXPECT_EQ(paths_of(split_dataset(dataset, {}, 5).train), paths_of(split_dataset(dataset, {}, 5).train));
  EXPECT_NE(paths_of(split_dataset(dataset, {}, 5).train), paths_of(split_dataset(dataset, {}, 6).train));
}

TEST(Split, SmallClassesAreInEveryPart) {
  const auto splits = split_dataset(dataset_of({3, 2}), SplitFractions{0.9, 0.1, 0.0}, 1);
  EXPECT_EQ(class_counts(splits.train), (std::vector{2, 1}));
  EXPECT_EQ(class_counts(*splits.validation), (std::vector{1, 1}));
}

TEST(Split, GroupsStayTogether) {
  auto dataset = dataset_of({200, 200});
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    dataset.samples[i].group = fmt::format("g{}", i % 57);
  }
  const auto splits = split_dataset(dataset, SplitFractions{0.6, 0.2, 0.2}, 11);
  std::map<std::string, std::set<int>> parts;
  int part = 0;
  for (const auto* set : {&splits.train, &*splits.validation, &*splits.test}) {
    for (const auto& sample : set->samples) {
      parts[sample.group].insert(part);
    }
    ++part;
  }
  for (const auto& [group, in] : parts) {
    EXPECT_EQ(in.size(), 1U) << group;
  }
  EXPECT_NEAR(class_counts(splits.train)[0], 120, 8);
  EXPECT_NEAR(class_counts(*splits.test)[1], 40, 8);
}

TEST(Split, CountsAClass) {
  const auto dataset = dataset_of({50, 40});
  const auto splits = split_by_count(dataset, SplitCounts{20, 10, 5}, 2);
  EXPECT_EQ(class_counts(splits.train), (std::vector{20, 20}));
  EXPECT_EQ(class_counts(*splits.validation), (std::vector{10, 10}));
  EXPECT_EQ(class_counts(*splits.test), (std::vector{5, 5}));
  EXPECT_THAT(message_of([&] {
                split_by_count(dataset, SplitCounts{30, 11, 0}, 2);
              }),
              HasSubstr("40 of \"class1\""));
}

TEST(Split, WrongFractionsAreRefused) {
  EXPECT_THAT(message_of([] {
                split_dataset(dataset_of({5, 5}), SplitFractions{0.8, 0.4, 0.0}, 1);
              }),
              HasSubstr("sum to at most 1"));
  EXPECT_THAT(message_of([] {
                split_dataset(dataset_of({5, 5}), SplitFractions{0.0, 0.4, 0.0}, 1);
              }),
              HasSubstr("train above 0"));
}

TEST(SplitFolders, WritesWhatReadDatasetReads) {
  const FolderTree tree;
  for (int i = 0; i < 10; ++i) {
    tree.file(fmt::format("flat/cat.{}.jpg", i));
    tree.file(fmt::format("flat/sea_lion-{}.png", i));
  }
  tree.file("flat/readme.txt");
  const Dataset flat = read_unsplit(tree.path("flat"));
  EXPECT_EQ(flat.class_names, (std::vector<std::string>{"cat", "sea_lion"}));
  EXPECT_EQ(flat.skipped.size(), 1U);
  for (const auto transfer : {FileTransfer::copy, FileTransfer::hard_link}) {
    const auto out = tree.path(transfer == FileTransfer::copy ? "copied" : "linked");
    const auto splits = split_by_count(flat, SplitCounts{5, 3, 1}, 4);
    EXPECT_EQ(write_split_folders(splits, out, transfer), 18);
    const auto read = read_dataset(out);
    EXPECT_EQ(class_counts(read.train), (std::vector{5, 5}));
    EXPECT_EQ(class_counts(*read.validation), (std::vector{3, 3}));
    EXPECT_EQ(class_counts(*read.test), (std::vector{1, 1}));
    for (const auto& sample : read.train.samples) {
      std::ifstream in(sample.path);
      const std::string text((std::istreambuf_iterator<char>(in)), {});
      EXPECT_EQ(text, "flat/" + fs::path(sample.path).filename().string());
      EXPECT_EQ(fs::hard_link_count(sample.path), transfer == FileTransfer::copy ? 1U : 2U);
    }
    EXPECT_THAT(message_of([&] { write_split_folders(splits, out, transfer); }), HasSubstr("already exists"));
  }
}

TEST(SplitFolders, WhatCannotBeFinishedIsRemoved) {
  const FolderTree tree;
  for (const auto* name : {"in/a/1.jpg", "in/a/2.jpg", "in/b/1.jpg", "in/b/2.jpg"}) {
    tree.file(name);
  }
  const auto splits = split_by_count(read_unsplit(tree.path("in")), SplitCounts{1, 1, 0}, 1);
  const auto write = [&](const std::string& out) {
    return message_of([&] { write_split_folders(splits, out, FileTransfer::copy); });
  };
  request_stop(true);
  EXPECT_THAT(write(tree.path("out")), HasSubstr("stop"));
  request_stop(false);
  EXPECT_FALSE(fs::exists(tree.path("out")));
  fs::create_directories(tree.path("empty"));
  fs::remove(splits.validation->samples.back().path);
  EXPECT_THAT(write(tree.path("out")), HasSubstr("to be copied"));
  EXPECT_FALSE(fs::exists(tree.path("out")));
  EXPECT_THAT(write(tree.path("empty")), HasSubstr("to be copied"));
  EXPECT_TRUE(fs::exists(tree.path("empty")));
  EXPECT_TRUE(fs::is_empty(tree.path("empty")));
}

TEST(SplitFolders, EqualNamesOfAClassGetANumber) {
  const FolderTree tree;
  for (const auto* name : {"in/a/x/1.jpg", "in/a/y/1.jpg", "in/b/1.jpg", "in/b/2.jpg"}) {
    tree.file(name);
  }
  EXPECT_EQ(write_split_folders(split_by_count(read_unsplit(tree.path("in")), SplitCounts{2, 0, 0}, 1),
                                tree.path("out"), FileTransfer::copy),
            4);
  EXPECT_TRUE(fs::exists(tree.path("out/train/a/1_2.jpg")));
}

TEST(SplitFolders, ManifestIsADataSetWithHashes) {
  const FolderTree tree;
  for (const auto* name : {"in/a/1.jpg", "in/a/2.jpg", "in/b/1.jpg", "in/b/with,comma.jpg"}) {
    tree.file(name);
  }
  Dataset dataset = read_unsplit(tree.path("in"));
  EXPECT_EQ(group_by_path(dataset, "/([0-9]+)[.]"), 3);
  EXPECT_EQ(dataset.samples[2].group, "1");
  const auto splits = split_by_count(dataset, SplitCounts{1, 1, 0}, 1);
  write_split_folders(splits, tree.path("out"), FileTransfer::copy);
  const auto read = read_dataset(tree.path("out/manifest.csv"));
  EXPECT_EQ(class_counts(read.train), (std::vector{1, 1}));
  EXPECT_EQ(class_counts(*read.validation), (std::vector{1, 1}));
  std::ifstream file(tree.path("out/manifest.csv"));
  std::string header, row;
  std::getline(file, header);
  EXPECT_EQ(header, "path,split,label,group,sha256");
  std::map<std::string, std::set<std::string>> parts;
  for (int i = 0; i < 4; ++i) {
    std::getline(file, row);
    const auto path = row.substr(row.front() == '"' ? 1 : 0);
    parts[path.substr(path.find_last_of('/') + 1, 1)].insert(path.substr(0, path.find('/')));
    EXPECT_EQ(row.size() - row.find_last_of(',') - 1, 64U) << row;
  }
  EXPECT_EQ(parts["1"].size(), 1U);  // a group is in one part
}

TEST(SplitFolders, GroupsNeedACapture) {
  auto dataset = dataset_of({2, 2});
  EXPECT_THAT(message_of([&] { group_by_path(dataset, "("); }), HasSubstr("regular expression"));
  EXPECT_THAT(message_of([&] { group_by_path(dataset, "[0-9]"); }), HasSubstr("capture group"));
  EXPECT_THAT(message_of([&] { group_by_path(dataset, "(nowhere)"); }), HasSubstr("it is in none"));
}

TEST(SplitFolders, JoinsPartsThatAreThere) {
  const FolderTree tree;
  for (const auto* name : {"train/a/1.jpg", "train/b/1.jpg", "val/a/2.jpg", "test/b/2.jpg"}) {
    tree.file(name);
  }
  EXPECT_EQ(class_counts(read_unsplit(tree.path())), (std::vector{2, 2}));
}

TEST(Folds, EveryClassIsSpreadEvenly) {
  const Dataset dataset = dataset_of({53, 20, 3, 1});
  const auto folds = stratified_folds(dataset, 5, 7);
  EXPECT_EQ(folds, stratified_folds(dataset, 5, 7));
  EXPECT_NE(folds, stratified_folds(dataset, 5, 8));
  std::map<std::pair<int, int>, int> counts;  // by class and fold
  for (std::size_t i = 0; i < folds.size(); ++i) {
    ASSERT_TRUE(folds[i] >= 0 && folds[i] < 5);
    ++counts[{dataset.samples[i].label, folds[i]}];
  }
  for (int fold = 0; fold < 5; ++fold) {
    const int first = counts[{0, fold}], second = counts[{1, fold}], third = counts[{2, fold}];
    EXPECT_TRUE(first == 10 || first == 11) << first;
    EXPECT_EQ(second, 4);
    EXPECT_LE(third, 1);
  }
}

TEST(Folds, GroupsStayTogether) {
  Dataset dataset = dataset_of({40, 40});
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    dataset.samples[i].group = i % 4 == 0 ? "" : fmt::format("group{}", i % 11);
  }
  const auto folds = stratified_folds(dataset, 4, 0);
  std::map<std::string, std::set<int>> of_group;
  for (std::size_t i = 0; i < folds.size(); ++i) {
    if (!dataset.samples[i].group.empty()) {
      of_group[dataset.samples[i].group].insert(folds[i]);
    }
  }
  EXPECT_EQ(of_group.size(), 11U);
  for (const auto& [group, used] : of_group) {
    EXPECT_EQ(used.size(), 1U) << group;
  }
  EXPECT_EQ(std::set<int>(folds.begin(), folds.end()).size(), 4U);
}

TEST(Folds, AndSplitsNeedLabels) {
  for (const int label : {-1, 2}) {
    const Dataset data{
        .class_names = {"a", "b"}, .samples = {{"1", 0, ""}, {"2", 1, ""}, {"3", label, ""}}, .skipped = {}};
    EXPECT_THROW(stratified_folds(data, 2, 0), Error);
    EXPECT_THROW(split_dataset(data, {}, 0), Error);
    EXPECT_THROW(split_by_count(data, {.train = 1}, 0), Error);
    const FolderTree tree;
    const DatasetSplits splits{.train = data, .validation = {}, .test = {}};
    EXPECT_THROW(write_split_folders(splits, tree.path("out"), FileTransfer::copy), Error);
  }
}

TEST(Folds, OneIsNone) {
  EXPECT_THAT(message_of([] { stratified_folds(dataset_of({5, 5}), 1, 0); }), HasSubstr("two folds"));
}

}  // namespace
}  // namespace headstart
