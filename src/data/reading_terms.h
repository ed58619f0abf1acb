// read_dataset on other terms than a training's.
#pragma once

#include <string>

#include "headstart/dataset.h"

namespace headstart {

struct ReadingTerms {
  int fewest_classes = 2;
  bool empty_folders = false;  // a class folder without pictures is skipped, not refused
  LabelsOfPhoto labels = LabelsOfPhoto::one;
};

DatasetSplits read_dataset(const std::string& path, const ReadingTerms& terms);

}  // namespace headstart
