// Activation recomputation: a training step in less memory, for running parts of its forward pass twice.
//
// The backward pass reads the values of the forward pass, so all of them live until it comes by: memory grows
// with the depth. Chen et al. ("Training Deep Nets with Sublinear Memory Cost", 2016) cut the forward pass
// into segments and keep only what crosses the cuts. When the backward pass arrives at a segment, that
// segment's forward steps are run again, and its values live for the short time in which they are read. With
// as many segments as the square root of the depth, memory grows with that root, for one forward pass more.
//
// Here a program is a list of steps, and this file only makes another order in which to run them: the forward
// steps; then the backward steps, and before the first that reads a dropped value the steps that make the
// values of its segment again. They are the same steps over the same buffers, so every bit is the same, and a
// buffer that is made twice has two lives (arena.h), between which its place is another's. A step runs again
// only for a value that is dropped: one that writes nothing in the arena (moving statistics, the copy of a
// watched value) runs once; and only when nothing that it reads has been written since. Moving statistics,
// which are no buffers, are the exception that the lowering sees to: it keeps what is computed from them.
#pragma once

#include <cstdint>

#include "engine/arena.h"

namespace headstart {

struct RecomputationPlan {
  StepOrder schedule{};  // begins with all forward steps
  ArenaPlan arena{};
  std::int64_t unlimited_bytes = 0;  // of the arena in which nothing is repeated
  double share = 0;                  // of the forward pass's work that is done twice
};

// Of the ways to choose segments the one that repeats the least work in an arena of `limit` bytes; nothing is
// repeated when all fits or `limit` is 0. When nothing fits, the smallest that was found.
RecomputationPlan plan_recomputation(const ProgramOutline& program, std::size_t forward_steps,
                                     std::int64_t limit);

}  // namespace headstart
