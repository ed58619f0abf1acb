// Downloads of published weights into the cache, and the caches that users already have.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>

#include "core/file_lock.h"
#include "core/files.h"
#include "core/md5.h"
#include "core/sha256.h"
#include "headstart/error.h"
#include "headstart/weights.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

fs::path own_folder() { return cache_directory() / "weights"; }

fs::path environment_or(const char* variable, const fs::path& otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? fs::path(value) : otherwise;
}

fs::path home() { return environment_or("HOME", "."); }

// The Hugging Face cache keeps files as hub/models--owner--name/snapshots/<revision>/<file>.
void add_hugging_face(const std::string& file_name, std::vector<fs::path>& candidates) {
  const auto hub = environment_or("HF_HOME", home() / ".cache" / "huggingface") / "hub";
  std::error_code failure;
  for (const auto& model : fs::directory_iterator(hub, failure)) {
    for (const auto& snapshot : fs::directory_iterator(model.path() / "snapshots", failure)) {
      candidates.push_back(snapshot.path() / file_name);
    }
  }
}

// Under its name in caches, and under the published one for who fetched it by hand.
std::vector<fs::path> candidates(const WeightSource& source) {
  std::vector<fs::path> result;
  for (const auto& name : std::set{source.file_name, source.url.substr(source.url.rfind('/') + 1)}) {
    if (name.empty()) {
      continue;
    }
    result.push_back(own_folder() / name);
    result.push_back(environment_or("KERAS_HOME", home() / ".keras") / "models" / name);
    result.push_back(environment_or("TORCH_HOME", home() / ".cache" / "torch") / "hub" / "checkpoints" /
                     name);
    add_hugging_face(name, result);
  }
  return result;
}

// What the file's checksum is, computed as `expected` was; empty when there is nothing to compare with.
std::string checksum_like(const std::string& expected, const std::string& path) {
  constexpr std::size_t kMd5Digits = 32;
  if (expected.empty()) {
    return {};
  }
  return expected.size() == kMd5Digits ? md5_of_file(path) : sha256_of_file(path).substr(0, expected.size());
}

struct Transfer {
  std::FILE* file = nullptr;
  Progress* progress = nullptr;
  std::int64_t resumed_at = 0;
  bool announced = false;
  std::string name;
};

std::size_t write_body(char* data, std::size_t size, std::size_t count, void* user) {
  return std::fwrite(data, size, count, static_cast<Transfer*>(user)->file) * size;
}

int report_progress(void* user, curl_off_t total, curl_off_t now, curl_off_t /*upload*/,
                    curl_off_t /*uploaded*/) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (total > 0 && !transfer.announced) {
    transfer.announced = true;
    transfer.progress->begin("Downloading " + transfer.name, transfer.resumed_at + total);
  }
  if (transfer.announced) {
    transfer.progress->advance(transfer.resumed_at + now);
  }
  return stop_requested() ? 1 : 0;
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

void set_options(CURL* curl, const std::string& url, Transfer& transfer, char* message) {
  constexpr long kSecondsToConnect = 20;
  constexpr long kStalledSeconds = 60;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kSecondsToConnect);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStalledSeconds);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

enum class Outcome { done, cannot_resume, wrong_length, failed };

// Whether `part` is as long as the server said, `resumed_at` bytes and its answer; more was written by
// another process, where the file system has no locks.
bool has_announced_length(CURL* curl, const std::string& part, std::int64_t resumed_at, std::string& reason) {
  curl_off_t answer = -1;
  curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &answer);
  std::error_code failure;
  const auto size = static_cast<std::int64_t>(fs::file_size(part, failure));
  if (!failure && (answer < 0 || size == resumed_at + answer)) {
    return true;
  }
  reason = failure ? fmt::format("{} is gone", part)
                   : fmt::format("expected {} bytes in {}; received {}", resumed_at + answer, part, size);
  return false;
}

