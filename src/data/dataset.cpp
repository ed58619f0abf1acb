// read_dataset: which of the layouts a path is.
#include "headstart/dataset.h"

#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/class_folders.h"
#include "data/csv.h"
#include "data/folders.h"
#include "data/reading_terms.h"
#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {

DatasetSplits read_dataset(const std::string& path, LabelsOfPhoto labels) {
  return read_dataset(path, ReadingTerms{.labels = labels});
}

DatasetSplits read_dataset(const std::string& path, const ReadingTerms& terms) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return read_class_folders(path, terms);
  }
  if (!std::filesystem::exists(path, error)) {
    throw Error(
        fmt::format("[dataset] a folder of class folders or a .csv was expected; {} does not exist", path));
  }
  if (extension_of(path) == ".csv") {
    return read_csv_dataset(path, terms);
  }
  throw Error(
      fmt::format("[dataset] a folder of class folders or a .csv was expected; received the file {}", path));
}

std::vector<int> labels_of(const Dataset& dataset) {
  std::vector<int> labels;
  labels.reserve(dataset.samples.size());
  for (const auto& sample : dataset.samples) {
    labels.push_back(sample.label);
  }
  return labels;
}

std::vector<int> classes_of(const Dataset& dataset, const Sample& sample) {
  const std::size_t labels = is_multi_label(dataset) ? dataset.label_sets.size() : dataset.class_names.size();
  if (sample.label < 0) {
    return {};
  }
  if (static_cast<std::size_t>(sample.label) >= labels) {
    throw Error(fmt::format("[dataset] labels from 0 to below {} were expected; received {} ({})", labels,
                            sample.label, sample.path));
  }
  return is_multi_label(dataset) ? dataset.label_sets[static_cast<std::size_t>(sample.label)]
                                 : std::vector<int>{sample.label};
}

std::string label_text(const Dataset& dataset, const Sample& sample) {
  std::vector<std::string> names;
  for (const int one : classes_of(dataset, sample)) {
    names.push_back(dataset.class_names.at(static_cast<std::size_t>(one)));
  }
  return fmt::format("{}", fmt::join(names, "|"));
}

std::vector<std::string> unreadable_lines(const Dataset& dataset,
                                          const std::vector<UnreadableImage>& images) {
  std::vector<std::string> lines;
  lines.reserve(images.size());
  for (const auto& image : images) {
    lines.push_back(dataset.samples.at(static_cast<std::size_t>(image.sample)).path + ": " + image.message);
  }
  return lines;
}

std::string left_out_note(const Dataset& dataset) {
  static const std::set<std::string> photos{".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".psd",
                                            ".dng",  ".cr2",  ".cr3", ".nef",  ".arw", ".orf", ".rw2"};
  std::map<std::string, int> kinds;
  std::vector<std::string> folders;
  int count = 0;
  for (const std::string& path : dataset.skipped) {
    std::error_code ignored;
    const std::string kind = extension_of(path);
    if (is_left_by_system(path)) {
      continue;
    }
    if (std::filesystem::is_directory(path, ignored)) {
      folders.push_back(path);
    } else if (photos.contains(kind)) {
      ++kinds[kind];
      ++count;
    }
  }
  std::vector<std::string> notes;
  if (count > 0) {
    std::vector<std::string> list;
    list.reserve(kinds.size());
    for (const auto& [kind, files] : kinds) {
      list.push_back(fmt::format("{} {}", files, kind));
    }
    notes.push_back(
        fmt::format("{} of kinds that are not read ({}): convert {} to JPEG",
                    count == 1 ? "one file is a photo" : fmt::format("{} files are photos", count),
                    fmt::join(list, ", "), count == 1 ? "it" : "them"));
  }
  if (!folders.empty()) {
    notes.push_back(
        fmt::format("not used, because beside the folders of the parts: {}", fmt::join(folders, ", ")));
  }
  return fmt::format("{}", fmt::join(notes, "; "));
}

}  // namespace headstart
