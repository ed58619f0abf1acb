// The photos that a training without a validation folder keeps for validation.
#pragma once

#include "headstart/dataset.h"
#include "headstart/train.h"

namespace headstart {

// Copies of a photo stay in one part, unless nothing else can be held out. Throws Error when nothing can.
DatasetSplits with_photos_held_out(const Dataset& photos, const TrainOptions& options,
                                   TrainObserver& observer);

}  // namespace headstart
