// The request to stop: a flag that signals set.
#include <atomic>
#include <csignal>

#include "headstart/error.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

// A signal handler can reach nothing but static storage.
std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) { stop = true; }

}  // namespace

void install_stop_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags =
      static_cast<int>(SA_RESETHAND | SA_RESTART);  // the second signal meets the default: the end
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() { return stop; }

void request_stop(bool value) { stop = value; }

void throw_if_stopped() {
  if (stop_requested()) {
    throw Error("[stop] the work was to be finished; received a signal to stop; start it again");
  }
}

}  // namespace headstart
