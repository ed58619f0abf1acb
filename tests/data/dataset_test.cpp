// Layouts of data sets and what is wrong with some.
#include "headstart/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/csv.h"
#include "data/folder_tree.h"
#include "headstart/error.h"
#include "support/paths.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

using test::FolderTree;
using test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> names_of(const Dataset& dataset) {
  std::vector<std::string> names;
  for (const auto& sample : dataset.samples) {
    names.push_back(fs::path(sample.path).filename().string() + ":" +
                    dataset.class_names.at(static_cast<std::size_t>(sample.label)));
  }
  return names;
}

TEST(ClassFolders, SortsBytewiseAndSkipsWhatIsNoPicture) {
  const FolderTree tree;
  for (const auto* name :
       {"dog/2.jpg", "dog/10.JPEG", "Cat/b.png", "Cat/c.tif", "Cat/inner/a.webp", "Cat/notes.txt",
        "Cat/.hidden.jpg", "README.md", ".git/config", "dog/Thumbs.db", "__MACOSX/dog/._2.jpg"}) {
    tree.file(name);
  }
  const auto splits = read_dataset(tree.path());
  EXPECT_THAT(splits.train.class_names, ElementsAre("Cat", "dog"));
  EXPECT_THAT(names_of(splits.train),
              ElementsAre("b.png:Cat", "c.tif:Cat", "a.webp:Cat", "10.JPEG:dog", "2.jpg:dog"));
  EXPECT_EQ(splits.train.skipped.size(), 6U);
  EXPECT_FALSE(splits.validation);
  EXPECT_FALSE(splits.test);
}

TEST(ClassFolders, OneFolderAroundThoseOfTheClassesIsNamed) {
  const FolderTree tree;
  tree.file("flower_photos/daisy/1.jpg");
  tree.file("flower_photos/roses/2.jpg");
  EXPECT_THAT(message_of([&] { read_dataset(tree.path()); }),
              HasSubstr("flower_photos in it, which has 2 folders"));
  EXPECT_EQ(read_dataset(tree.path("flower_photos")).train.class_names.size(), 2U);
}

TEST(ClassFolders, AFileWithoutExtensionIsToldByContent) {
  const FolderTree tree;
  tree.file("a/picture", std::string("\x89PNG\r\n\x1A\n", 8) + "rest");
  tree.file("a/text", "hello");
  tree.file("a/lying.jpg", "hello");  // kept: it says it is one, and becomes an unreadable image
  tree.file("b/1.gif");
  EXPECT_THAT(names_of(read_dataset(tree.path()).train), ElementsAre("lying.jpg:a", "picture:a", "1.gif:b"));
}

TEST(ClassFolders, FollowsLinksWithoutLoops) {
  const FolderTree tree;
  tree.file("a/1.jpg");
  tree.file("b/2.jpg");
  fs::create_directory_symlink(tree.path("a"), fs::path(tree.path("a")) / "again");
  fs::create_directory_symlink(tree.path(), fs::path(tree.path("a")) / "up");
  fs::create_symlink("/nowhere.jpg", fs::path(tree.path("a")) / "dangling.jpg");
  const auto splits = read_dataset(tree.path());
  EXPECT_EQ(names_of(splits.train).front(), "1.jpg:a");
  EXPECT_THAT(splits.train.skipped, ElementsAre(HasSubstr("dangling.jpg")));
}

TEST(SplitFolders, AllUsualNames) {
  for (const auto& [train, validation, test] : {std::tuple{"train", "validation", "test"},
                                                {"Train", "val", "testing"},
                                                {"training", "valid", "Test"}}) {
    const FolderTree tree;
    for (const std::string part : {train, validation, test}) {
      tree.file(part + "/cat/1.jpg");
      tree.file(part + "/dog/2.jpg");
    }
    tree.file("unlabelled/3.jpg");
    const auto splits = read_dataset(tree.path());
    EXPECT_EQ(splits.train.samples.size(), 2U);
    ASSERT_TRUE(splits.validation && splits.test) << train;
    EXPECT_EQ(splits.validation->class_names, splits.train.class_names);
    EXPECT_EQ(splits.test->samples[1].label, 1);
    EXPECT_THAT(splits.train.skipped, ElementsAre(HasSubstr("unlabelled")));
  }
}

TEST(SplitFolders, AClassMayBeCalledTrain) {
  const FolderTree tree;
  tree.file("car/1.jpg");
  tree.file("train/2.jpg");
  EXPECT_THAT(read_dataset(tree.path()).train.class_names, ElementsAre("car", "train"));
}

TEST(SplitFolders, ValidationMayLackAClassButHasNoneOfItsOwn) {
  const FolderTree tree;
  tree.file("train/cat/1.jpg");
  tree.file("train/dog/1.jpg");
  tree.file("val/dog/1.jpg");
  EXPECT_EQ(read_dataset(tree.path()).validation->samples[0].label, 1);
  tree.file("val/dogs/1.jpg");
  EXPECT_THAT(message_of([&] { read_dataset(tree.path()); }),
              testing::AllOf(HasSubstr("\"dogs\""), HasSubstr("did you mean dog")));
}

TEST(BadDatasets, SayWhatIsWrong) {
  const FolderTree tree;
  EXPECT_THAT(message_of([&] { read_dataset(tree.path("missing")); }), HasSubstr("does not exist"));
  EXPECT_THAT(message_of([&] { read_dataset(tree.path()); }), HasSubstr("received none"));
  const auto file = tree.file("cat/1.jpg");
  EXPECT_THAT(message_of([&] { read_dataset(tree.path()); }), HasSubstr("only \"cat\""));
  EXPECT_THAT(message_of([&] { read_dataset(file); }), HasSubstr(".csv was expected"));
  tree.file("dog/notes.txt");
  EXPECT_THAT(message_of([&] { read_dataset(tree.path()); }), HasSubstr("/dog"));
  tree.file("two/train/a/1.jpg");
  tree.file("two/training/a/1.jpg");
  EXPECT_THAT(message_of([&] { read_dataset(tree.path("two")); }), HasSubstr("both train and training"));
}

