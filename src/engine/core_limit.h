// Fewer cores for a while, without another result.
#pragma once

#include <sched.h>

namespace headstart {

// Keeps the calling thread and the engine's threads to `cores` of the process's cores; 0: all. How the engine
// divides its sums depends on its number of threads, which therefore stays as it is: on one core two threads
// take turns, and every bit is as on two cores. Some of oneDNN's kernels wait for each other actively, a time
// slice at a time then: a network of steps as short as the demo's takes many times as long.
class CoreLimit {
 public:
  explicit CoreLimit(int cores);
  CoreLimit(const CoreLimit&) = delete;
  CoreLimit& operator=(const CoreLimit&) = delete;
  ~CoreLimit();

 private:
  cpu_set_t before_{};
  bool limited_ = false;
};

}  // namespace headstart
