// Class folders, and train/validation/test folders of class folders.
#pragma once

#include <filesystem>
#include <map>

#include "data/labels.h"
#include "data/reading_terms.h"
#include "headstart/dataset.h"

namespace headstart {

// The folder of each part when there is a training folder that itself has folders, else nothing: a class may
// well be called "train".
std::map<SplitRole, std::filesystem::path> split_folders(const std::filesystem::path& folder);

DatasetSplits read_class_folders(const std::filesystem::path& folder, const ReadingTerms& terms);

}  // namespace headstart
