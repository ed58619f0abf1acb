// Walking folders of pictures: sorted, links followed without loops, hidden and other files set aside.
#include "data/folders.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "headstart/text.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 11> kExtensions{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp",
                                                  ".bmp", ".dib",  ".gif", ".tif",  ".tiff"};

void sort_bytewise(std::vector<fs::path>& paths) {
  std::sort(paths.begin(), paths.end(),
            [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
}

bool begins_as_image(const fs::path& file) {
  std::array<char, 64> head{};
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), head.size());
  const auto count = static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0));
  return image_format({reinterpret_cast<const std::uint8_t*>(head.data()), count}) != ImageFormat::unknown;
}

void walk(const fs::path& folder, std::set<fs::path>& visited, FoundFiles& found) {
  if (!visited.insert(fs::canonical(folder)).second) {
    return;
  }
  const FolderEntries entries = list_folder(folder);
  for (const auto& file : entries.files) {
    (is_image_file(file) ? found.images : found.skipped).push_back(file.string());
  }
  for (const auto& file : entries.hidden) {
    found.skipped.push_back(file.string());
  }
  for (const auto& inner : entries.folders) {
    walk(inner, visited, found);
  }
}

}  // namespace

bool is_left_by_system(const fs::path& path) {
  constexpr std::array<std::string_view, 4> kSystems{"__MACOSX", "@eaDir", "$RECYCLE.BIN",
                                                     "System Volume Information"};
  const std::string name = path.filename().string();
  return name.starts_with('.') || std::find(kSystems.begin(), kSystems.end(), name) != kSystems.end();
}

FolderEntries list_folder(const fs::path& folder) {
  FolderEntries entries;
  std::error_code error;
  fs::directory_iterator iterator(folder, error);
  if (error) {
    throw Error(fmt::format("[dataset] a readable folder was expected; received {} ({}); check the path",
                            folder.string(), error.message()));
  }
  for (const auto& entry : iterator) {
    std::error_code unknown;  // a dangling link is neither
    if (is_left_by_system(entry.path())) {
      entries.hidden.push_back(entry.path());
    } else if (entry.is_directory(unknown)) {
      entries.folders.push_back(entry.path());
    } else {
      entries.files.push_back(entry.path());
    }
  }
  sort_bytewise(entries.folders);
  sort_bytewise(entries.files);
  sort_bytewise(entries.hidden);
  return entries;
}

FoundFiles find_images(const fs::path& folder) {
  FoundFiles found;
  std::set<fs::path> visited;
  walk(folder, visited, found);
  std::sort(found.images.begin(), found.images.end());
  std::sort(found.skipped.begin(), found.skipped.end());
  return found;
}

bool is_image_file(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return false;
  }
  const std::string extension = extension_of(file.string());
  if (extension.empty()) {
    return begins_as_image(file);
  }
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

}  // namespace headstart
