#include "core/temporary_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string_view>
#include <system_error>

#include <sys/types.h>
#include <unistd.h>

#include <fmt/format.h>

namespace headstart {
namespace {

// The process of a temporary_name of `target`; 0 when it is none.
pid_t writer_of(const std::string& name, const std::string& target) {
  constexpr std::string_view kEnd = ".tmp";
  if (!name.starts_with(target + ".") || !name.ends_with(kEnd)) {
    return 0;
  }
  const char* const first = name.data() + target.size() + 1;
  const char* const last = name.data() + name.size() - kEnd.size();
  pid_t process = 0;
  const auto [end, error] = std::from_chars(first, std::max(first, last), process, 16);
  return error == std::errc{} && end < last && *end == '-' ? process : 0;
}

}  // namespace

std::string temporary_name(const std::filesystem::path& target) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return fmt::format("{}.{:x}-{:x}.tmp", target.string(), ::getpid(), now);
}

void remove_killed_writes(const std::filesystem::path& target) {
  std::error_code unresolved;
  const auto resolved = std::filesystem::canonical(target, unresolved);
  const auto& file = unresolved ? target : resolved;  // a symbolic link's
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path(), ignored)) {
    const pid_t writer = writer_of(entry.path().filename().string(), file.filename().string());
    if (writer > 0 && ::kill(writer, 0) != 0 && errno == ESRCH) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

}  // namespace headstart
