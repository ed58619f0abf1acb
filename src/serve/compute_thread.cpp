#include "serve/compute_thread.h"

#include <utility>

#include "headstart/engine.h"

namespace headstart {

ComputeThread::ComputeThread(int threads) : thread_([this, threads] { work(threads); }) {}

ComputeThread::~ComputeThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ComputeThread::run(const std::function<void()>& job) {
  std::packaged_task<void()> task(job);
  auto done = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(task));
  }
  wake_.notify_one();
  done.get();
}

void ComputeThread::work(int threads) {
  set_engine_threads(threads);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (jobs_.empty()) {
      return;
    }
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace headstart
