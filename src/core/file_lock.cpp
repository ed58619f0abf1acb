// flock(2) as an owned object.
#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

int open_lock(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

[[noreturn]] void throw_unopened(const std::filesystem::path& path, int error) {
  throw Error(fmt::format("[lock] expected to open {}; received \"{}\"; check the folder", path.string(),
                          std::strerror(error)));
}

// False when the file was removed, and perhaps made again, since it was opened.
bool is_at(int descriptor, const std::filesystem::path& path) {
  struct stat opened {
  }, there{};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

void wait_for_others(const std::filesystem::path& path) {
  if (stop_requested()) {
    throw Error(fmt::format("[lock] stopped while another run holds {}", path.string()));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

}  // namespace

std::optional<FileLock> FileLock::try_lock(const std::filesystem::path& path, Kind kind) {
  const int descriptor = open_lock(path);
  if (descriptor < 0) {
    throw_unopened(path, errno);
  }
  return try_lock_open(descriptor, path, kind);
}

std::optional<FileLock> FileLock::try_lock_open(int descriptor, const std::filesystem::path& path,
                                                Kind kind) {
  FileLock held(descriptor);
  if (::flock(descriptor, (kind == Kind::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) {
    return is_at(descriptor, path) ? std::optional(std::move(held)) : std::nullopt;
  }
  if (errno != EWOULDBLOCK && errno != EINTR) {
    throw Error(fmt::format("[lock] expected to lock {}; received \"{}\"; is it a local disk?", path.string(),
                            std::strerror(errno)));
  }
  return std::nullopt;
}

FileLock FileLock::lock(const std::filesystem::path& path, Kind kind) {
  while (true) {
    if (auto held = try_lock(path, kind)) {
      return std::move(*held);
    }
    wait_for_others(path);
  }
}

FileLock FileLock::lock_in_folder(const std::filesystem::path& path, Kind kind) {
  constexpr int kAttempts = 100;  // five seconds
  for (int missing = 0;;) {
    std::error_code error;  // of a folder that is removed just now, too: opening tells
    std::filesystem::create_directories(path.parent_path(), error);
    const int descriptor = open_lock(path);
    const bool passing = !error || error == std::errc::no_such_file_or_directory;
    if (descriptor < 0 && (errno != ENOENT || !passing || ++missing == kAttempts)) {
      const int reason = errno;
      if (error) {
        throw std::filesystem::filesystem_error("create_directories", path.parent_path(), error);
      }
      throw_unopened(path, reason);
    }
    if (descriptor >= 0) {
      if (auto held = try_lock_open(descriptor, path, kind)) {
        return std::move(*held);
      }
    }
    wait_for_others(path);
  }
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

}  // namespace headstart
