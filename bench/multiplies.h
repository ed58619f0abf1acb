// What a benchmark needs of the CPU.
#pragma once

#include <benchmark/benchmark.h>

#include "headstart/engine.h"

namespace headstart {

// Whether this CPU multiplies in that precision; a benchmark that it does not is left out, and says so.
inline bool multiplies(benchmark::State& state, Precision precision) {
  const bool can = is_supported(precision);
  if (!can) {
    state.SkipWithError(("needs a CPU that multiplies " + to_string(precision)).c_str());
  }
  return can;
}

}  // namespace headstart
