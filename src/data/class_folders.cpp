// Folders to labelled files: the name of the folder is the class.
#include "data/class_folders.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "data/folders.h"
#include "data/labels.h"
#include "headstart/error.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

void append(std::vector<std::string>& skipped, const std::vector<fs::path>& paths) {
  for (const auto& path : paths) {
    skipped.push_back(path.string());
  }
}

// The classes in `folder`, all in one role.
void read_part(const fs::path& folder, SplitRole role, bool empty_folders, std::vector<LabelledFile>& files,
               std::vector<std::string>& skipped) {
  const FolderEntries entries = list_folder(folder);
  append(skipped, entries.files);
  append(skipped, entries.hidden);
  for (const auto& class_folder : entries.folders) {
    const FoundFiles found = find_images(class_folder);
    skipped.insert(skipped.end(), found.skipped.begin(), found.skipped.end());
    if (found.images.empty() && empty_folders) {
      skipped.push_back(class_folder.string());
    } else if (found.images.empty() && role == SplitRole::train) {
      throw Error(
          fmt::format("[dataset] pictures were expected in every class folder; received none in {}; "
                      "remove the folder or fill it",
                      class_folder.string()));
    }
    for (const auto& image : found.images) {
      files.push_back({image, class_folder.filename().string(), "", role});
    }
  }
}

Dataset* part(DatasetSplits& splits, SplitRole role) {
  switch (role) {
    case SplitRole::train:
      return &splits.train;
    case SplitRole::validation:
      return splits.validation ? &*splits.validation : nullptr;
    case SplitRole::test:
      return splits.test ? &*splits.test : nullptr;
  }
  return nullptr;
}

// An archive often has one folder around those of the classes.
void refuse_wrapped_classes(const fs::path& folder, const FolderEntries& entries) {
  if (entries.folders.size() != 1) {
    return;
  }
  const FolderEntries inner = list_folder(entries.folders.front());
  if (inner.folders.size() > 1) {
    throw Error(fmt::format(
        "[dataset] a folder for each class was expected; received {} with the one folder {} in it, which "
        "has {} folders; give that one",
        folder.string(), entries.folders.front().string(), inner.folders.size()));
  }
}

}  // namespace

std::map<SplitRole, fs::path> split_folders(const fs::path& folder) {
  std::map<SplitRole, fs::path> found;
  for (const auto& inner : list_folder(folder).folders) {
    SplitRole role{};
    if (split_role_from(inner.filename().string(), role) && !list_folder(inner).folders.empty() &&
        !found.emplace(role, inner).second) {
      throw Error(
          fmt::format("[dataset] one folder a part was expected in {}; received both {} and {}; rename one",
                      folder.string(), found[role].filename().string(), inner.filename().string()));
    }
  }
  return found.contains(SplitRole::train) ? found : std::map<SplitRole, fs::path>{};
}

DatasetSplits read_class_folders(const fs::path& folder, const ReadingTerms& terms) {
  const FolderEntries entries = list_folder(folder);
  auto by_role = split_folders(folder);
  if (by_role.empty()) {
    if (terms.fewest_classes > 1) {
      refuse_wrapped_classes(folder, entries);
    }
    by_role.emplace(SplitRole::train, folder);
  }
  std::vector<LabelledFile> files;
  std::map<SplitRole, std::vector<std::string>> skipped;
  for (const auto& [role, part_folder] : by_role) {
    read_part(part_folder, role, terms.empty_folders, files, skipped[role]);
  }
  if (by_role.at(SplitRole::train) != folder) {
    append(skipped[SplitRole::train], entries.files);
    append(skipped[SplitRole::train], entries.hidden);
    for (const auto& inner : entries.folders) {
      if (std::none_of(by_role.begin(), by_role.end(),
                       [&](const auto& used) { return used.second == inner; })) {
        skipped[SplitRole::train].push_back(inner.string());
      }
    }
  }
  DatasetSplits splits = splits_of(files, folder.string(), terms.fewest_classes);
  for (auto& [role, paths] : skipped) {
    if (Dataset* dataset = part(splits, role); dataset != nullptr) {
      std::sort(paths.begin(), paths.end());
      dataset->skipped = std::move(paths);
    }
  }
  return splits;
}

}  // namespace headstart
