// Relabelling: files moved and put back, whatever the list says and wherever it is stopped.
#include "headstart/relabel.h"

#include <csignal>
#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "data/folder_tree.h"
#include "headstart/dataset.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

using test::FolderTree;
using test::message_of;
using testing::HasSubstr;

using Content = std::map<std::string, std::string>;

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Every file below by its path, and every empty folder.
Content content_of(const std::string& folder) {
  Content content;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string relative = entry.path().lexically_relative(folder).string();
    if (entry.is_regular_file()) {
      content[relative] = text_of(entry.path());
    } else if (fs::is_empty(entry.path())) {
      content[relative + "/"] = "";
    }
  }
  return content;
}

LabelDecision relabel(const std::string& path, const std::string& given, const std::string& to) {
  return {.path = path, .given = given, .suggested = to, .action = LabelAction::relabel};
}
LabelDecision removal(const std::string& path, const std::string& given) {
  return {.path = path, .given = given, .suggested = "", .action = LabelAction::remove};
}

class RelabelTest : public testing::Test {
 protected:
  RelabelTest() {
    for (const auto* name :
         {"cat/1.jpg", "cat/2.jpg", "cat/3.jpg", "dog/1.jpg", "dog/2.jpg", "dog/sub/4.jpg"}) {
      tree.file(std::string("pets/") + name, name);
    }
    data = tree.path("pets");
  }
  std::string plan_error(const std::vector<LabelDecision>& list) const {
    return message_of([&] { plan_relabel(data, list); });
  }

  FolderTree tree;
  std::string data;
};

TEST_F(RelabelTest, TakesAQuarantine) {
  const std::string list =
      tree.file("list.csv", "path,reason\n" + data + "/cat/1.jpg,unreadable\ndog/sub/4.jpg,a duplicate\n");
  const RelabelPlan plan = plan_relabel(data, read_label_list(list));
  ASSERT_EQ(plan.changes.size(), 2U);
  EXPECT_EQ(plan.changes[0].path, "cat/1.jpg");
  EXPECT_EQ(plan.changes[0].given, "cat");
  EXPECT_EQ(plan.changes[1].path, "dog/sub/4.jpg");
  EXPECT_EQ(apply_relabel(plan).removed, 2);
  EXPECT_FALSE(content_of(data).contains("cat/1.jpg"));

  tree.file("1.jpg");
  tree.file("2.jpg");
  const std::string csv = tree.file("photos.csv", "path,label\n1.jpg,a\n2.jpg,b\n3.jpg,a\n");
  const std::string third = tree.file("3.jpg");
  tree.file("list.csv", "path,reason\n" + third + ",a duplicate\n");
  apply_relabel(plan_relabel(csv, read_label_list(list)));
  EXPECT_EQ(text_of(csv), "path,label\n1.jpg,a\n2.jpg,b\n");
}

