// What relabel did, put back: from whatever state it was left in.
#include <filesystem>

#include <fmt/format.h>

#include "core/files.h"
#include "core/sha256.h"
#include "data/csv.h"
#include "data/places.h"
#include "data/relabel.h"
#include "headstart/error.h"
#include "headstart/progress.h"
#include "headstart/relabel.h"
#include "headstart/text.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

// A file that goes from `now` back to `before`.
struct Return {
  fs::path before, now;
  std::string path;  // as the undo file names it
};

// "class/photo.jpg": below the folder that it is relative to, whatever that is.
bool stays_inside(const fs::path& path) {
  if (path.empty() || path.is_absolute() || path.lexically_normal() != path || !path.has_filename()) {
    return false;
  }
  return *path.begin() != ".." && *path.begin() != ".";
}

std::vector<Return> returns_of(const std::vector<std::vector<std::string>>& rows, const std::string& data,
                               const std::string& undo) {
  const fs::path place = place_of_data(data);
  const fs::path removed = removed_folder(data);
  std::vector<Return> returns;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    if (row.size() != 3 || (row[0] != "relabel" && row[0] != "remove") || !stays_inside(row[1]) ||
        !stays_inside(row[2])) {
      throw Error(
          fmt::format("[relabel] {} and places within the data were expected in row {} of {}; received {}",
                      kFolderUndo, i + 1, undo, valid_utf8(row.size() > 1 ? row[1] : row[0])));
    }
    returns.push_back({place / row[1], (row[0] == "remove" ? removed : place) / row[2], row[1]});
  }
  return {returns.rbegin(), returns.rend()};
}

// Folders that became empty, up to the data and the classes in it.
void remove_empty(fs::path folder, const fs::path& place, const fs::path& removed) {
  std::error_code error;
  while (folder != place && folder.parent_path() != place && folder != removed.parent_path() &&
         fs::is_empty(folder, error) && !error && fs::remove(folder, error)) {
    folder = folder.parent_path();
  }
}

Undone undo_folders(const std::string& data, const std::string& undo, const std::string& text) {
  Undone result;
  const auto there = [](const fs::path& path) {
    std::error_code error;
    return fs::exists(fs::symlink_status(path, error));
  };
  for (const auto& one : returns_of(parse_csv(text), data, undo)) {
    if (stop_requested()) {
      throw Error(fmt::format("[relabel] stopped after {} files; the same command goes on", result.restored));
    }
    const bool moved = there(one.now), back = there(one.before);
    if (moved && !back) {
      fs::create_directories(one.before.parent_path());
      rename_to_new(one.now.string(), one.before.string());
      remove_empty(one.now.parent_path(), place_of_data(data), removed_folder(data));
      ++result.restored;
    } else if (moved) {
      result.lost.push_back(fmt::format("{}: there is a file at {} too", one.path, one.now.string()));
    } else if (!back) {
      result.lost.push_back(fmt::format("{}: {} is gone", one.path, one.now.string()));
    }
  }
  return result;
}

std::string hash_of(std::string_view text) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Undone undo_csv(const std::string& data, const std::string& undo, std::string_view text) {
  const auto line_end = text.find('\n');
  const std::string_view prefix = kCsvUndo;
  const std::string written(text.substr(0, line_end).substr(prefix.size()));
  if (line_end == std::string_view::npos) {
    throw Error(fmt::format("[relabel] an undo file was expected; received {}", undo));
  }
  const std::string_view before = text.substr(line_end + 1);
  const std::string now = hash_of(read_csv_text(data));
  if (now == hash_of(before)) {
    return {};
  }
  if (now != written) {
    throw Error(fmt::format(
        "[relabel] {} as relabel left it was expected; it was changed since; the old one is in {} "
        "from its second line on",
        data, undo));
  }
  write_file_atomically(data, before);
  return {.restored = 1};
}

}  // namespace

Undone undo_relabel(const std::string& data, const std::string& undo) {
  const std::string text = read_csv_text(undo);
  std::error_code error;
  const bool folder = fs::is_directory(data, error);
  const std::string first = folder ? std::string(kFolderUndo) + '\n' : kCsvUndo;
  if (!text.starts_with(first)) {
    throw Error(
        fmt::format("[relabel] the undo file of a relabel of {} was expected; received {}", data, undo));
  }
  return folder ? undo_folders(data, undo, text) : undo_csv(data, undo, text);
}

}  // namespace headstart
