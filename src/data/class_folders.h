// Class folders, and train/validation/test folders of class folders.
#pragma once

#include <filesystem>

#include "headstart/dataset.h"

namespace headstart {

DatasetSplits read_class_folders(const std::filesystem::path& folder);

}  // namespace headstart
