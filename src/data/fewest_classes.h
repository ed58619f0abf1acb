// read_dataset for as few classes as are wanted.
#pragma once

#include <string>

#include "headstart/dataset.h"

namespace headstart {

// As read_dataset, which wants two.
DatasetSplits read_dataset_of(const std::string& path, int fewest_classes);

}  // namespace headstart
