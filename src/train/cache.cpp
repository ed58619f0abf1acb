#include "headstart/cache.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "core/files.h"
#include "train/feature_cache.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFeatures = "features";
constexpr const char* kWeights = "weights";
constexpr const char* kChoices = "choices";

double days_since(const fs::path& path) {
  std::error_code gone;
  const auto time = fs::last_write_time(path, gone);
  if (gone) {
    return 0.0;
  }
  const auto age = fs::file_time_type::clock::now() - time;
  return std::chrono::duration<double, std::ratio<86400>>(age).count();
}

void add_files(const char* folder, CacheEntry::Kind kind, std::vector<CacheEntry>& entries) {
  std::error_code none;
  for (const auto& file : fs::recursive_directory_iterator(cache_directory() / folder, none)) {
    std::error_code gone;
    const auto bytes = file.is_regular_file(gone) ? file.file_size(gone) : 0;
    if (!gone && bytes > 0) {
      entries.push_back({.kind = kind,
                         .path = file.path().string(),
                         .bytes = static_cast<std::int64_t>(bytes),
                         .days_since_use = days_since(file.path())});
    }
  }
}

}  // namespace

std::string cache_folder() { return cache_directory().string(); }

std::int64_t feature_cache_limit() { return cache_limit(cache_directory() / kFeatures); }

std::vector<CacheEntry> cache_entries() {
  std::vector<CacheEntry> entries;
  std::error_code none;
  for (const auto& folder : fs::directory_iterator(cache_directory() / kFeatures, none)) {
    if (folder.is_directory(none)) {
      entries.push_back({.kind = CacheEntry::Kind::features,
                         .path = folder.path().string(),
                         .bytes = size_of_folder(folder.path()),
                         .days_since_use = days_since(folder.path())});
    }
  }
  add_files(kWeights, CacheEntry::Kind::weights, entries);
  add_files(kChoices, CacheEntry::Kind::choices, entries);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const CacheEntry& a, const CacheEntry& b) { return a.bytes > b.bytes; });
  return entries;
}

bool remove_cache_entry(const CacheEntry& entry) {
  if (entry.kind == CacheEntry::Kind::features) {
    return remove_unused(entry.path);
  }
  std::error_code error;
  return fs::remove(entry.path, error);
}

}  // namespace headstart
