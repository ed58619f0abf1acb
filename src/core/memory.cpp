#include "core/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

#include "headstart/text.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();

// The number behind `key` on a line of its own, or the file's only number for an empty key.
std::optional<std::int64_t> number_in(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    std::int64_t value = 0;
    if ((key.empty() || (words >> word && word == key)) && words >> value) {
      return value;
    }
  }
  return std::nullopt;
}

// The files of a control group, which the two versions name differently.
struct GroupFiles {
  const char *limit, *usage, *reclaimable;
};
constexpr GroupFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr GroupFiles kVersion2{"memory.max", "memory.current", "inactive_file"};

// Of a group and those above it up to `mount`. Cached files count as used but are given back when needed.
std::int64_t left_in_groups(const fs::path& mount, fs::path group, const GroupFiles& files) {
  std::int64_t left = kUnknown;
  while (true) {
    const fs::path folder = mount / group;
    const auto limit = number_in(folder / files.limit, "");
    const auto usage = number_in(folder / files.usage, "");
    if (limit && usage) {
      const auto cached = number_in(folder / "memory.stat", files.reclaimable).value_or(0);
      left = std::min(left, std::max<std::int64_t>(0, *limit - *usage + cached));
    }
    if (group.empty()) {
      return left;
    }
    group = group.parent_path();
  }
}

// Lines of /proc/self/cgroup: "4:memory:/path" is the first version's, "0::/path" the second's.
std::int64_t left_in_own_groups(const fs::path& root) {
  std::int64_t left = kUnknown;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = fs::path(line.substr(second + 1)).relative_path();
    const fs::path mount = root / "sys/fs/cgroup";
    const auto names = split(controllers, ',');
    if (controllers.empty()) {
      left = std::min(left, left_in_groups(mount, group, kVersion2));
    } else if (std::find(names.begin(), names.end(), "memory") != names.end()) {
      left = std::min(left, left_in_groups(mount / "memory", group, kVersion1));
    }
  }
  return left;
}

}  // namespace

std::int64_t available_memory(const fs::path& root) {
  constexpr std::int64_t kKilobyte = 1024;
  const auto available = number_in(root / "proc/meminfo", "MemAvailable:");
  return std::min(available ? *available * kKilobyte : kUnknown, left_in_own_groups(root));
}

}  // namespace headstart
