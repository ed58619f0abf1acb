// What a folder of pictures holds.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace headstart {

struct FolderEntries {
  std::vector<std::filesystem::path> folders, files;  // byte-wise sorted, hidden ones left out
  std::vector<std::filesystem::path> hidden;
};

// One level. Throws Error when the folder cannot be read.
FolderEntries list_folder(const std::filesystem::path& folder);

struct FoundFiles {
  std::vector<std::string> images;   // byte-wise sorted
  std::vector<std::string> skipped;  // hidden, or not a picture by name
};

// All levels; links to folders are followed, each real folder is visited once.
FoundFiles find_images(const std::filesystem::path& folder);

// What systems leave in folders and archives of people: hidden files, and folders of their own (__MACOSX).
bool is_left_by_system(const std::filesystem::path& path);

// By extension; a file without one is a picture when its first bytes say so.
bool is_image_file(const std::filesystem::path& file);

}  // namespace headstart
