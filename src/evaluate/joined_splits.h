// All parts of a data set as one.
#pragma once

#include <string>
#include <vector>

#include "headstart/dataset.h"

namespace headstart {

struct JoinedSplits {
  Dataset dataset;
  std::vector<std::string> splits;  // of each sample: "train", "validation", "test"; "" in undivided data
};
JoinedSplits join_splits(const DatasetSplits& data);

}  // namespace headstart
