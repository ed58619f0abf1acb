// Making train/validation/test folders out of one folder of photos.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/progress.h"

namespace headstart {

// Images of each class; what is over is left out.
struct SplitCounts {
  int train = 0, validation = 0, test = 0;
};
// As split_dataset by fractions. Throws Error as it does, and naming a class that has too few images.
DatasetSplits split_by_count(const Dataset& dataset, const SplitCounts& counts, std::uint64_t seed);

// Cross-validation: the fold, 0 to folds - 1, of each sample. Every class is spread evenly over the folds,
// samples of a group are in the same one; deterministic. Throws Error for fewer than two folds and for a
// sample without a label.
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
// throws Error when `directory` exists and is not empty, or a sample has no label. Equal file names of one
// class get a number. Returns the number of files written.
std::int64_t write_split_folders(const DatasetSplits& splits, const std::string& directory,
                                 FileTransfer transfer);

// A photo of a data set.
struct SplitPhoto {
  std::string path;
  std::string label;   // "" in a folder without classes
  std::string split;   // "train", "validation", "test"
  std::string sha256;  // of the file; "" when it cannot be read
};

// What is different from the manifest that write_split_folders left in the data set's folder.
struct SplitChange {
  enum class Kind {
    moved,  // to another part: what is measured on may have been trained on
    relabelled,
    changed,  // another content under the same name
    added,
    missing
  };
  Kind kind = Kind::moved;
  std::string path;     // as the photos have it; of a missing one as the manifest has it
  std::string was, is;  // parts, or labels; empty but for moved and relabelled ones
};

std::string to_string(SplitChange::Kind kind);  // "moved", "with another label", ...

// Photos are told by their hashes, whatever their names. `data` as read_dataset takes it: a folder with a
// manifest, or a manifest. Nothing without one. Throws Error for a manifest that cannot be read.
std::vector<SplitChange> changes_since_split(const std::string& data, const std::vector<SplitPhoto>& photos);

// Reads every file of a data set that has a manifest, and says on `progress` what changed since. Throws Error
// when a photo is in another part than it was, and when stop_requested().
void require_same_split(const std::string& data, const DatasetSplits& splits, int threads,
                        Progress& progress);

}  // namespace headstart
