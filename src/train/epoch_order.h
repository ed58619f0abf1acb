// Which samples an epoch sees, in which order and in which of their views.
#pragma once

#include <vector>

#include "headstart/dataset.h"
#include "headstart/train.h"

namespace headstart {

// Every sample once, or steps_per_epoch batches of them; with balanced_sampling every class in turn, the
// samples of small ones more often. A new order for every round through the samples, keyed by seed, epoch and
// round. `views`: of every sample, which goes round them from a place of its own; 0: a new
// one each time.
std::vector<LoaderItem> order_of_epoch(const std::vector<int>& labels, const TrainOptions& options, int views,
                                       int epoch);

}  // namespace headstart
