// Records and their index on disk: reading with suspicion, appending records before the lines that name them.
#include "train/feature_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kAlignment = 64;

fs::path index_path(const fs::path& folder) { return folder / "index.txt"; }
fs::path records_path(const fs::path& folder) { return folder / "records.bin"; }
fs::path use_lock_path(const fs::path& folder) { return folder / "use.lock"; }
fs::path append_lock_path(const fs::path& folder) { return folder / "append.lock"; }

std::string header_line(std::int64_t floats) { return fmt::format("headstart-features 1 {}", floats); }

// Four independent lanes of FNV-1a over 8-byte words: as fast as the memory.
std::uint64_t checksum(const float* values, std::int64_t count) {
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  std::uint64_t lanes[4] = {0xcbf29ce484222325ULL, 0x9ae16a3b2f90404fULL, 0xc3a5c85c97cb3127ULL,
                            0xb492b66fbe98f273ULL};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    std::uint64_t words[4];
    std::memcpy(words, values + i, sizeof words);
    for (int lane = 0; lane < 4; ++lane) {
      lanes[lane] = (lanes[lane] ^ words[lane]) * kPrime;
    }
  }
  for (; i < count; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof bits);
    lanes[0] = (lanes[0] ^ bits) * kPrime;
  }
  std::uint64_t result = 0;
  for (const std::uint64_t lane : lanes) {
    result = (result ^ lane ^ (lane >> 32)) * kPrime;
  }
  return result;
}

// The word up to the next blank; `text` moves behind it.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <typename Number>
bool parse(std::string_view text, Number& value, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size();
}

std::int64_t size_of_file(const fs::path& path) {
  std::error_code missing;
  const auto size = fs::file_size(path, missing);
  return missing ? 0 : static_cast<std::int64_t>(size);
}

// Makes the folder too; whoever evicts it before the lock is held is waited for.
FileLock lock_for_use(const fs::path& folder) {
  try {
    return FileLock::lock_in_folder(use_lock_path(folder), FileLock::Kind::shared);
  } catch (const fs::filesystem_error& error) {
    throw Error(fmt::format(
        "[cache] expected to create {}; received \"{}\"; set HEADSTART_CACHE to a folder that can be written",
        folder.string(), error.code().message()));
  }
}

}  // namespace

FeatureCache::FeatureCache(const fs::path& folder, std::int64_t floats_per_record)
    : folder_(folder),
      floats_(floats_per_record),
      stride_((floats_per_record * static_cast<std::int64_t>(sizeof(float)) + kAlignment - 1) / kAlignment *
              kAlignment),
      in_use_(lock_for_use(folder_)) {
  refresh();
  std::error_code ignored;
  fs::last_write_time(folder_, fs::file_time_type::clock::now(), ignored);  // for make_room
}

void FeatureCache::refresh() {
  entries_.clear();
  unreadable_.clear();
  records_.reset();
  appended_ = size_of_file(records_path(folder_)) / stride_;
  if (!read_index()) {
    entries_.clear();
    unreadable_.clear();
    appended_ = 0;
    return;
  }
  if (appended_ > 0) {
    records_.emplace(records_path(folder_).string());
  }
}

bool FeatureCache::read_index() {
  std::ifstream file(index_path(folder_), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string_view rest = text;
  bool header = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      break;  // torn by a kill: begin_append cuts it off
    }
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (header) {
      if (line != header_line(floats_)) {
        return false;
      }
      header = false;
      continue;
    }
    const std::string identity(take_word(line));
    const std::string_view number = take_word(line);
    Entry entry;
    if (number == "!") {
      unreadable_[identity] = std::string(line);
    } else if (parse(number, entry.number, 10) && parse(line, entry.checksum, 16) && entry.number >= 0) {
      if (entry.number < appended_) {
        entries_[identity] = entry;
      }
    } else {
      return false;
    }
  }
  return !header;
}

