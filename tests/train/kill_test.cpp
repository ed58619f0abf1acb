// A run killed with SIGKILL at random moments and resumed ends with the bytes of the unbroken run.
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/train.h"
#include "support/temporary_folder.h"
#include "tiny.h"

namespace headstart {
namespace {

constexpr int kKillClasses = 4;

void run(const std::string& directory) {
  TrainOptions options{
      .head = {.epochs = 6, .optimizer = {.kind = OptimizerKind::adam, .learning_rate = 0.02}},
      .fine_tune_from = "block2_conv",
      .fine_tune = {.epochs = 6, .optimizer = {.learning_rate = 0.01}},
      .batch_size = 16,
      .precision = Precision::f32,
      .threads = 1,
      .seconds_between_checkpoints = 0.0,
      .resume = true};
  options.out_directory = directory;
  TrainObserver silent;
  train(
      test::tiny_model({.classes = kKillClasses}),
      {.train = test::tiny_images(50, kKillClasses, 1), .validation = test::tiny_images(30, kKillClasses, 2)},
      options, silent);
}

constexpr const char* kDirectory = "HEADSTART_KILL_TEST_DIRECTORY";

// What a child does: this program once more, because a fork alone has none of the engine's threads.
TEST(Kill, DISABLED_Child) {
  const char* directory = std::getenv(kDirectory);
  ASSERT_NE(directory, nullptr);
  run(directory);
}

// True when the child finished before it was killed.
bool run_in_a_child_for(std::chrono::microseconds time, const std::string& directory) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv(kDirectory, directory.c_str(), 1);
    ::unsetenv("GTEST_TOTAL_SHARDS");
    ::unsetenv("GTEST_SHARD_INDEX");
    ::execl("/proc/self/exe", "kill_test", "--gtest_filter=Kill.DISABLED_Child",
            "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
    ::_exit(1);
  }
  int status = 0;
  const auto end = std::chrono::steady_clock::now() + time;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= end) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Kill, TheResumedRunEndsWithTheSameBytes) {
  const test::TemporaryFolder folder;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(run_in_a_child_for(std::chrono::minutes(5), folder / "whole"));
  const auto whole =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  const auto expected = test::bytes_of_file(folder / "whole/model.safetensors");
  ASSERT_FALSE(expected.empty());
  Random random(1, RandomPurpose::test);
  int kills = 0;
  bool finished = false;
  // Lives of a part of the whole run's time, longer and longer, so that it is killed on a fast machine and
  // ends on a slow one.
  const auto part = static_cast<std::uint32_t>(whole.count() / 10) + 1;
  for (int attempt = 0; !finished && attempt < 200; ++attempt) {
    finished = run_in_a_child_for(
        std::chrono::microseconds(random.below(part) + part / 10 * static_cast<unsigned>(attempt)),
        folder / "killed");
    kills += finished ? 0 : 1;
  }
  EXPECT_TRUE(finished);
  EXPECT_GT(kills, 0);
  EXPECT_EQ(test::bytes_of_file(folder / "killed/model.safetensors"), expected) << kills << " kills";
}

}  // namespace
}  // namespace headstart
