// Files with label names become data sets that share one class list.
#pragma once

#include <string>
#include <vector>

#include "headstart/dataset.h"

namespace headstart {

enum class SplitRole { train, validation, test };

struct LabelledFile {
  std::string path{}, label{}, group{};
  SplitRole role = SplitRole::train;
  std::vector<std::string> labels{};  // in multi-label data, in place of `label`: sorted, each once
};

// Sorts and numbers the classes of the training part. `source` is named in errors: no training images, too
// few classes, a class that only another part has.
DatasetSplits splits_of(const std::vector<LabelledFile>& files, const std::string& source,
                        int fewest_classes = 2);

// Likewise of `labels`.
DatasetSplits multi_label_splits_of(const std::vector<LabelledFile>& files, const std::string& source);

// The samples of each class. Throws Error for one whose label names no class, and for multi-label data.
std::vector<std::size_t> class_sizes(const Dataset& dataset);

// Of the names that people give to folders of a part ("train", "training_set", "val", "dev", ...), in any
// case; anything else gives false.
bool split_role_from(const std::string& name, SplitRole& role);

}  // namespace headstart
