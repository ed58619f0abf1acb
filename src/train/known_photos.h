// At the end of a training: what the photos of its classes look like to the network (Model::acceptance).
#pragma once

#include "headstart/graph.h"
#include "train/session.h"

namespace headstart {

// From the features of the training images, which are in the cache as a rule, with limits from the validation
// images. Sets session.model.acceptance and what it says of the validation images, or tells the observer why
// nothing will be called unknown. False when it was stopped.
bool fit_known_photos(Session& session, BatchNormMode batch_norm);

}  // namespace headstart
