// Choices are measured once, remembered in a file and shared with other processes through it.
#include "engine/machine_choices.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/program_support.h"
#include "engine/winograd_choice.h"
#include "headstart/engine.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

using namespace std::chrono_literals;

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class MachineChoicesTest : public testing::Test {
 protected:
  // Takes the processor for so long, and counts how often it is prepared.
  Alternative alternative(const std::string& name, std::chrono::microseconds time) {
    return {.name = name, .prepare = [this, time]() -> std::function<void()> {
              ++prepared_;
              return [time] {
                const double end = processor_seconds() + std::chrono::duration<double>(time).count();
                while (processor_seconds() < end) {
                }
              };
            }};
  }
  std::array<Alternative, 3> alternatives() {
    return {alternative("first", 1000us), alternative("second", 100us), alternative("third", 3000us)};
  }

  test::TemporaryFolder folder_;
  const std::string path_ = folder_ / "choices/here.json";
  int prepared_ = 0;
};

TEST_F(MachineChoicesTest, MeasuresOnceAndRemembersBetweenRuns) {
  MachineChoices choices(path_);
  EXPECT_EQ(choices.choose("work", alternatives()), 1U);
  EXPECT_EQ(prepared_, 3);
  EXPECT_EQ(choices.choose("work", alternatives()), 1U);
  EXPECT_EQ(prepared_, 3);
  choices.save();
  MachineChoices later(path_);
  EXPECT_EQ(later.choose("work", alternatives()), 1U);
  EXPECT_EQ(prepared_, 3);
  EXPECT_EQ(later.choose("other work", alternatives()), 1U);
  EXPECT_EQ(prepared_, 6);
}

TEST_F(MachineChoicesTest, ChoosesTheFirstUnlessAnotherIsClearlyFaster) {
  MachineChoices choices(path_);
  EXPECT_EQ(choices.choose("near", std::array{alternative("first", 1000us), alternative("second", 980us)}),
            0U);
  // The second does its work ten times.
  auto part = alternative("second", 200us);
  part.times = 10.0;
  EXPECT_EQ(choices.choose("part", std::array{alternative("first", 1000us), part}), 0U);
}

TEST_F(MachineChoicesTest, TakesNothingThatCannotBeDone) {
  MachineChoices choices(path_);
  const Alternative impossible{.name = "first", .prepare = [] { return std::function<void()>(); }};
  EXPECT_EQ(choices.choose("work", std::array{impossible, alternative("second", 10us)}), 1U);
}

TEST_F(MachineChoicesTest, KeepsWhatAnotherProcessChose) {
  MachineChoices one(path_), other(path_);
  one.choose("a", alternatives());
  other.choose("b", alternatives());
  one.save();
  other.save();
  MachineChoices both(path_);
  both.choose("a", alternatives());
  both.choose("b", alternatives());
  EXPECT_EQ(prepared_, 6);
}

TEST_F(MachineChoicesTest, StartsAnewWithAFileThatIsBroken) {
  std::filesystem::create_directories(folder_.path() / "choices");
  for (const std::string content : {"", "{", "[1]", "{\"work\": 3}", "{\"work\": \"fourth\"}", "\xff\xfe"}) {
    std::ofstream(path_) << content;
    MachineChoices choices(path_);
    EXPECT_EQ(choices.choose("work", alternatives()), 1U) << content;
    choices.save();
    prepared_ = 0;
    MachineChoices(path_).choose("work", alternatives());
    EXPECT_EQ(prepared_, 0) << content;
  }
}

TEST_F(MachineChoicesTest, GoesOnWhereNothingCanBeWritten) {
  std::ofstream(folder_ / "choices") << "a file, not a folder";
  MachineChoices choices(path_);
  EXPECT_EQ(choices.choose("work", alternatives()), 1U);
  EXPECT_NO_THROW(choices.save());
  EXPECT_EQ(choices.choose("work", alternatives()), 1U);
  EXPECT_EQ(prepared_, 3);
}

TEST_F(MachineChoicesTest, TilesAreTheSameAtEveryRun) {
  ::setenv("HEADSTART_CACHE", folder_.path().c_str(), 1);
  const WinogradShape shape{.batch = 2,
                            .height = 28,
                            .width = 28,
                            .channels = 64,
                            .result_height = 28,
                            .result_width = 28,
                            .filters = 64,
                            .zeros_above = 1,
                            .zeros_left = 1};
  const auto first = with_measured_tiles(shape);
  MachineChoices::here().save();
  EXPECT_FALSE(std::filesystem::is_empty(folder_.path() / "choices"));
  for (int i = 0; i < 5; ++i) {
    const auto again = with_measured_tiles(shape);
    ASSERT_EQ(again.has_value(), first.has_value());
    EXPECT_EQ(again ? again->name() : "", first ? first->name() : "");
  }
  ::unsetenv("HEADSTART_CACHE");
}

// Where tiles of floating-point values are faster than int8, a program mixes both: here by decree.
TEST_F(MachineChoicesTest, TilesMixWithInt8) {
  if (!is_supported(Precision::int8)) {
    GTEST_SKIP() << "needs a CPU for int8";
  }
  Graph graph("mixed");
  graph.add("input", Input{{58, 58, 64}}, std::vector<NodeId>{});
  graph.add("wide", Conv2D{.filters = 64, .kernel = {3, 3}}, 0);
  graph.add("point", Conv2D{.filters = 32, .kernel = {1, 1}}, 1);
  graph.add("pool", GlobalAveragePooling2D{}, 2);
  const test::Fixture fixture({.name = "mixed", .graph = graph});
  const std::vector<NodeId> outputs{graph.output()};
  const auto ranges = measure_ranges(graph, fixture.parameters, outputs, fixture.input).ranges;

  const Precision floating = resolve(Precision::automatic);
  const WinogradShape shape{.batch = fixture.batch,
                            .height = 58,
                            .width = 58,
                            .channels = 64,
                            .result_height = 56,
                            .result_width = 56,
                            .filters = 64,
                            .bf16 = floating == Precision::bf16,
                            .result_bf16 = floating == Precision::bf16};
  for (const std::string faster : {"int8", "tiles"}) {
    ::setenv("HEADSTART_CACHE", (folder_ / faster).c_str(), 1);
    if (!with_measured_tiles(shape)) {
      ::unsetenv("HEADSTART_CACHE");
      GTEST_SKIP() << "tiles are not faster here";
    }
    MachineChoices::here().choose("int8 3x3 convolution of " + std::to_string(fixture.batch) +
                                      "x58x58x64 to 56x56x64, " + to_string(floating),
                                  std::array{alternative(faster, 1us)});
    FrozenProgram program(graph, fixture.parameters, outputs,
                          {.batch = fixture.batch, .precision = Precision::int8, .ranges = &ranges});
    const auto steps = program.report(1);
    EXPECT_EQ(std::ranges::any_of(
                  steps, [](const auto& step) { return step.implementation.starts_with("winograd"); }),
              faster == "tiles");
    const auto output = test::run_frozen(program, graph, std::span(&fixture.input, 1), outputs).front();
    EXPECT_TRUE(test::norm_close(output, fixture.value(graph.output()), test::kInt8)) << faster;
  }
  ::unsetenv("HEADSTART_CACHE");
}

}  // namespace
}  // namespace headstart