// Appends to `part` from its present length. `reason` gets what went wrong.
Outcome transfer_to(const std::string& part, const WeightSource& source, Progress& progress,
                    std::string& reason) {
  std::error_code absent;
  const auto size = fs::file_size(part, absent);
  Transfer transfer{.progress = &progress,
                    .resumed_at = absent ? 0 : static_cast<std::int64_t>(size),
                    .name = source.file_name};
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(part.c_str(), "ab"));
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!file || !curl) {
    reason = fmt::format("cannot write {}", part);
    return Outcome::failed;
  }
  transfer.file = file.get();
  char message[CURL_ERROR_SIZE] = "";
  set_options(curl.get(), source.url, transfer, message);
  curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.resumed_at));
  const auto result = curl_easy_perform(curl.get());
  if (transfer.announced) {
    progress.end();
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  constexpr long kRangeNotSatisfiable = 416;
  if (transfer.resumed_at > 0 && (result == CURLE_RANGE_ERROR || status == kRangeNotSatisfiable)) {
    return Outcome::cannot_resume;
  }
  if (result == CURLE_OK && std::fflush(file.get()) == 0) {
    return has_announced_length(curl.get(), part, transfer.resumed_at, reason) ? Outcome::done
                                                                               : Outcome::wrong_length;
  }
  reason = *message != '\0' ? message : curl_easy_strerror(result);
  return Outcome::failed;
}

// Two processes that append to one .part would spoil it. Empty where the folder or its file system has no
// locks: then writing fails too, or the length tells of the other.
std::optional<FileLock> lock_download(const std::string& path, const std::string& file_name,
                                      Progress& progress) {
  try {
    auto lock = FileLock::try_lock(path, FileLock::Kind::exclusive);
    if (!lock) {
      progress.message(fmt::format("waiting for another process that downloads {}", file_name));
      lock = FileLock::lock(path, FileLock::Kind::exclusive);
    }
    return lock;
  } catch (const Error&) {
    throw_if_stopped();
    return std::nullopt;
  }
}

[[noreturn]] void throw_unavailable(const WeightSource& source, const std::string& reason) {
  throw Error(fmt::format("[download] cannot fetch {}: {}; download it elsewhere and put it at {}",
                          source.url, reason, (own_folder() / source.file_name).string()));
}

}  // namespace

std::optional<std::string> find_cached_weights(const WeightSource& source) {
  for (const auto& path : candidates(source)) {
    std::error_code failure;
    if (fs::is_regular_file(path, failure) &&
        checksum_like(source.checksum, path.string()) == source.checksum) {
      return path.string();
    }
  }
  return std::nullopt;
}

std::string fetch_weights(const WeightSource& source, Progress& progress) {
  if (const auto cached = find_cached_weights(source)) {
    return *cached;
  }
  std::error_code failure;
  fs::create_directories(own_folder(), failure);
  auto path = (own_folder() / source.file_name).string();
  const auto lock = lock_download(path + ".lock", source.file_name, progress);
  if (const auto cached = find_cached_weights(source)) {  // another process has fetched it meanwhile
    return *cached;
  }
  const auto part = path + ".part";
  const bool resuming = fs::file_size(part, failure) > 0 && !failure;
  std::string reason;
  auto outcome = transfer_to(part, source, progress, reason);
  auto checksum = outcome == Outcome::done ? checksum_like(source.checksum, part) : std::string{};
  const bool spoilt = outcome == Outcome::cannot_resume || outcome == Outcome::wrong_length ||
                      (outcome == Outcome::done && checksum != source.checksum);
  if (resuming && spoilt) {
    fs::remove(part, failure);
    outcome = transfer_to(part, source, progress, reason);
    checksum = outcome == Outcome::done ? checksum_like(source.checksum, part) : std::string{};
  }
  if (outcome != Outcome::done) {
    if (outcome == Outcome::wrong_length || fs::file_size(part, failure) == 0) {
      fs::remove(part, failure);
    }
    throw_unavailable(source, reason);
  }
  if (checksum != source.checksum) {
    fs::remove(part, failure);
    throw Error(
        fmt::format("[download] expected the checksum {} of {}; received {}; the download was discarded, try "
                    "again",
                    source.checksum, source.url, checksum));
  }
  fs::rename(part, path, failure);
  if (failure) {
    throw Error(fmt::format("[download] cannot move {} to {}: {}", part, path, failure.message()));
  }
  return path;
}

}  // namespace headstart
