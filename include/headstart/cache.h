// What Headstart keeps on disk between runs: features of pictures, downloaded weights, and which of several
// ways to compute a layer was measured to be the fastest on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headstart {

struct CacheEntry {
  enum class Kind { features, weights, choices };
  Kind kind = Kind::features;
  std::string path;  // a folder of features, or a file
  std::int64_t bytes = 0;
  double days_since_use = 0;  // of files: since they were written
};

// $HEADSTART_CACHE, else $XDG_CACHE_HOME/headstart, else ~/.cache/headstart.
std::string cache_folder();
// The most that the features may take: 20 GiB, or what they take now and half of the free disk.
std::int64_t feature_cache_limit();
// Largest first; empty when there is no cache yet.
std::vector<CacheEntry> cache_entries();
// False for features that a running program holds.
bool remove_cache_entry(const CacheEntry& entry);

}  // namespace headstart
