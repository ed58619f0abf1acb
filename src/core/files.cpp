#include "core/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <streambuf>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/temporary_files.h"
#include "headstart/error.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

std::string reason(int error) { return std::strerror(error); }

class FileDescriptor {
 public:
  FileDescriptor(const std::string& path, int flags)
      : value_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return value_; }
  // 0 or the system's error; network file systems report late write errors here.
  int close() {
    const int result = value_ >= 0 && ::close(value_) != 0 ? errno : 0;
    value_ = -1;
    return result;
  }

 private:
  int value_;
};

struct stat require_readable(const FileDescriptor& file, const std::string& path) {
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    throw Error(fmt::format("[file] cannot read {}: {}", path, reason(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    throw Error(fmt::format("[file] expected a file; received the directory {}", path));
  }
  return status;
}

// Until there is something to read from a pipe, or nobody left who writes; a signal to stop ends the wait.
void wait_for_content(const FileDescriptor& file) {
  constexpr int kSlice = 100;  // milliseconds in which a signal may come just before poll()
  pollfd wanted{.fd = file.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  while (ready == 0 || (ready < 0 && errno == EINTR)) {
    throw_if_stopped();
    ready = ::poll(&wanted, 1, kSlice);
  }
}

const char* kind_of(mode_t mode) {
  return S_ISFIFO(mode) ? "the pipe" : S_ISSOCK(mode) ? "the socket" : "the device";
}

[[noreturn]] void throw_too_large(const std::string& path, std::uint64_t maximum_bytes) {
  throw Error(
      fmt::format("[file] {} is larger than the {} bytes that are accepted here", path, maximum_bytes));
}

// A stream buffer over a file descriptor that remembers why a write failed.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor), buffer_(kSize) { reset(); }
  int error() const { return error_; }

 protected:
  int_type overflow(int_type character) override {
    if (sync() != 0) {
      return traits_type::eof();
    }
    if (!traits_type::eq_int_type(character, traits_type::eof())) {
      sputc(traits_type::to_char_type(character));
    }
    return traits_type::not_eof(character);
  }

  std::streamsize xsputn(const char* data, std::streamsize count) override {
    if (count < epptr() - pptr()) {
      std::copy_n(data, count, pptr());
      pbump(static_cast<int>(count));
      return count;
    }
    return sync() == 0 && write(data, static_cast<std::size_t>(count)) ? count : 0;
  }

  int sync() override {
    const bool written = write(pbase(), static_cast<std::size_t>(pptr() - pbase()));
    reset();
    return written ? 0 : -1;
  }

 private:
  static constexpr std::size_t kSize = std::size_t{1} << 18;

  void reset() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }

  bool write(const char* data, std::size_t count) {
    while (count > 0 && error_ == 0) {
      const ssize_t written = ::write(descriptor_, data, count);
      if (written < 0) {
        error_ = errno == EINTR ? 0 : errno;
      } else {
        data += written;
        count -= static_cast<std::size_t>(written);
      }
    }
    return error_ == 0;
  }

  int descriptor_;
  int error_ = 0;
  std::vector<char> buffer_;
};

[[noreturn]] void throw_unwritable(const std::string& path, int error) {
  throw Error(fmt::format("[file] cannot write {}: {}", path, reason(error)));
}

void flush_and_close(FileDescriptor& file, const std::string& path) {
  // Pipes and terminals have nothing to flush and say EINVAL.
  if (::fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS) {
    throw_unwritable(path, errno);
  }
  if (const int error = file.close(); error != 0) {
    throw_unwritable(path, error);
  }
}

// Writes through `file`; the errors name `path`, which is what the user asked for.
void write_all(FileDescriptor& file, const std::string& path,
               const std::function<void(std::ostream&)>& write) {
  if (file.get() < 0) {
    throw_unwritable(path, errno);
  }
  DescriptorBuffer buffer(file.get());
  std::ostream stream(&buffer);
  write(stream);
  stream.flush();
  if (!stream) {
    throw_unwritable(path, buffer.error() != 0 ? buffer.error() : EIO);
  }
  flush_and_close(file, path);
}

// The name that rename() has to replace: a symbolic link stays one and its target is replaced.
std::filesystem::path target_of(const std::string& path) {
  std::error_code ignored;
  const auto resolved = std::filesystem::canonical(path, ignored);
  return ignored ? std::filesystem::path(path) : resolved;
}

void flush_directory(const std::filesystem::path& directory) {
  const FileDescriptor file(directory.empty() ? "." : directory.string(), O_RDONLY | O_DIRECTORY);
  if (file.get() >= 0) {
    ::fsync(file.get());
  }
}

// As the system's list of users has it; empty where it has none.
std::filesystem::path home_of_user() {
  std::vector<char> buffer(std::size_t{1} << 14);
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return error == 0 && found != nullptr && found->pw_dir != nullptr ? found->pw_dir : "";
}

// `write` fills the new file, of which it gets the descriptor and the name.
void replace_file(const std::string& path,
                  const std::function<void(FileDescriptor& file, const std::string& temporary)>& write) {
  const std::filesystem::path target = target_of(path);
  const std::string temporary = temporary_name(target);
  FileDescriptor file(temporary, O_WRONLY | O_CREAT | O_EXCL);
  if (file.get() < 0) {
    throw_unwritable(path, errno);
  }
  try {
    struct stat old {};
    if (::stat(target.c_str(), &old) == 0) {
      ::fchmod(file.get(), old.st_mode & 07777U);
    }
    write(file, temporary);
    if (::rename(temporary.c_str(), target.c_str()) != 0) {
      throw_unwritable(path, errno);
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  flush_directory(target.parent_path());
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path, std::uint64_t maximum_bytes) {
  // Opening a pipe for blocking reads waits for who writes to it, which no signal that is handled ends.
  const FileDescriptor file(path, O_RDONLY | O_NONBLOCK);
  const auto status = require_readable(file, path);
  const auto expected = static_cast<std::uint64_t>(status.st_size);
  if (expected > maximum_bytes) {
    throw_too_large(path, maximum_bytes);
  }
  // One byte more than the file says it has, so that its end is seen without growing; pipes say 0 and grow.
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(expected) + 1);
  std::size_t size = 0;
  while (true) {
    if (size == bytes.size()) {
      bytes.resize(bytes.size() * 2 + 65536);
    }
    if (!S_ISREG(status.st_mode)) {
      wait_for_content(file);
    }
    const ssize_t count = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
      throw Error(fmt::format("[file] cannot read {}: {}", path, reason(errno)));
    }
    if (count == 0) {
      break;
    }
    size += count > 0 ? static_cast<std::size_t>(count) : 0;
    if (size > maximum_bytes) {
      throw_too_large(path, maximum_bytes);
    }
  }
  bytes.resize(size);
  return bytes;
}

MappedFile::MappedFile(const std::string& path) {
  const FileDescriptor file(path, O_RDONLY | O_NONBLOCK);  // never waits for who writes to a pipe
  const auto status = require_readable(file, path);
  if (!S_ISREG(status.st_mode)) {
    throw Error(fmt::format("[file] expected a regular file; received {} {}; copy what it gives to a file",
                            kind_of(status.st_mode), path));
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) {
    return;
  }
  void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.get(), 0);
  if (memory == MAP_FAILED) {
    throw Error(fmt::format("[file] cannot map {}: {}", path, reason(errno)));
  }
  data_ = std::shared_ptr<std::uint8_t>(static_cast<std::uint8_t*>(memory),
                                        [size = size_](std::uint8_t* p) { ::munmap(p, size); });
}

