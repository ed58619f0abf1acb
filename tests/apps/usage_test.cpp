// Help, versions, exit statuses and suggestions: what CLI scripts rely on.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "run_program.h"

namespace headstart::test {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class CommandHelp : public testing::TestWithParam<const char*> {};

TEST_P(CommandHelp, IsOnStdoutWithAnExample) {
  const auto result = run_program({GetParam(), "--help"});
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(has(result.output, "Example")) << result.output;
  EXPECT_TRUE(has(result.output, std::string("headstart ") + GetParam())) << result.output;
  EXPECT_EQ(result.errors, "");
}

TEST_P(CommandHelp, UnknownOptionIsWrongUsageInOneLine) {
  const auto result = run_program({GetParam(), "--hepl"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_TRUE(result.errors.starts_with("error: ")) << result.errors;
  EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
}

INSTANTIATE_TEST_SUITE_P(Commands, CommandHelp,
                         testing::Values("train", "predict", "evaluate", "models", "summary", "features",
                                         "forward", "convert", "split", "check", "labels", "relabel",
                                         "add-classes", "calibrate", "plot", "report", "bench", "demo",
                                         "explore", "explain", "serve"));

TEST(Usage, VersionAndHelpOfTheProgram) {
  EXPECT_TRUE(run_program({"--version"}).output.starts_with("headstart "));
  const auto help = run_program({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_TRUE(has(help.output, "summary"));
}

TEST(Usage, HelpIsACommandToo) {
  EXPECT_EQ(run_program({"help"}).output, run_program({"--help"}).output);
  const auto train = run_program({"help", "train"});
  EXPECT_EQ(train.status, 0);
  EXPECT_EQ(train.output, run_program({"train", "--help"}).output);
}

TEST(Usage, NothingGivenIsWrongUsage) {
  const auto result = run_program({});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.output, "");
}

TEST(Usage, OptionsWithoutAnEffectAreRefused) {
  const auto classes = run_program({"summary", "mobilenet", "--classes", "5", "--no-top"});
  EXPECT_EQ(classes.status, 2);
  EXPECT_TRUE(has(classes.errors, "--no-top as well")) << classes.errors;
  EXPECT_EQ(run_program({"summary", "mobilenet", "--no-top", "--classes", "5", "--head", "gap,dense"}).status,
            0);
  const auto names = run_program({"convert", "a.pth", "b.h5", "--names", "torch", "--arch", "vgg16"});
  EXPECT_EQ(names.status, 2);
  EXPECT_TRUE(has(names.errors, "received b.h5")) << names.errors;
}

TEST(Usage, SuggestsCommandsAndOptions) {
  EXPECT_TRUE(has(run_program({"trian"}).errors, "did you mean train?"));
  const auto option = run_program({"models", "--jsn"});
  EXPECT_EQ(option.status, 2);
  EXPECT_TRUE(has(option.errors, "did you mean --json?")) << option.errors;
}

TEST(Usage, KnowsWhatOptionsAreCalledElsewhere) {
  EXPECT_TRUE(has(run_program({"train", "x", "--learning_rate", "1"}).errors, "did you mean --lr?"));
  EXPECT_TRUE(has(run_program({"train", "x", "--output=run"}).errors, "did you mean --out?"));
  EXPECT_FALSE(has(run_program({"models", "--learning-rate", "1"}).errors, "--lr"));
}

TEST(Usage, WrongValuesSayWhatWasExpected) {
  const auto message = [](std::vector<std::string> arguments) {
    const auto result = run_program(arguments);
    EXPECT_EQ(result.status, 2) << result.errors;
    return result.errors;
  };
  const auto rate = message({"train", "x", "--lr", "fast"});
  EXPECT_TRUE(has(rate, "--lr: expected a number above 0; received fast; see")) << rate;
  EXPECT_EQ(message({"train", "x", "--lr", "inf"}).find("received inf") == std::string::npos, false);
  EXPECT_TRUE(has(message({"predict", "x", "y", "--top", "0"}),
                  "--top: expected a whole number from 1 to 1000000; received 0"));
  EXPECT_TRUE(
      has(message({"train", "x", "--momentum", "1.5"}), "expected a number from 0 to 1; received 1.5"));
  EXPECT_TRUE(has(message({"train", "x", "--monitor", "val_los"}), "did you mean val_loss"));
  EXPECT_TRUE(
      has(message({"augment", "x", "--out", "y.png", "--zoom", "2"}), "a part from 0 to 1, or LOW,HIGH"));
  EXPECT_TRUE(has(message({"train", "x", "--cache", "of"}), "expected auto, off or a whole number"));
}

TEST(Usage, OptionsThatWouldDoNothingAreSaid) {
  const auto message = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"train", "x", "--base", "vgg16", "--out", "y"});
    const auto result = run_program(arguments);
    EXPECT_EQ(result.status, 2) << result.errors;
    return result.errors;
  };
  EXPECT_TRUE(has(message({"--fine-tune-lr", "1e-4"}), "does nothing without --fine-tune-from"));
  EXPECT_TRUE(has(message({"--layer-decay", "0.7"}), "does nothing without --fine-tune-from"));
  EXPECT_TRUE(
      has(message({"--momentum", "0.9", "--optimizer", "adam"}), "does nothing without --optimizer sgd"));
}

TEST(Usage, WrongValuesAreWrongUsage) {
  EXPECT_EQ(run_program({"summary", "vgg16", "--input-size", "huge"}).status, 2);
  EXPECT_EQ(run_program({"predict", "vgg16", "x.jpg", "--top", "0"}).status, 2);
  EXPECT_EQ(run_program({"predict", "vgg16", "x.jpg", "--precision", "f31"}).status, 2);
  EXPECT_EQ(run_program({"forward", "vgg16"}).status, 2);
  EXPECT_EQ(run_program({"serve", "vgg16", "--host", ""}).status, 2);
  EXPECT_EQ(run_program({"convert", "vgg16.pth", "vgg16.h5"}).status, 2);
  EXPECT_EQ(run_program({"train"}).status, 2);
}

TEST(Usage, UnknownNetworkFailsWithTheNearestNames) {
  const auto result = run_program({"summary", "vgg17"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.errors, "vgg16")) << result.errors;
  EXPECT_TRUE(has(run_program({"summary", "vgg17"}).errors, "did you mean vgg16, vgg19, vgg11?"));
}

TEST(Usage, NamesOfNetworksAsTheirPapersAndKerasSpellThem) {
  for (const char* name : {"MobileNetV2", "ResNet-50", "InceptionResNetV2", "EfficientNetV2B0", "VGG16"}) {
    EXPECT_EQ(run_program({"summary", name}).status, 0) << name;
  }
}

TEST(Usage, PicturesAreCalledPng) {
  const auto result = run_program({"augment", "photo.jpg", "--out", "views.bmp"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(has(result.errors, "expected a file called .png; received views.bmp")) << result.errors;
}

TEST(Usage, AModelThatIsNotThere) {
  const auto file = run_program({"summary", "run/model.safetensors"});
  EXPECT_EQ(file.status, 1);
  EXPECT_TRUE(has(file.errors, "there is no such file")) << file.errors;
  EXPECT_TRUE(has(run_program({"summary", "/"}).errors, "a folder without model.safetensors"));
  EXPECT_TRUE(has(run_program({"predict", "vgg16", "--weights", "imagnet", "x.jpg"}).errors,
                  "did you mean imagenet?"));
}

TEST(Usage, InputBelowTheMinimumSaysTheMinimum) {
  const auto result = run_program({"summary", "vgg16", "--input-size", "16"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.errors, "32")) << result.errors;
}

}  // namespace
}  // namespace headstart::test
