// How much memory may still be taken.
#pragma once

#include <cstdint>
#include <filesystem>

namespace headstart {

// Bytes that can be taken without swapping and without being killed: what the system has available, or what
// the control group of this process (a container, a batch job) and those above it still allow, if that is
// less. The largest number where the system does not tell. `root`: where /proc and /sys are.
std::int64_t available_memory(const std::filesystem::path& root = "/");

}  // namespace headstart
