// read_dataset: which of the layouts a path is.
#include "headstart/dataset.h"

#include <filesystem>

#include <fmt/format.h>

#include "data/class_folders.h"
#include "data/csv.h"
#include "data/fewest_classes.h"
#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {

DatasetSplits read_dataset(const std::string& path) { return read_dataset_of(path, 2); }

DatasetSplits read_dataset_of(const std::string& path, int fewest_classes) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return read_class_folders(path, fewest_classes);
  }
  if (!std::filesystem::exists(path, error)) {
    throw Error(
        fmt::format("[dataset] a folder of class folders or a .csv was expected; {} does not exist", path));
  }
  if (lower(std::filesystem::path(path).extension().string()) == ".csv") {
    return read_csv_dataset(path, fewest_classes);
  }
  throw Error(
      fmt::format("[dataset] a folder of class folders or a .csv was expected; received the file {}", path));
}

}  // namespace headstart
