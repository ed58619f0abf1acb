// Where a stage's batches come from: features in memory, in the cache, or computed at every step.
#pragma once

#include <memory>
#include <string>

#include "headstart/augment.h"
#include "headstart/engine.h"
#include "train/boundary_source.h"
#include "train/session.h"

namespace headstart {

struct StageSourceOptions {
  std::string purpose;  // for the progress line
  Augmentation augmentation{};
  int views = 0;           // of a picture that is augmented; 0: new ones every epoch
  bool has_frozen = true;  // what is below the cut
};
// Says so where the features do not fit; adds unreadable pictures to the session's result.
std::unique_ptr<BoundarySource> make_stage_source(Session& session, const Split& split, const Partition& cut,
                                                  const StageSourceOptions& options);

}  // namespace headstart
