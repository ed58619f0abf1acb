// One thread that computes for many: OpenMP keeps a team of threads for every thread that ever asked it for
// one.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace headstart {

class ComputeThread {
 public:
  // `threads`: as set_engine_threads takes it.
  explicit ComputeThread(int threads);
  ComputeThread(const ComputeThread&) = delete;
  ComputeThread& operator=(const ComputeThread&) = delete;
  ~ComputeThread();

  // Returns when the job is done; rethrows what it threw. Jobs run in the order in which they came.
  void run(const std::function<void()>& job);

 private:
  void work(int threads);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<void()>> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace headstart
