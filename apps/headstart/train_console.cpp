#include "train_console.h"

#include <cstdio>

#include <unistd.h>

#include <fmt/format.h>

namespace headstart::app {

TrainConsole::TrainConsole() : terminal_(::isatty(STDERR_FILENO) == 1), progress_(make_console_progress()) {}

void TrainConsole::message(const std::string& line) { progress_->message(line); }

void TrainConsole::epoch_begins(int epoch, int epochs) { fmt::print(stderr, "Epoch {}/{}\n", epoch, epochs); }

void TrainConsole::step_done(const EpochProgress& progress) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  const auto now = std::chrono::steady_clock::now();
  if (terminal_ && now - shown_ >= kInterval) {
    shown_ = now;
    fmt::print(stderr, "\r\x1b[K{}", progress_line(progress));
    std::fflush(stderr);
  }
}

void TrainConsole::epoch_ends(const EpochProgress& progress) {
  fmt::print(stderr, "{}{}\n", terminal_ ? "\r\x1b[K" : "", progress_line(progress));
}

}  // namespace headstart::app
