// The ranges of the frozen part's values for --precision int8, and what its rounding costs.
#pragma once

#include <string>
#include <vector>

#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/model.h"
#include "train/session.h"

namespace headstart {

// How alike the boundary tensors are in int8 and in f32, of each image all of them as one vector.
struct Int8Agreement {
  int images = 0;
  double mean_cosine = 0, least_cosine = 0;
};

// Sets model.ranges from a few training images: files at equal distances in the split, tensors from its
// beginning. Throws Error when none of them is readable.
Int8Agreement measure_int8_ranges(Model& model, const std::vector<NodeId>& boundary, const Split& training);

std::string to_string(const Int8Agreement& agreement);

}  // namespace headstart
