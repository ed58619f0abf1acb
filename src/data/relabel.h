// Where relabel puts what it takes out of a data set, and what its undo files look like.
#pragma once

#include <filesystem>
#include <string>

namespace headstart {

// DATA.removed beside the folder: in no class, and no class itself.
std::filesystem::path removed_folder(const std::string& data);
// A new DATA.undo.csv beside the data, with a number when there is one.
std::filesystem::path new_undo_file(const std::string& data);

// The first line of the undo file of class folders: then a line a file.
inline constexpr const char* kFolderUndo = "action,from,to";
// The first line of the undo file of a CSV begins with this and ends with the SHA-256 of what was written;
// then comes the old CSV, byte for byte.
inline constexpr const char* kCsvUndo = "# headstart relabel: the CSV as it was before it became sha256 ";

}  // namespace headstart