TEST(Csv, Rfc4180) {
  EXPECT_THAT(parse_csv("\xEF\xBB\xBF"
                        "a,b\r\n\"x,\"\"y\"\"\n\",\r\n\r\n1,2"),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("x,\"y\"\n", ""), ElementsAre("1", "2")));
  EXPECT_THAT(parse_csv("\"\"\n"), ElementsAre(ElementsAre("")));
  EXPECT_TRUE(parse_csv("").empty());
  EXPECT_THAT(message_of([] { parse_csv("a\n\"b"); }), HasSubstr("row 2"));
}

TEST(Csv, ReadsSplitsAndGroups) {
  const FolderTree tree;
  tree.file("photos/a, b.jpg");
  const auto csv =
      tree.file("labels.csv",
                "Label,path,split,group\r\ndog,\"photos/a, b.jpg\",,g1\r\ncat,photos/2.jpg,train,g2\r\n"
                "cat,photos/3.jpg,VAL,g2\r\ndog,photos/4.jpg,test,\r\n");
  const auto splits = read_dataset(csv);
  EXPECT_THAT(names_of(splits.train), ElementsAre("2.jpg:cat", "a, b.jpg:dog"));
  EXPECT_EQ(splits.train.samples[1].path, tree.path("photos/a, b.jpg"));
  EXPECT_EQ(splits.train.samples[1].group, "g1");
  EXPECT_THAT(names_of(*splits.validation), ElementsAre("3.jpg:cat"));
  EXPECT_THAT(names_of(*splits.test), ElementsAre("4.jpg:dog"));
}

TEST(Csv, SeveralClassesAPhoto) {
  const FolderTree tree;
  tree.file("1.jpg");
  const auto csv = tree.file("labels.csv",
                             "path,Labels,split\n1.jpg,dog| cat |dog,\n2.jpg,,\n3.jpg,cat|dog,\n4.jpg,dog,\n"
                             "5.jpg,cat,validation\n");
  EXPECT_THAT(message_of([&] { read_dataset(csv); }), HasSubstr("one class each"));
  const auto splits = read_dataset(csv, LabelsOfPhoto::any_number);
  EXPECT_THAT(splits.train.class_names, ElementsAre("cat", "dog"));
  EXPECT_THAT(splits.train.label_sets,
              ElementsAre(ElementsAre(), ElementsAre(0), ElementsAre(0, 1), ElementsAre(1)));
  EXPECT_EQ(splits.validation->label_sets, splits.train.label_sets);
  std::vector<std::string> texts;
  for (const auto& sample : splits.train.samples) {
    texts.push_back(fs::path(sample.path).filename().string() + ":" + label_text(splits.train, sample));
  }
  EXPECT_THAT(texts, ElementsAre("2.jpg:", "1.jpg:cat|dog", "3.jpg:cat|dog", "4.jpg:dog"));

  const auto message = [&tree](const std::string& text) {
    const auto bad = tree.file("bad.csv", text);
    return message_of([&bad] { read_dataset(bad, LabelsOfPhoto::any_number); });
  };
  EXPECT_THAT(message("path,label,labels\n1.jpg,a,a|b\n"), HasSubstr("received both"));
  EXPECT_THAT(message("path,labels\n1.jpg,a\n2.jpg,\n"), HasSubstr("only \"a\""));
  EXPECT_THAT(message("path,labels\n1.jpg,\n"), HasSubstr("received none"));
  EXPECT_THAT(message("path,labels,split\n1.jpg,a|b,\n2.jpg,c,test\n"), HasSubstr("\"c\""));
}

TEST(Csv, BadOnesSayWhatIsWrong) {
  const FolderTree tree;
  tree.file("1.jpg");
  const auto message = [&tree](const std::string& text) {
    const auto csv = tree.file("labels.csv", text);
    return message_of([&csv] { read_dataset(csv); });
  };
  EXPECT_THAT(message("file,label\n1.jpg,a\n"), HasSubstr("add \"path\""));
  EXPECT_THAT(message("path,class\n1.jpg,a\n"), HasSubstr("add \"label\""));
  EXPECT_THAT(message("path,label\n1.jpg,a\n1.jpg,\n"), HasSubstr("row 3"));
  EXPECT_THAT(message("path,label,split\n1.jpg,a,holdout\n"), HasSubstr("\"holdout\""));
  EXPECT_THAT(message("path,label\n2.jpg,a\n3.jpg,b\n"), HasSubstr("none that exists"));
  EXPECT_THAT(message("path,label\n"), HasSubstr("received none"));
  EXPECT_THAT(message("\n"), HasSubstr("empty file"));
}

TEST(Datasets, RealOnes) {
  HEADSTART_NEEDS_SHARED();
  const auto pets = read_dataset(test::shared_path("data/cats_vs_dogs"));
  EXPECT_EQ(pets.train.samples.size(), 2000U);
  EXPECT_EQ(pets.validation->samples.size(), 1000U);
  const auto flowers = read_dataset(test::shared_path("data/flowers"));
  EXPECT_EQ(flowers.train.samples.size() + flowers.validation->samples.size(), 3119U);
  EXPECT_EQ(flowers.train.class_names.size(), 5U);
}

}  // namespace
}  // namespace headstart