TEST_F(RelabelTest, MovesRemovesAndPutsBack) {
  const Content before = content_of(data);
  const auto plan = plan_relabel(data, {relabel("cat/3.jpg", "cat", "dog"),
                                        removal("dog/2.jpg", "dog"),
                                        relabel("dog/sub/4.jpg", "dog", "cat"),
                                        {.path = "not there", .given = "x", .suggested = "y"},
                                        {.path = "cat/1.jpg", .given = "cat", .action = LabelAction::keep}});
  EXPECT_EQ(content_of(data), before);
  const Relabelled done = apply_relabel(plan);
  EXPECT_EQ(done.relabelled, 2);
  EXPECT_EQ(done.removed, 1);
  EXPECT_EQ(content_of(data), (Content{{"cat/1.jpg", "cat/1.jpg"},
                                       {"cat/2.jpg", "cat/2.jpg"},
                                       {"cat/sub/4.jpg", "dog/sub/4.jpg"},
                                       {"dog/1.jpg", "dog/1.jpg"},
                                       {"dog/3.jpg", "cat/3.jpg"},
                                       {"dog/sub/", ""}}));
  EXPECT_EQ(content_of(tree.path("pets.removed")), (Content{{"dog/2.jpg", "dog/2.jpg"}}));
  EXPECT_EQ(read_dataset(data).train.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(done.undo, fs::canonical(tree.path("pets.undo.csv")).string());
  const Undone undone = undo_relabel(data, done.undo);
  EXPECT_EQ(undone.restored, 3);
  EXPECT_TRUE(undone.lost.empty());
  EXPECT_EQ(content_of(data), before);
  EXPECT_FALSE(fs::exists(tree.path("pets.removed")));
  EXPECT_EQ(undo_relabel(data, done.undo).restored, 0);  // once more is nothing more
}

TEST_F(RelabelTest, NeverOverwrites) {
  const Content before = content_of(data);
  // Both want the other's name, which is taken while the plan is made.
  const auto plan =
      plan_relabel(data, {relabel("cat/1.jpg", "cat", "dog"), relabel("dog/1.jpg", "dog", "cat")});
  EXPECT_EQ(plan.changes[0].target, "dog/1_2.jpg");
  EXPECT_EQ(plan.changes[1].target, "cat/1_2.jpg");
  tree.file("pets/cat/1_2.jpg", "came in between");
  EXPECT_THAT(message_of([&] { apply_relabel(plan); }), HasSubstr("--undo"));
  EXPECT_EQ(text_of(tree.path("pets/cat/1_2.jpg")), "came in between");
  EXPECT_EQ(text_of(tree.path("pets/dog/1.jpg")), "dog/1.jpg");
  fs::remove(tree.path("pets/cat/1_2.jpg"));
  EXPECT_EQ(undo_relabel(data, tree.path("pets.undo.csv")).restored, 1);
  EXPECT_EQ(content_of(data), before);
}

TEST_F(RelabelTest, EveryRelabelHasItsOwnUndo) {
  const auto first = apply_relabel(plan_relabel(data, {relabel("cat/3.jpg", "cat", "dog")}));
  const auto second = apply_relabel(plan_relabel(data, {removal("dog/3.jpg", "dog")}));
  EXPECT_NE(first.undo, second.undo);
  // In the wrong order: said, and nothing else happens.
  const Undone early = undo_relabel(data, first.undo);
  EXPECT_EQ(early.restored, 0);
  EXPECT_EQ(early.lost.size(), 1U);
  EXPECT_EQ(undo_relabel(data, second.undo).restored, 1);
  EXPECT_EQ(undo_relabel(data, first.undo).restored, 1);
  EXPECT_EQ(text_of(tree.path("pets/cat/3.jpg")), "cat/3.jpg");
}

TEST_F(RelabelTest, NothingToDoLeavesNoUndo) {
  EXPECT_EQ(apply_relabel(plan_relabel(data, {relabel("cat/1.jpg", "cat", "cat")})).undo, "");
  EXPECT_FALSE(fs::exists(tree.path("pets.undo.csv")));
}

TEST_F(RelabelTest, RefusesListsThatDoNotFit) {
  tree.file("outside.jpg");
  const Content before = content_of(tree.path());
  EXPECT_THAT(plan_error({removal("../outside.jpg", "cat")}), HasSubstr("a picture of"));
  EXPECT_THAT(plan_error({removal(tree.path("outside.jpg"), "cat")}), HasSubstr("a picture of"));
  EXPECT_THAT(plan_error({removal("cat/9.jpg", "cat")}), HasSubstr("cat/9.jpg"));
  EXPECT_THAT(plan_error({removal("cat", "cat")}), HasSubstr("a picture of"));
  EXPECT_THAT(plan_error({removal("", "cat")}), HasSubstr("a picture of"));
  EXPECT_THAT(plan_error({relabel("cat/1.jpg", "cat", "dgo")}), HasSubstr("did you mean dog"));
  EXPECT_THAT(plan_error({relabel("cat/1.jpg", "cat", "../dog")}), HasSubstr("a class of"));
  EXPECT_THAT(plan_error({relabel("cat/1.jpg", "cat", "")}), HasSubstr("a class of"));
  EXPECT_THAT(plan_error({relabel("cat/1.jpg", "dog", "cat")}), HasSubstr("older than the data"));
  EXPECT_THAT(plan_error({removal("cat/1.jpg", "cat"), removal("cat/1.jpg", "cat")}), HasSubstr("twice"));
  EXPECT_THAT(plan_error({removal("cat/1.jpg", "cat"), removal("cat/../cat/./1.jpg", "cat")}),
              HasSubstr("twice"));
  EXPECT_THAT(
      plan_error({removal("cat/1.jpg", "cat"), removal("cat/2.jpg", "cat"), removal("cat/3.jpg", "cat")}),
      HasSubstr("none left"));
  EXPECT_EQ(content_of(tree.path()), before);
}

TEST_F(RelabelTest, AbsolutePathsAndATrailingSlashAreUnderstood) {
  const auto plan = plan_relabel(data + "/", {relabel(tree.path("pets/cat/3.jpg"), "cat", "dog")});
  EXPECT_EQ(plan.changes[0].path, "cat/3.jpg");
  EXPECT_EQ(apply_relabel(plan).relabelled, 1);
  EXPECT_TRUE(fs::exists(tree.path("pets/dog/3.jpg")));
}

TEST_F(RelabelTest, StaysInItsSplit) {
  for (const auto* name : {"train/cat/1.jpg", "train/cat/2.jpg", "train/dog/1.jpg", "train/train/1.jpg",
                           "val/train/2.jpg", "val/dog/5.jpg"}) {
    tree.file(std::string("parts/") + name, name);
  }
  const std::string parts = tree.path("parts");
  const Content before = content_of(parts);
  const auto done = apply_relabel(
      plan_relabel(parts, {relabel("val/train/2.jpg", "train", "cat"),
                           relabel("train/cat/2.jpg", "cat", "train"), removal("val/dog/5.jpg", "dog")}));
  EXPECT_EQ(text_of(tree.path("parts/val/cat/2.jpg")), "val/train/2.jpg");
  EXPECT_EQ(text_of(tree.path("parts/train/train/2.jpg")), "train/cat/2.jpg");
  EXPECT_EQ(text_of(tree.path("parts.removed/val/dog/5.jpg")), "val/dog/5.jpg");
  EXPECT_EQ(undo_relabel(parts, done.undo).restored, 3);
  EXPECT_EQ(content_of(parts), before);
}

TEST_F(RelabelTest, AFolderThatCannotBeWrittenIsSaidBefore) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may write anywhere";
  }
  const Content before = content_of(data);
  fs::permissions(tree.path("pets/dog"), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(plan_error({relabel("cat/1.jpg", "cat", "dog")}), HasSubstr("can be written"));
  fs::permissions(tree.path("pets/dog"), fs::perms::owner_all);
  EXPECT_EQ(content_of(data), before);
}

