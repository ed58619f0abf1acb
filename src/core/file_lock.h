// Advisory locks between processes on a lock file.
#pragma once

#include <filesystem>
#include <optional>

namespace headstart {

// Held until destroyed; released by the system when the process dies.
class FileLock {
 public:
  enum class Kind { shared, exclusive };

  // Empty when another process holds the lock in a way that excludes this one.
  static std::optional<FileLock> try_lock(const std::filesystem::path& path, Kind kind);
  // Waits; throws Error when a stop is requested meanwhile.
  static FileLock lock(const std::filesystem::path& path, Kind kind);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace headstart
