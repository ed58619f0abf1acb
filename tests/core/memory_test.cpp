// What is left of the system's memory and of control groups of both versions.
#include "core/memory.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace headstart {
namespace {

namespace fs = std::filesystem;

// A tree with the files of /proc and /sys that are read.
class System {
 public:
  System() { write("proc/meminfo", "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 2000 kB\n"); }
  ~System() { fs::remove_all(root_); }
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::int64_t available() const { return available_memory(root_); }

 private:
  fs::path root_ =
      fs::temp_directory_path() / ("headstart_memory_" + std::to_string(::getpid()) + "_" +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

constexpr std::int64_t kOfTheSystem = 2000 * 1024;

TEST(AvailableMemory, IsWhatTheSystemHasWithoutGroups) {
  const System system;
  EXPECT_EQ(system.available(), kOfTheSystem);
  system.write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(system.available(), kOfTheSystem);
}

TEST(AvailableMemory, IsWhatAGroupOfTheSecondVersionStillAllows) {
  const System system;
  system.write("proc/self/cgroup", "0::/jobs/mine\n");
  const std::string group = "sys/fs/cgroup/jobs/mine/";
  system.write(group + "memory.max", "max\n");
  system.write(group + "memory.current", "400000\n");
  EXPECT_EQ(system.available(), kOfTheSystem);
  system.write(group + "memory.max", "1000000\n");
  EXPECT_EQ(system.available(), 600000);
  system.write(group + "memory.stat", "anon 5\ninactive_file 100000\nactive_file 7\n");
  EXPECT_EQ(system.available(), 700000);
  // The group above allows less.
  system.write("sys/fs/cgroup/jobs/memory.max", "500000\n");
  system.write("sys/fs/cgroup/jobs/memory.current", "450000\n");
  EXPECT_EQ(system.available(), 50000);
  system.write("sys/fs/cgroup/jobs/memory.current", "600000\n");
  EXPECT_EQ(system.available(), 0);
}

// In a container the path of /proc is often that of the host; the mount's own files are the container's.
TEST(AvailableMemory, IsWhatAGroupOfTheFirstVersionStillAllows) {
  const System system;
  system.write("proc/self/cgroup", "5:cpu:/\n4:hugetlb,memory:/of/the/host\n0::/\n");
  system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  system.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "300000\n");
  EXPECT_EQ(system.available(), kOfTheSystem);
  system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n");
  EXPECT_EQ(system.available(), 700000);
}

TEST(AvailableMemory, OfThisMachineIsWithinReason) {
  EXPECT_GT(available_memory(), 1 << 20);
  EXPECT_GT(available_memory("/nowhere"), std::int64_t{1} << 60);
}

}  // namespace
}  // namespace headstart
