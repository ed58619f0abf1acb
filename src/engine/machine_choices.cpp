#include "engine/machine_choices.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/sha256.h"
#include "engine/compiled_for_threads.h"
#include "engine/onednn.h"
#include "headstart/error.h"
#include "headstart/versions.h"

namespace headstart {
namespace {

using Choices = std::map<std::string, std::string>;
using Json = nlohmann::ordered_json;

// Another has to take less than this part of the first one's time.
constexpr double kClearly = 0.93;
constexpr int kFewestRounds = 4, kMostRounds = 9;
constexpr double kLongEnough = 0.1;  // seconds of timing
constexpr std::uint64_t kLargestFile = 1 << 22;

// Other code in the programs makes old choices stale.
constexpr int kEdition = 1;

// What the choices depend on.
std::string machine() {
  std::string result = fmt::format("edition {}, oneDNN {}, isa {}", kEdition, onednn_version(),
                                   static_cast<int>(dnnl::get_effective_cpu_isa()));
#ifdef __SANITIZE_ADDRESS__
  result += ", sanitized";
#endif
#ifndef __OPTIMIZE__
  result += ", not optimized";
#endif
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line) && !line.empty();) {
    for (const auto* field : {"vendor_id", "cpu family", "model", "stepping", "cache size"}) {
      if (line.starts_with(field)) {
        result += ", " + line;
        break;
      }
    }
  }
  return result;
}

Choices read_choices(const std::string& path) {
  Choices result;
  try {
    const auto bytes = read_file(path, kLargestFile);
    const auto json = Json::parse(bytes, nullptr, false);
    if (!json.is_object()) {
      return {};
    }
    for (const auto& [work, name] : json.items()) {
      if (name.is_string()) {
        result.emplace(work, name.get<std::string>());
      }
    }
  } catch (const Error&) {
    return {};  // it is not there
  }
  return result;
}

// Of this thread, without those in which others had its core.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds_of(const std::function<void()>& work) {
  const double start = processor_seconds();
  work();
  return processor_seconds() - start;
}

// The least of several runs: other load on the machine only adds.
std::vector<double> measured(std::span<const Alternative> alternatives) {
  const CompiledForThreads one(1);
  std::vector<std::function<void()>> works;
  for (const auto& alternative : alternatives) {
    works.push_back(alternative.prepare());
    if (works.back()) {
      works.back()();
    }
  }
  std::vector<double> least(works.size(), std::numeric_limits<double>::infinity());
  double total = 0.0;
  for (int round = 0; round < kFewestRounds || (round < kMostRounds && total < kLongEnough); ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      if (works[i]) {
        const double seconds = seconds_of(works[i]);
        total += seconds;
        least[i] = std::min(least[i], seconds * alternatives[i].times);
      }
    }
  }
  return least;
}

}  // namespace

MachineChoices& MachineChoices::here() {
  static std::mutex mutex;
  static std::map<std::string, MachineChoices> by_path;
  static const std::string name = [] {
    Sha256 hash;
    hash.update_text(machine());
    return hash.hex().substr(0, 16) + ".json";
  }();
  const std::lock_guard lock(mutex);
  const std::string path = cache_directory() / "choices" / name;
  return by_path.try_emplace(path, path).first->second;
}

MachineChoices::MachineChoices(std::string path) : path_(std::move(path)), choices_(read_choices(path_)) {}

std::size_t MachineChoices::choose(const std::string& work, std::span<const Alternative> alternatives) {
  const std::lock_guard lock(mutex_);
  if (const auto known = choices_.find(work); known != choices_.end()) {
    const auto named = std::ranges::find(alternatives, known->second, &Alternative::name);
    if (named != alternatives.end()) {
      return static_cast<std::size_t>(named - alternatives.begin());
    }
  }
  const auto seconds = measured(alternatives);
  const auto fastest = std::ranges::min_element(seconds);
  const std::size_t chosen =
      *fastest < kClearly * seconds.front() ? static_cast<std::size_t>(fastest - seconds.begin()) : 0;
  choices_[work] = alternatives[chosen].name;
  new_.insert(work);
  return chosen;
}

void MachineChoices::save() {
  const std::lock_guard lock(mutex_);
  if (new_.empty()) {
    return;
  }
  auto all = read_choices(path_);
  for (const auto& work : new_) {
    all[work] = choices_[work];
  }
  new_.clear();
  try {
    std::error_code ignored;  // the writing says it too
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
    write_file_atomically(path_, Json(all).dump(2) + '\n');
  } catch (const Error&) {
    return;  // without a place for a cache
  }
}

}  // namespace headstart
