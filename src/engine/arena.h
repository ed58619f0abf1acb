// When the buffers of a program live, and a place for each in one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headstart {

// A program as the planning of its memory sees it. Buffers and steps are named by their index.
struct ProgramOutline {
  struct Buffer {
    std::size_t bytes = 0;
    bool in_arena = true;  // else its memory is its own, or the caller's
    bool kept = false;     // valid to the end of the program
  };
  struct Step {
    std::vector<int> reads{}, writes{};
    double work = 0;  // time, in multiplications
  };
  std::vector<Buffer> buffers{};
  std::vector<Step> steps{};  // in the order in which they were emitted
};

// The steps as they run; a step may run more than once.
using StepOrder = std::vector<int>;

// Positions in the schedule, both included.
struct Life {
  int begin = 0, end = 0;
};

// Of every buffer, in order; none of one that is not in the arena. A buffer lives from the first step that
// touches it to the last; one that a single step writes lives anew, and not in between, where that step runs
// again.
std::vector<std::vector<Life>> lives_of(const ProgramOutline& program, const StepOrder& schedule);

// The most bytes that live at the same time: no arena can be smaller.
std::int64_t bytes_at_peak(const ProgramOutline& program, const std::vector<std::vector<Life>>& lives);

struct ArenaPlan {
  std::vector<std::size_t> offsets{};  // by buffer
  std::int64_t bytes = 0;
};
// Largest first, each at the lowest place that is free in all of its lives.
ArenaPlan place_buffers(const ProgramOutline& program, const std::vector<std::vector<Life>>& lives);

// Buffers begin at multiples of this, and so does the arena.
constexpr std::size_t kArenaAlignment = 4096;
constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

}  // namespace headstart
