// Files into train/validation/test folders, and the flat folders they may come from.
#include "headstart/split.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "core/files.h"
#include "core/sha256.h"
#include "data/csv.h"
#include "data/folders.h"
#include "data/labels.h"
#include "headstart/error.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

// "cat.0.jpg" -> "cat": the name without its number and what separates the two. Empty when nothing is left.
std::string class_in_name(const fs::path& file) {
  std::string stem = file.stem().string();
  stem.erase(stem.find_last_not_of("0123456789") + 1);
  stem.erase(stem.find_last_not_of("._- ") + 1);
  return stem;
}

Dataset read_flat_folder(const fs::path& folder) {
  std::vector<LabelledFile> files;
  std::vector<std::string> skipped;
  const FolderEntries entries = list_folder(folder);
  for (const auto& file : entries.files) {
    const std::string label = class_in_name(file);
    if (is_image_file(file) && !label.empty()) {
      files.push_back({file.string(), label, ""});
    } else {
      skipped.push_back(file.string());
    }
  }
  for (const auto& file : entries.hidden) {
    skipped.push_back(file.string());
  }
  Dataset dataset = splits_of(files, folder.string()).train;
  dataset.skipped = std::move(skipped);
  return dataset;
}

void join(Dataset& dataset, const std::optional<Dataset>& other) {
  if (other) {
    dataset.samples.insert(dataset.samples.end(), other->samples.begin(), other->samples.end());
    dataset.skipped.insert(dataset.skipped.end(), other->skipped.begin(), other->skipped.end());
  }
}

fs::path free_name(const fs::path& folder, const fs::path& file, std::set<std::string>& taken) {
  fs::path target = folder / file.filename();
  for (int number = 2; !taken.insert(target.string()).second; ++number) {
    target = folder / fmt::format("{}_{}{}", file.stem().string(), number, file.extension().string());
  }
  return target;
}

void transfer_file(const fs::path& source, const fs::path& target, FileTransfer transfer) {
  std::error_code error;
  if (transfer == FileTransfer::hard_link) {
    fs::create_hard_link(fs::canonical(source, error), target, error);
    if (!error) {
      return;
    }
  }
  fs::copy_file(source, target, fs::copy_options::none, error);
  if (error) {
    throw Error(fmt::format("[split] {} was expected to be copied to {}; received: {}", source.string(),
                            target.string(), error.message()));
  }
}

// A line of the manifest.
struct WrittenFile {
  fs::path path;
  std::string split, label, group;
};

void write_part(const Dataset& part, const fs::path& folder, FileTransfer transfer,
                std::vector<WrittenFile>& written) {
  class_sizes(part);  // refuses samples without a class
  std::set<std::string> taken;
  for (const auto& name : part.class_names) {
    std::error_code error;
    fs::create_directories(folder / name, error);
    if (error) {
      throw Error(fmt::format("[split] a writable folder was expected; received {}: {}",
                              (folder / name).string(), error.message()));
    }
  }
  for (const auto& sample : part.samples) {
    throw_if_stopped();
    const std::string& label = part.class_names.at(static_cast<std::size_t>(sample.label));
    const fs::path target = free_name(folder / label, sample.path, taken);
    transfer_file(sample.path, target, transfer);
    written.push_back({target, folder.filename().string(), label, sample.group});
  }
}

void write_manifest(const std::vector<WrittenFile>& files, const fs::path& root) {
  write_file_atomically((root / "manifest.csv").string(), [&](std::ostream& out) {
    out << "path,split,label,group,sha256\n";
    for (const auto& file : files) {
      throw_if_stopped();
      fmt::print(out, "{},{},{},{},{}\n", csv_field(file.path.lexically_relative(root).string()), file.split,
                 csv_field(file.label), csv_field(file.group), sha256_of_file(file.path.string()));
    }
  });
}

constexpr std::array<const char*, 3> kPartFolders{"train", "validation", "test"};

void write_parts(const DatasetSplits& splits, const fs::path& root, FileTransfer transfer,
                 std::vector<WrittenFile>& written) {
  write_part(splits.train, root / kPartFolders[0], transfer, written);
  if (splits.validation) {
    write_part(*splits.validation, root / kPartFolders[1], transfer, written);
  }
  if (splits.test) {
    write_part(*splits.test, root / kPartFolders[2], transfer, written);
  }
  write_manifest(written, root);
}

// Half a data set looks like a whole one. The folder held nothing before.
void remove_parts(const fs::path& root, bool with_root) {
  std::error_code ignored;
  for (const char* part : kPartFolders) {
    fs::remove_all(root / part, ignored);
  }
  if (with_root) {
    fs::remove(root, ignored);
  }
}

}  // namespace

Dataset read_unsplit(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error) && list_folder(path).folders.empty()) {
    return read_flat_folder(path);
  }
  DatasetSplits splits = read_dataset(path);
  Dataset dataset = std::move(splits.train);
  join(dataset, splits.validation);
  join(dataset, splits.test);
  std::stable_sort(dataset.samples.begin(), dataset.samples.end(), [](const Sample& a, const Sample& b) {
    return a.label != b.label ? a.label < b.label : a.path < b.path;
  });
  return dataset;
}

std::int64_t write_split_folders(const DatasetSplits& splits, const std::string& directory,
                                 FileTransfer transfer) {
  const fs::path root(directory);
  std::error_code error;
  const bool is_new = !fs::exists(root, error);
  if (!is_new && !(fs::is_directory(root, error) && fs::is_empty(root, error))) {
    throw Error(fmt::format(
        "[split] a new or empty folder was expected; {} already exists; choose another or empty it",
        directory));
  }
  for (const auto& name : splits.train.class_names) {
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
      throw Error(fmt::format(
          "[split] class names that can be folders were expected; received \"{}\"; rename it", name));
    }
  }
  std::vector<WrittenFile> written;
  try {
    write_parts(splits, root, transfer, written);
  } catch (...) {
    remove_parts(root, is_new);
    throw;
  }
  return static_cast<std::int64_t>(written.size());
}

}  // namespace headstart
