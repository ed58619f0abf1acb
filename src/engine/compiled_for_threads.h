// The number of threads that programs and primitives are compiled for.
#pragma once

#include <omp.h>

namespace headstart {

// What is compiled while it lives runs on so many threads.
class CompiledForThreads {
 public:
  explicit CompiledForThreads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  CompiledForThreads(const CompiledForThreads&) = delete;
  CompiledForThreads& operator=(const CompiledForThreads&) = delete;
  ~CompiledForThreads() { omp_set_num_threads(before_); }

 private:
  int before_ = 1;
};

}  // namespace headstart
