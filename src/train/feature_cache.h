// Fixed-size float records on disk, found by an identity, appended so that an interrupted run goes on where
// it stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/file_lock.h"
#include "core/files.h"

namespace headstart {

// One folder: `records.bin` (records, each padded to 64 bytes) and `index.txt` (a header line, then one line
// a record: "IDENTITY NUMBER CHECKSUM", or "IDENTITY ! MESSAGE" for an image that could not be read). A
// record counts when its line is whole and its checksum fits, so a process killed at any moment, or a full
// disk, costs the last records at most. While the object lives the folder cannot be evicted.
class FeatureCache {
 public:
  // Opens or creates. A folder that was written for another record size, or whose index is damaged, is begun
  // anew.
  FeatureCache(const std::filesystem::path& folder, std::int64_t floats_per_record);

  // Null when the identity is unknown or its record is damaged. Valid until the next call of refresh.
  const float* find(const std::string& identity) const;
  const std::string* find_unreadable(const std::string& identity) const;

  // Only one process appends at a time: begin waits for its turn and refreshes; end maps what was appended.
  void begin_append();
  // `records`: identities.size() x floats_per_record, tight. Throws Error when the disk is full.
  void append(std::span<const std::string> identities, const float* records);
  void append_unreadable(const std::string& identity, const std::string& message);
  void end_append();

  std::int64_t bytes_per_record() const { return stride_; }

 private:
  struct Entry {
    std::int64_t number = 0;
    std::uint64_t checksum = 0;
  };
  void refresh();
  bool read_index();
  void begin_anew();
  void append_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) const;

  std::filesystem::path folder_;
  std::int64_t floats_ = 0, stride_ = 0;
  FileLock in_use_;
  std::optional<FileLock> appending_;
  std::int64_t appended_ = 0;  // records in the file
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, std::string> unreadable_;
  std::optional<MappedFile> records_;
};

std::int64_t size_of_folder(const std::filesystem::path& folder);  // records and index
// False when a process uses it.
bool remove_unused(const std::filesystem::path& folder);
// The most that all folders of `root` may take: 20 GiB, or what they take now and half of the free disk.
std::int64_t cache_limit(const std::filesystem::path& root);

// Makes room for `needed` bytes under `limit` by removing the folders of `root` that were used longest ago
// and are not in use now; `keep` stays. False when that is not enough.
bool make_room(const std::filesystem::path& root, const std::filesystem::path& keep, std::int64_t needed,
               std::int64_t limit);

}  // namespace headstart
