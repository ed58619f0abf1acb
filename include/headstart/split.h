// Making train/validation/test folders out of one folder of photos.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/dataset.h"

namespace headstart {

// Images of each class; what is over is left out.
struct SplitCounts {
  int train = 0, validation = 0, test = 0;
};
// As split_dataset by fractions. Throws Error naming a class that has too few images.
DatasetSplits split_by_count(const Dataset& dataset, const SplitCounts& counts, std::uint64_t seed);

// Cross-validation: the fold, 0 to folds - 1, of each sample. Every class is spread evenly over the folds,
// samples of a group are in the same one; deterministic. Throws Error for fewer than two folds.
std::vector<int> stratified_folds(const Dataset& dataset, int folds, std::uint64_t seed);

// Class folders as read_dataset takes them (all parts joined), or a flat folder of files named after their
// class as Kaggle's dogs-vs-cats is: "cat.0.jpg", "dog_12.jpg", "rose-3.png", "tulip7.jpg".
Dataset read_unsplit(const std::string& path);

// Sets Sample::group to the first capture group of an ECMAScript expression found anywhere in the path;
// samples without a match keep theirs. Returns how many match; throws Error for none, for an expression that
// is none or captures nothing.
std::int64_t group_by_path(Dataset& dataset, const std::string& expression);

enum class FileTransfer { copy, hard_link };  // hard_link copies where the file system cannot link

// directory/train/CLASS/FILE and so on, and directory/manifest.csv with the columns
// path,split,label,group,sha256 (paths relative to it), which read_dataset takes too. Never overwrites:
// throws Error when `directory` exists and is not empty. Equal file names of one class get a number. Returns
// the number of files written.
std::int64_t write_split_folders(const DatasetSplits& splits, const std::string& directory,
                                 FileTransfer transfer);

}  // namespace headstart