TEST_F(RelabelTest, HostileUndoFilesAreRefused) {
  tree.file("outside.jpg");
  const Content before = content_of(tree.path("pets"));
  const auto error_of = [&](const std::string& text) {
    const std::string undo = tree.file("bad.undo.csv", text);
    return message_of([&] { undo_relabel(data, undo); });
  };
  const std::string header = "action,from,to\n";
  EXPECT_THAT(error_of(header + "relabel,../stolen.jpg,cat/1.jpg\n"), HasSubstr("within the data"));
  EXPECT_THAT(error_of(header + "relabel,cat/8.jpg,../outside.jpg\n"), HasSubstr("within the data"));
  EXPECT_THAT(error_of(header + "remove,cat/8.jpg,a/../../outside.jpg\n"), HasSubstr("within the data"));
  EXPECT_THAT(error_of(header + "relabel,/tmp/stolen.jpg,cat/1.jpg\n"), HasSubstr("within the data"));
  EXPECT_THAT(error_of(header + "relabel,,cat/1.jpg\n"), HasSubstr("within the data"));
  EXPECT_THAT(error_of(header + "relabel,cat/,cat/1.jpg\n"), HasSubstr("within the data"));
  EXPECT_THAT(error_of(header + "burn,cat/8.jpg,cat/1.jpg\n"), HasSubstr("row 2"));
  EXPECT_THAT(error_of(header + "relabel,cat/8.jpg\n"), HasSubstr("row 2"));
  EXPECT_THAT(error_of("path,given,suggested,score,action\n"), HasSubstr("undo file"));
  EXPECT_THAT(error_of(""), testing::AnyOf(HasSubstr("undo file"), HasSubstr("empty")));
  EXPECT_EQ(content_of(tree.path("pets")), before);
}

