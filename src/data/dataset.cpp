// read_dataset: which of the layouts a path is.
#include "headstart/dataset.h"

#include <filesystem>
#include <map>
#include <set>

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

std::string left_out_note(const Dataset& dataset) {
  static const std::set<std::string> photos{".heic", ".heif", ".hif", ".avif", ".tif", ".tiff",
                                            ".jxl",  ".jp2",  ".psd", ".dng",  ".cr2", ".cr3",
                                            ".nef",  ".arw",  ".orf", ".rw2"};
  std::map<std::string, int> kinds;
  int count = 0;
  for (const std::string& path : dataset.skipped) {
    const std::filesystem::path file(path);
    const std::string kind = lower(file.extension().string());
    if (photos.contains(kind) && !file.filename().string().starts_with('.')) {
      ++kinds[kind];
      ++count;
    }
  }
  std::string list;
  for (const auto& [kind, files] : kinds) {
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", files, kind);
  }
  return count == 0
             ? ""
             : fmt::format("{} of the files are photos of kinds that are not read ({}): convert them to JPEG",
                           count, list);
}

}  // namespace headstart
