// The stop request that signals set, and progress when stderr is not a terminal.
#include "headstart/progress.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace headstart {
namespace {

TEST(StopHandler, FirstSignalAsksSecondEnds) {
  const pid_t child = ::fork();
  if (child == 0) {
    install_stop_handler();
    const bool before = stop_requested();
    ::raise(SIGINT);
    if (before || !stop_requested()) {
      ::_exit(1);
    }
    ::raise(SIGINT);
    ::_exit(2);  // not reached
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit status " << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(StopHandler, CanBeAskedByCode) {
  EXPECT_FALSE(stop_requested());
  request_stop(true);
  EXPECT_TRUE(stop_requested());
  request_stop(false);
  EXPECT_FALSE(stop_requested());
}

TEST(ConsoleProgress, ShortWorkIsSilentAndMessagesAreLines) {
  testing::internal::CaptureStderr();
  {
    const auto progress = make_console_progress();
    progress->begin("reading", 3);
    progress->advance(1);
    progress->message("found 3");
    progress->advance(3);
    progress->end();
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "found 3\n");
}

}  // namespace
}  // namespace headstart
