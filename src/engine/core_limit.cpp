#include "engine/core_limit.h"

#include "headstart/engine.h"

namespace headstart {
namespace {

void keep_engine_to(const cpu_set_t& cores) {
#pragma omp parallel
  {
    // A refusal leaves the thread where it may run: slower or faster, never wrong.
    static_cast<void>(sched_setaffinity(0, sizeof(cores), &cores));
  }
}

}  // namespace

CoreLimit::CoreLimit(int cores) {
  set_engine_threads(0);
  if (cores <= 0 || sched_getaffinity(0, sizeof(before_), &before_) != 0 || cores >= CPU_COUNT(&before_)) {
    return;
  }
  cpu_set_t some;
  CPU_ZERO(&some);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&some) < cores; ++cpu) {
    if (CPU_ISSET(cpu, &before_)) {
      CPU_SET(cpu, &some);
    }
  }
  keep_engine_to(some);
  limited_ = true;
}

CoreLimit::~CoreLimit() {
  if (limited_) {
    set_engine_threads(0);
    keep_engine_to(before_);
  }
}

}  // namespace headstart
