// Files: whole reads, memory maps, atomic replacement, caches in the user's home.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headstart {

// Throws Error with the path and the system's reason; a directory, or a file beyond `maximum_bytes`, is
// refused. A pipe is read to its end; a request to stop (headstart/progress.h) ends the wait for it.
std::vector<std::uint8_t> read_file(const std::string& path,
                                    std::uint64_t maximum_bytes = std::uint64_t{1} << 36);

// A whole regular file, mapped MAP_PRIVATE: writes through `data` stay private to the process. Movable. An
// empty file maps to an empty span.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  std::span<const std::uint8_t> bytes() const { return {data_.get(), size_}; }
  // Shares ownership of the mapping, for tensors that alias it.
  std::shared_ptr<std::uint8_t> data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::shared_ptr<std::uint8_t> data_;
  std::size_t size_ = 0;
};

// Gives back the memory of the whole pages in a part of a mapped file or of the heap whose content is not
// needed any more. Reading there again gives the file's content, or zeros.
void release_pages(std::span<const std::uint8_t> part);

// Writes a temporary file beside `path`, flushes it to disk and renames it over `path`. When anything fails
// (disk full, an exception in `write`) the old file stays, the temporary file is removed, and an Error is
// thrown.
void write_file_atomically(const std::string& path, const std::function<void(std::ostream&)>& write);
void write_file_atomically(const std::string& path, std::string_view content);

// The same for a library that writes a file by its name: `write` gets that of an empty file beside `path`. A
// device or a pipe, which has no such file beside it, is refused.
void write_by_name_atomically(const std::string& path, const std::function<void(const std::string&)>& write);

// Never over another file: throws Error when `to` is there, and when the system refuses.
void rename_to_new(const std::string& from, const std::string& to);

// With mode 0700, unless it is there. Throws Error when it belongs to somebody else or others may use it.
void make_private_directory(const std::filesystem::path& folder);

// $HEADSTART_CACHE, else $XDG_CACHE_HOME/headstart, else .cache/headstart in $HOME or in the home that the
// system knows. Not created. For a user without a home headstart-UID among the temporary files, a private
// directory, which is.
std::filesystem::path cache_directory();

}  // namespace headstart