TEST_F(RelabelTest, StopsWhenAsked) {
  const Content before = content_of(data);
  const auto plan =
      plan_relabel(data, {relabel("cat/1.jpg", "cat", "dog"), relabel("cat/2.jpg", "cat", "dog")});
  request_stop(true);
  const Relabelled done = apply_relabel(plan);
  request_stop(false);
  EXPECT_TRUE(done.interrupted);
  EXPECT_EQ(done.relabelled, 0);
  EXPECT_EQ(undo_relabel(data, done.undo).restored, 0);
  EXPECT_EQ(content_of(data), before);
}

// SIGKILL at some moment of moving many files; undo mends whatever is left.
TEST_F(RelabelTest, KilledAtAnyMomentItCanBeUndone) {
  std::vector<LabelDecision> list;
  for (int i = 10; i < 1500; ++i) {
    const std::string path = fmt::format("cat/{}.jpg", i);
    tree.file("pets/" + path, path);
    list.push_back(i % 3 == 0 ? removal(path, "cat") : relabel(path, "cat", "dog"));
  }
  const Content before = content_of(data);
  Random random(5, RandomPurpose::test);
  std::int64_t halfway = 0;
  for (int attempt = 0; attempt < 12; ++attempt) {
    const auto plan = plan_relabel(data, list);
    const pid_t child = ::fork();
    if (child == 0) {
      apply_relabel(plan);
      ::_exit(0);
    }
    std::this_thread::sleep_for(
        std::chrono::microseconds(random.below(2000) + 2000U * static_cast<unsigned>(attempt)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string undo = tree.path("pets.undo.csv");
    if (!fs::exists(undo)) {  // killed before anything was done
      EXPECT_EQ(content_of(data), before);
      continue;
    }
    const Undone undone = undo_relabel(data, undo);
    halfway += undone.restored > 0 && undone.restored < static_cast<std::int64_t>(list.size()) ? 1 : 0;
    EXPECT_TRUE(undone.lost.empty());
    ASSERT_EQ(content_of(data), before) << "attempt " << attempt;
    fs::remove(undo);
  }
  RecordProperty("halfway", static_cast<int>(halfway));
}

class RelabelCsvTest : public RelabelTest {
 protected:
  RelabelCsvTest() {
    csv = tree.file(
        "pets/labels, old.csv",
        "\xEF\xBB\xBFnote, label ,path,split\r\n\"a, b\",cat,cat/1.jpg,train\r\n,dog,dog/1.jpg,train\r\n"
        ",dog,dog/2.jpg,train\r\n,cat,cat/2.jpg,test\r\n");
  }
  std::string csv;
};

TEST_F(RelabelCsvTest, LabelsChangeLinesGoAndBothComeBack) {
  const std::string before = text_of(csv);
  const auto done =
      apply_relabel(plan_relabel(csv, {relabel("cat/2.jpg", "cat", "dog"), removal("dog/2.jpg", "dog")}));
  EXPECT_EQ(
      text_of(csv),
      "note, label ,path,split\n\"a, b\",cat,cat/1.jpg,train\n,dog,dog/1.jpg,train\n,dog,cat/2.jpg,test\n");
  EXPECT_TRUE(fs::exists(tree.path("pets/dog/2.jpg")));
  EXPECT_EQ(done.relabelled, 1);
  EXPECT_EQ(done.removed, 1);
  EXPECT_EQ(undo_relabel(csv, done.undo).restored, 1);
  EXPECT_EQ(text_of(csv), before);
  EXPECT_EQ(undo_relabel(csv, done.undo).restored, 0);
}

TEST_F(RelabelCsvTest, UndoKeepsWhatWasChangedSince) {
  const auto done = apply_relabel(plan_relabel(csv, {relabel("cat/2.jpg", "cat", "dog")}));
  std::ofstream(csv, std::ios::app) << ",cat,cat/3.jpg,train\n";
  const std::string now = text_of(csv);
  EXPECT_THAT(message_of([&] { undo_relabel(csv, done.undo); }), HasSubstr("changed since"));
  EXPECT_EQ(text_of(csv), now);
}

TEST_F(RelabelCsvTest, RefusesListsThatDoNotFit) {
  const std::string before = text_of(csv);
  const auto error_of = [&](const LabelDecision& decision) {
    return message_of([&] { plan_relabel(csv, {decision}); });
  };
  EXPECT_THAT(error_of(relabel("cat/3.jpg", "cat", "dog")),
              HasSubstr("a picture of"));  // there, but not listed
  EXPECT_THAT(error_of(relabel("cat/2.jpg", "dog", "cat")), HasSubstr("older than the data"));
  EXPECT_THAT(error_of(relabel("cat/2.jpg", "cat", "bird")), HasSubstr("a class of"));
  EXPECT_THAT(error_of(removal("cat/1.jpg", "cat")), HasSubstr("none left"));
  EXPECT_EQ(text_of(csv), before);
}

TEST(LabelList, SurvivesItsFile) {
  const FolderTree tree;
  const std::vector<LabelDecision> list{
      {.path = "a, b/\"x\".jpg", .given = " spaced ", .suggested = "two\nlines", .score = 0.25},
      {.path = "c.jpg", .given = "a", .suggested = "b", .score = 0.5, .action = LabelAction::remove}};
  const std::string path = tree.path("list.csv");
  write_label_list(list, path);
  const auto read = read_label_list(path);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].path, list[0].path);
  EXPECT_EQ(read[0].given, list[0].given);
  EXPECT_EQ(read[0].suggested, list[0].suggested);
  EXPECT_EQ(read[0].action, LabelAction::undecided);
  EXPECT_EQ(read[1].action, LabelAction::remove);
  EXPECT_DOUBLE_EQ(read[1].score, 0.5);
}

