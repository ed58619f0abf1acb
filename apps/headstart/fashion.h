// Fashion-MNIST as the demo uses it: parts of its classes in memory.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "headstart/idx.h"
#include "headstart/train.h"

namespace headstart::app {

// Where Debian's package dataset-fashion-mnist puts it.
constexpr const char* kFashionFolder = "/usr/share/datasets/fashion-mnist";
constexpr int kFashionSize = 28;

// The first five classes teach, the other five are learned: the data set's own order, not a chosen one.
constexpr std::array<int, 5> kSourceClasses{0, 1, 2, 3, 4};  // T-shirt, trouser, pullover, dress, coat
constexpr std::array<int, 5> kTargetClasses{5, 6, 7, 8, 9};  // sandal, shirt, sneaker, bag, ankle boot

struct FashionFile {
  IdxImages images;
  std::vector<int> labels;
};
// `part`: "train" (60,000) or "t10k" (10,000). Throws Error that says which package is missing.
FashionFile read_fashion(const std::string& folder, const std::string& part);

struct FashionPart {
  MemoryDataset data;  // pixels scaled to 0..1; labels count the chosen classes from 0
  std::vector<std::string> class_names;
};
FashionPart select(const FashionFile& file, const std::array<int, 5>& classes);

// The first `per_class` images of each class.
FashionPart some_of(const FashionPart& part, int per_class);

// "trouser, dress, ...".
std::string names_of(const FashionPart& part);

}  // namespace headstart::app
