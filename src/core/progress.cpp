#include "headstart/progress.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace headstart {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string duration(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string rate(double per_second) {
  return per_second >= 10.0 ? fmt::format("{:.0f}/s", per_second) : fmt::format("{:.2f}/s", per_second);
}

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

class ConsoleProgress : public Progress {
 public:
  ConsoleProgress() : terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~ConsoleProgress() override { clear(); }

  void begin(const std::string& what, std::int64_t total) override {
    clear();
    what_ = what;
    total_ = total;
    done_ = 0;
    start_ = shown_ = Clock::now();
    said_anything_ = false;
  }

  void advance(std::int64_t done) override {
    done_ = done;
    if (seconds_since(shown_) >= (terminal_ && said_anything_ ? kTerminalInterval
                                  : terminal_                 ? kQuiet
                                                              : kLineInterval)) {
      show();
    }
  }

  void end() override {
    if (said_anything_) {
      clear();
      print(fmt::format("{}: {} in {}", what_, done_, duration(seconds_since(start_))));
    }
    total_ = 0;
    said_anything_ = false;
  }

  void message(const std::string& line) override {
    clear();
    print(line);
  }

 private:
  static constexpr double kQuiet = 1.0, kTerminalInterval = 0.1, kLineInterval = 5.0;

  static void print(const std::string& line) { fmt::print(stderr, "{}\n", line); }

  std::string figures() const {
    const double elapsed = seconds_since(start_);
    const double per_second = static_cast<double>(done_) / std::max(elapsed, 1e-9);
    std::string text = total_ > 0 ? fmt::format("{}/{}", done_, total_) : fmt::format("{}", done_);
    text += fmt::format("  {}", rate(per_second));
    if (total_ > 0 && done_ > 0) {
      text += fmt::format(
          "  {} left", duration(static_cast<double>(std::max<std::int64_t>(0, total_ - done_)) / per_second));
    }
    return text;
  }

  void show() {
    shown_ = Clock::now();
    said_anything_ = true;
    if (!terminal_) {
      print(fmt::format("{}: {}", what_, figures()));
      return;
    }
    const std::string text = figures();
    const int room = terminal_columns() - static_cast<int>(what_.size() + text.size()) - 6;
    const int width = std::min(40, room);
    std::string bar;
    if (total_ > 0 && width >= 8) {
      const auto filled = static_cast<int>(std::min(done_, total_) * width / total_);
      bar = fmt::format("[{:=<{}}{:.<{}}] ", "", filled, "", width - filled);
    }
    fmt::print(stderr, "\r\x1b[K{}: {}{}", what_, bar, text);
    std::fflush(stderr);
    line_open_ = true;
  }

  void clear() {
    if (line_open_) {
      fmt::print(stderr, "\r\x1b[K");
      std::fflush(stderr);
      line_open_ = false;
    }
  }

  bool terminal_;
  bool line_open_ = false;
  bool said_anything_ = false;
  std::string what_;
  std::int64_t total_ = 0, done_ = 0;
  Clock::time_point start_{}, shown_{};
};

}  // namespace

std::unique_ptr<Progress> make_console_progress() { return std::make_unique<ConsoleProgress>(); }

}  // namespace headstart