void FeatureCache::begin_anew() {
  for (const fs::path& path : {index_path(folder_), records_path(folder_)}) {
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  const std::string line = header_line(floats_) + "\n";
  append_bytes(index_path(folder_), {reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
  refresh();
}

const float* FeatureCache::find(const std::string& identity) const {
  const auto found = entries_.find(identity);
  if (found == entries_.end() || !records_ ||
      static_cast<std::int64_t>(records_->size()) < (found->second.number + 1) * stride_) {
    return nullptr;
  }
  const auto* record =
      reinterpret_cast<const float*>(records_->bytes().data() + found->second.number * stride_);
  return checksum(record, floats_) == found->second.checksum ? record : nullptr;
}

const std::string* FeatureCache::find_unreadable(const std::string& identity) const {
  const auto found = unreadable_.find(identity);
  return found == unreadable_.end() ? nullptr : &found->second;
}

void FeatureCache::begin_append() {
  appending_ = FileLock::lock(append_lock_path(folder_), FileLock::Kind::exclusive);
  refresh();
  if (entries_.empty() && unreadable_.empty()) {
    begin_anew();
    return;
  }
  // Cut off what a killed run left half written.
  std::ifstream file(index_path(folder_), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  fs::resize_file(index_path(folder_), text.rfind('\n') + 1);
  fs::resize_file(records_path(folder_), static_cast<std::uintmax_t>(appended_ * stride_));
}

void FeatureCache::append_bytes(const fs::path& path, std::span<const std::uint8_t> bytes) const {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  int failure = descriptor < 0 ? errno : 0;
  while (failure == 0 && !bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      failure = errno;
    }
  }
  if (descriptor >= 0) {
    ::close(descriptor);
  }
  if (failure != 0) {
    throw Error(
        fmt::format("[cache] expected to write {}; received \"{}\"; free some space or turn the cache off",
                    path.string(), std::strerror(failure)));
  }
}

void FeatureCache::append(std::span<const std::string> identities, const float* records) {
  std::vector<std::uint8_t> padded(identities.size() * static_cast<std::size_t>(stride_), 0);
  std::string lines;
  for (std::size_t i = 0; i < identities.size(); ++i) {
    const float* record = records + static_cast<std::int64_t>(i) * floats_;
    std::memcpy(padded.data() + i * static_cast<std::size_t>(stride_), record,
                static_cast<std::size_t>(floats_) * sizeof(float));
    lines += fmt::format("{} {} {:x}\n", identities[i], appended_ + static_cast<std::int64_t>(i),
                         checksum(record, floats_));
  }
  append_bytes(records_path(folder_), padded);
  append_bytes(index_path(folder_), {reinterpret_cast<const std::uint8_t*>(lines.data()), lines.size()});
  appended_ += static_cast<std::int64_t>(identities.size());
}

void FeatureCache::append_unreadable(const std::string& identity, const std::string& message) {
  std::string line = fmt::format("{} ! {}", identity, message);
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  append_bytes(index_path(folder_), {reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
}

void FeatureCache::end_append() {
  refresh();
  appending_.reset();
}

std::int64_t size_of_folder(const fs::path& folder) {
  return size_of_file(index_path(folder)) + size_of_file(records_path(folder));
}

bool remove_unused(const fs::path& folder) {
  std::error_code error;
  try {
    const auto lock = FileLock::try_lock(use_lock_path(folder), FileLock::Kind::exclusive);
    if (!lock) {
      return false;
    }
    // Out of the way first: who wants the folder now makes a new one.
    const fs::path away = fmt::format("{}.{}.removed", folder.string(), ::getpid());
    fs::rename(folder, away, error);
    return !error && fs::remove_all(away, error) > 0 && !error;
  } catch (const Error&) {
    return false;  // removed by another process, or not ours to remove
  }
}

std::int64_t cache_limit(const fs::path& root) {
  constexpr double kShareOfFreeSpace = 0.5;
  constexpr std::int64_t kMostBytes = std::int64_t{20} << 30;
  std::error_code unknown;
  const auto space = fs::space(root, unknown);
  if (unknown) {
    return kMostBytes;
  }
  std::int64_t used = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root, unknown)) {
    std::error_code gone;
    const auto size = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
    used += gone ? 0 : static_cast<std::int64_t>(size);
  }
  return std::min(kMostBytes,
                  used + static_cast<std::int64_t>(kShareOfFreeSpace * static_cast<double>(space.available)));
}

bool make_room(const fs::path& root, const fs::path& keep, std::int64_t needed, std::int64_t limit) {
  struct Candidate {
    fs::path folder;
    fs::file_time_type used;
    std::int64_t bytes = 0;
  };
  std::vector<Candidate> candidates;
  std::int64_t total = needed;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (entry.is_directory(error)) {
      const std::int64_t bytes = size_of_folder(entry.path());
      total += bytes;
      if (entry.path() != keep) {
        candidates.push_back(
            {.folder = entry.path(), .used = fs::last_write_time(entry.path(), error), .bytes = bytes});
      }
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const auto& a, const auto& b) { return a.used < b.used; });
  for (const Candidate& candidate : candidates) {
    if (total <= limit) {
      break;
    }
    if (remove_unused(candidate.folder)) {
      total -= candidate.bytes;
    }
  }
  return total <= limit;
}

}  // namespace headstart
