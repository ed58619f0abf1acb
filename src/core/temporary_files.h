// Files that are written under another name before they take their own: how they are called, and what is left
// of them.
#pragma once

#include <filesystem>
#include <string>

namespace headstart {

// Beside the target, so that rename() stays within one file system; unlike mkstemp's, its mode follows the
// umask. Names the process.
std::string temporary_name(const std::filesystem::path& target);

// Removes the temporary files of `target` whose processes were killed; those of living ones stay.
void remove_killed_writes(const std::filesystem::path& target);

}  // namespace headstart
