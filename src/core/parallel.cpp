#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace headstart {

int thread_count(int asked) {
  return asked > 0 ? asked : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::size_t failed_index = count;
  std::exception_ptr failure;
  // Indices are handed out in ascending order, so when one fails all lower ones are done or under way: those
  // finish, no new one starts, and the lowest failure is always seen.
  const auto work = [&] {
    while (!failed) {
      const std::size_t i = next++;
      if (i >= count) {
        return;
      }
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        failed = true;
        if (i < failed_index) {
          failed_index = i;
          failure = std::current_exception();
        }
      }
    }
  };
  const std::size_t wanted = std::min(count, static_cast<std::size_t>(thread_count(threads)));
  {
    std::vector<std::jthread> helpers;
    try {
      while (helpers.size() + 1 < wanted) {
        helpers.emplace_back(work);
      }
    } catch (const std::system_error&) {
      // The system gives no more threads: those that run do the work.
    }
    work();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace headstart
