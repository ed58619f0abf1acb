// How much memory the activations of a training step may take.
#pragma once

#include <cstdint>
#include <string>

#include "headstart/engine.h"
#include "headstart/train.h"

namespace headstart {

// options.memory, else a part of what can be taken now; 0: no limit.
std::int64_t activation_limit(const TrainOptions& options);

// What a run says when parts of the forward pass run again for the limit; empty when none do.
std::string recomputation_message(const TrainingProgram& program, std::int64_t limit);

}  // namespace headstart
