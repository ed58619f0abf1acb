// `headstart cache`: what is kept on disk between runs, and how to be rid of it.
#include "headstart/cache.h"

#include <memory>

#include <fmt/format.h>

#include "commands.h"
#include "headstart/progress.h"
#include "output.h"

namespace headstart::app {
namespace {

struct CacheOptions {
  bool clear = false, weights = false, json = false;
};

const char* kind_name(const CacheEntry& entry) {
  switch (entry.kind) {
    case CacheEntry::Kind::features:
      return "features";
    case CacheEntry::Kind::weights:
      return "weights";
    case CacheEntry::Kind::choices:
      return "choices";
  }
  return "";
}

std::string megabytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::int64_t bytes_of(const std::vector<CacheEntry>& entries, CacheEntry::Kind kind) {
  std::int64_t bytes = 0;
  for (const auto& entry : entries) {
    bytes += entry.kind == kind ? entry.bytes : 0;
  }
  return bytes;
}

void print_entries(const std::vector<CacheEntry>& entries, bool as_json) {
  const auto features = bytes_of(entries, CacheEntry::Kind::features);
  const auto weights = bytes_of(entries, CacheEntry::Kind::weights);
  if (as_json) {
    Json list = Json::array();
    for (const auto& entry : entries) {
      list.push_back({{"kind", kind_name(entry)},
                      {"path", entry.path},
                      {"bytes", entry.bytes},
                      {"days_since_use", entry.days_since_use}});
    }
    print_json({{"folder", cache_folder()},
                {"feature_bytes", features},
                {"feature_limit_bytes", feature_cache_limit()},
                {"weight_bytes", weights},
                {"entries", list}});
    return;
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(entries.size());
  for (const auto& entry : entries) {
    rows.push_back(
        {kind_name(entry), megabytes(entry.bytes), fmt::format("{:.1f}", entry.days_since_use), entry.path});
  }
  print_table({{"kind"}, {"size", Align::right}, {"days unused", Align::right}, {"path"}}, rows);
  fmt::print("features {} of at most {}; weights {}; in {}\n", megabytes(features),
             megabytes(feature_cache_limit()), megabytes(weights), cache_folder());
}

void clear(const std::vector<CacheEntry>& entries, bool weights, Outcome& outcome) {
  std::int64_t bytes = 0;
  for (const auto& entry : entries) {
    if (entry.kind == CacheEntry::Kind::weights && !weights) {
      continue;
    }
    if (remove_cache_entry(entry)) {
      bytes += entry.bytes;
    } else {
      make_console_progress()->message(fmt::format("in use, left: {}", entry.path));
      outcome.exit_status = 1;
    }
  }
  fmt::print("removed {}\n", megabytes(bytes));
}

}  // namespace

void add_cache(CLI::App& program, Outcome& outcome) {
  auto* command = program.add_subcommand("cache", "What is kept on disk between runs");
  auto options = std::make_shared<CacheOptions>();
  command->add_flag(
      "--clear", options->clear,
      "Remove the features of pictures and what was measured of this machine; both are made again");
  command->add_flag("--weights", options->weights, "With --clear: downloaded weights too");
  command->add_flag("--json", options->json, "One JSON document");
  command->footer("Examples:\n  headstart cache\n  headstart cache --clear");
  command->callback([options, &outcome] {
    const auto entries = cache_entries();
    if (options->clear) {
      clear(entries, options->weights, outcome);
    } else {
      print_entries(entries, options->json);
    }
  });
}

}  // namespace headstart::app