TEST(LabelList, ReadsWhatPeopleAndSpreadsheetsWrite) {
  const FolderTree tree;
  const auto read = read_label_list(tree.file(
      "list.csv", "\xEF\xBB\xBF Action ,suggested,path,given\r\nRELABEL ,b,x.jpg,a\r\n\r\n,b,y.jpg,a\r\n"));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].action, LabelAction::relabel);
  EXPECT_EQ(read[0].path, "x.jpg");
}

TEST(LabelList, RefusesOtherFiles) {
  const FolderTree tree;
  const auto error_of = [&](const std::string& text) {
    return message_of([&] { read_label_list(tree.file("list.csv", text)); });
  };
  EXPECT_THAT(error_of("path;given;suggested;score;action\nx;a;b;1;keep\n"), HasSubstr("with commas"));
  EXPECT_THAT(error_of("path,given,suggested,score\nx,a,b,1\n"), HasSubstr("columns"));
  EXPECT_THAT(error_of("path,given,suggested,score,action\nx,a,b,1,delete\n"), HasSubstr("row 2"));
  EXPECT_THAT(error_of("path,given,suggested,score,action\n\"x,a,b,1,keep\n"), HasSubstr("quote"));
  EXPECT_THAT(error_of(" "), HasSubstr("columns"));
}

}  // namespace
}  // namespace headstart
