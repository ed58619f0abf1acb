// flock(2) as an owned object.
#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
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

std::optional<FileLock> FileLock::try_lock(const std::filesystem::path& path, Kind kind) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    throw Error(fmt::format("[lock] expected to open {}; received \"{}\"; check the folder", path.string(),
                            std::strerror(errno)));
  }
  FileLock held(descriptor);
  if (::flock(descriptor, (kind == Kind::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) {
    return held;
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
    if (stop_requested()) {
      throw Error(fmt::format("[lock] stopped while another run holds {}", path.string()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
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
