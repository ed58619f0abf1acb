// Advisory locks between processes on a lock file.
#pragma once

#include <filesystem>
#include <optional>

namespace headstart {

// Held until destroyed; released by the system when the process dies.
class FileLock {
 public:
  enum class Kind { shared, exclusive };

  // Empty when another process holds the lock in a way that excludes this one, or has removed the file
  // meanwhile. Throws Error when it cannot be opened.
  static std::optional<FileLock> try_lock(const std::filesystem::path& path, Kind kind);
  // Waits; throws Error when a stop is requested meanwhile.
  static FileLock lock(const std::filesystem::path& path, Kind kind);
  // The same for a folder that another process may remove until the lock is held: made again then.
  static FileLock lock_in_folder(const std::filesystem::path& path, Kind kind);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  static std::optional<FileLock> try_lock_open(int descriptor, const std::filesystem::path& path, Kind kind);
  int descriptor_ = -1;
};

}  // namespace headstart
