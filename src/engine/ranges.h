// Where the values of a program lie: counted while it runs, then the bounds that int8 represents best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "headstart/engine.h"

namespace headstart {

// Magnitudes of one layer's values in 64 bins an octave.
class MagnitudeCounts {
 public:
  void add(const float* values, std::size_t count);
  // The range whose rounding to 255 steps from 0, or to 127 either way where negative values were seen, gives
  // the least mean squared error: clipping a few far values can make all the others finer.
  ValueRange best_range() const;

 private:
  static constexpr int kBinsAnOctave = 64;
  static constexpr int kOctaves = 256;

  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(kBinsAnOctave * kOctaves);
  bool negative_ = false;
};

using RangeObserver = std::map<std::string, MagnitudeCounts>;  // by layer

}  // namespace headstart
