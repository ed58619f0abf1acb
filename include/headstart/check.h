// The data doctor: what is wrong with labelled photos, found before anything is trained on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/progress.h"
#include "headstart/split.h"

namespace headstart {

enum class ImageProblem {
  unreadable,       // missing, truncated, damaged, not a picture
  wrong_extension,  // "photo.jpg" is a PNG
  cmyk,             // converted without a colour profile
  sixteen_bit,      // only the upper 8 bits are used
  alpha,            // composed over white
  tiny,
  constant,  // no pixel differs from another by more than two levels
  extreme_aspect
};
std::string to_string(ImageProblem problem);  // "wrong extension"

struct CheckOptions {
  int threads = 0;             // 0: all cores
  int tiny_side = 32;          // a shorter side below this is tiny
  double extreme_ratio = 4.0;  // a longer side above so many shorter ones is extreme
};

struct ImageFinding {
  ImageProblem problem = ImageProblem::unreadable;
  std::size_t image = 0;  // index into DatasetCheck::images
  std::string detail;
};

// Pictures that are the same to the byte (`exact`: all of them) or to the eye.
struct DuplicateGroup {
  std::vector<std::size_t> images{};  // ascending indices into DatasetCheck::images
  bool exact = false;
  bool across_classes = false;  // the labels contradict each other
  bool across_splits = false;   // a leak: what is measured on was trained on
};

struct ClassCount {
  std::string name;
  std::int64_t train = 0, validation = 0, test = 0;
};

struct DatasetCheck {
  std::vector<SplitPhoto> images;
  std::vector<ImageFinding> findings;
  std::vector<DuplicateGroup> duplicates;
  std::vector<ClassCount> classes;
  double imbalance = 1.0;            // images of the largest class over those of the smallest, in training
  std::vector<std::string> skipped;  // hidden and non-image files
  std::vector<std::string> unused_folders;  // class folders without pictures, folders beside train/
  std::vector<SplitChange> since_split;     // of a data set that has a manifest
};

// Decodes every file once, on all cores. `path` as read_dataset takes it, or a folder of photos without
// classes. Throws Error when stop_requested(), and where read_dataset does.
DatasetCheck check_dataset(const std::string& path, const CheckOptions& options, Progress& progress);

// Whether a measurement on this data would be wrong: unreadable images, labels that contradict each other,
// the same picture in two splits, one in another split than it was.
bool spoils_measurement(const DatasetCheck& check);

// What to leave out so that spoils_measurement is false and every picture is there once: unreadable images,
// all pictures of a contradiction, and of other duplicates all but one (test before validation before train
// is kept).
struct Quarantined {
  std::string path, reason;
};
std::vector<Quarantined> quarantine(const DatasetCheck& check);

// CSV `path,reason`, written atomically. Nothing is moved or deleted.
void write_quarantine(const std::vector<Quarantined>& list, const std::string& path);

// Gives pictures that look the same a common `group` (joining groups that they had), so that a split keeps
// them together. Decodes every file; unreadable ones are left as they are. Returns the number of pictures
// that have a duplicate.
std::int64_t group_duplicates(Dataset& dataset, int threads, Progress& progress);
// The same for files that are equal byte by byte, of which only those of the same size are read.
std::int64_t group_identical(Dataset& dataset);

}  // namespace headstart
