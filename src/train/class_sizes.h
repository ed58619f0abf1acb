// What training says about classes of very different sizes.
#pragma once

#include <string>

#include "headstart/dataset.h"
#include "headstart/train.h"

namespace headstart {

// A line where the largest class has three times the images of the smallest or more: how large they are, and
// what `options` do about it or could do. Else empty.
std::string class_sizes_note(const Dataset& train, const TrainOptions& options);

}  // namespace headstart