void release_pages(std::span<const std::uint8_t> part) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const auto first = (begin + page - 1) / page * page;
  const auto last = (begin + part.size()) / page * page;
  if (first < last) {
    auto* const start = const_cast<std::uint8_t*>(part.data()) + (first - begin);
    ::madvise(start, last - first, MADV_DONTNEED);
  }
}

void write_file_atomically(const std::string& path, const std::function<void(std::ostream&)>& write) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    // /dev/stdout or a pipe: there is no old file to keep, and it must not be replaced by a regular one.
    FileDescriptor file(path, O_WRONLY);
    write_all(file, path, write);
    return;
  }
  replace_file(path, [&](FileDescriptor& file, const std::string&) { write_all(file, path, write); });
}

void write_file_atomically(const std::string& path, std::string_view content) {
  write_file_atomically(path, [&](std::ostream& out) { out << content; });
}

void write_by_name_atomically(const std::string& path, const std::function<void(const std::string&)>& write) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw Error(fmt::format("[file] expected the name of a file to write; received {} {}",
                            S_ISDIR(status.st_mode) ? "the folder" : kind_of(status.st_mode), path));
  }
  replace_file(path, [&](FileDescriptor& empty, const std::string& temporary) {
    empty.close();
    write(temporary);
    FileDescriptor written(temporary, O_RDONLY);
    if (written.get() < 0) {
      throw_unwritable(path, errno);
    }
    flush_and_close(written, path);
  });
}

void rename_to_new(const std::string& from, const std::string& to) {
  int status = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (status != 0 && (errno == EINVAL || errno == ENOSYS)) {  // a file system that cannot refuse by itself
    struct stat taken {};
    if (::lstat(to.c_str(), &taken) == 0) {
      errno = EEXIST;
    } else {
      status = ::rename(from.c_str(), to.c_str());
    }
  }
  if (status != 0) {
    throw Error(fmt::format("[file] cannot rename {} to {}: {}", from, to, reason(errno)));
  }
}

void make_private_directory(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    throw Error(fmt::format("[file] cannot make the folder {}: {}", folder.string(), reason(errno)));
  }
  struct stat status {};
  const bool own = ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
                   status.st_uid == ::geteuid() && (status.st_mode & 077U) == 0;
  if (!own) {
    throw Error(fmt::format(
        "[file] expected {} to be a folder of this user alone; received another; remove it, or set "
        "HEADSTART_CACHE to a folder of your own",
        folder.string()));
  }
}

std::filesystem::path cache_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  if (auto own = variable("HEADSTART_CACHE"); !own.empty()) {
    return own;
  }
  if (const auto base = variable("XDG_CACHE_HOME"); !base.empty()) {
    return base / "headstart";
  }
  if (const auto home = variable("HOME"); !home.empty()) {
    return home / ".cache" / "headstart";
  }
  if (const auto home = home_of_user(); !home.empty()) {
    return home / ".cache" / "headstart";
  }
  std::error_code error;
  auto folder = std::filesystem::temp_directory_path(error) / fmt::format("headstart-{}", ::geteuid());
  if (error) {
    throw Error(
        fmt::format("[cache] a folder for temporary files was expected as TMPDIR ({}); set HEADSTART_CACHE",
                    error.message()));
  }
  make_private_directory(folder);
  return folder;
}

}  // namespace headstart
