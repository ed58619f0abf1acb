// Class names beside a whole model: a Teachable Machine export's metadata.json or labels.txt.
#pragma once

#include <string>
#include <vector>

#include "weights/weight_file.h"

namespace headstart {

// From {"labels": [...]} in metadata.json, else from lines "0 cat" or "cat" of labels.txt; empty when there
// is neither or they hold something else.
std::vector<std::string> read_labels(const Sibling& sibling);

}  // namespace headstart
