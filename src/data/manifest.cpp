// The manifest of a split, and what became of the split since.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/parallel.h"
#include "core/sha256.h"
#include "data/csv.h"
#include "data/labels.h"
#include "data/places.h"
#include "headstart/error.h"
#include "headstart/split.h"
#include "headstart/text.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

struct Listed {
  std::string path;  // relative to the data set, as the manifest has it
  SplitRole part = SplitRole::train;
  std::string label, sha256;
};

Error damaged(const std::string& manifest, const std::string& received) {
  return Error(
      fmt::format("[split] columns path, split, label and sha256 were expected in {}; received {}; delete "
                  "the file if the split no longer matters",
                  manifest, received));
}

std::vector<std::vector<std::string>> rows_of(const std::string& manifest) {
  try {
    return parse_csv(read_csv_text(manifest));
  } catch (const Error& error) {
    throw damaged(manifest, without_tag(error.what()));
  }
}

// Where it would be; it may not be there.
std::string manifest_of(const std::string& data) {
  std::error_code ignored;
  return fs::is_directory(data, ignored) ? (fs::path(data) / "manifest.csv").string() : data;
}

// Nothing without the file, or from a CSV that is no manifest: one without hashes or parts.
std::vector<Listed> listed_in(const std::string& manifest) {
  std::error_code ignored;
  if (!fs::is_regular_file(manifest, ignored)) {
    return {};
  }
  const auto rows = rows_of(manifest);
  if (rows.empty()) {
    return {};
  }
  std::array<std::size_t, 4> columns{};
  constexpr std::array<const char*, 4> kNames{"path", "split", "label", "sha256"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const auto column = column_of(rows.front(), kNames[i]);
    if (!column) {
      return {};
    }
    columns[i] = *column;
  }
  const std::size_t fields = *std::max_element(columns.begin(), columns.end()) + 1;
  std::vector<Listed> files;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    SplitRole part{};
    if (rows[i].size() < fields || !split_role_from(rows[i][columns[1]], part)) {
      throw damaged(manifest, fmt::format("\"{}\" in row {}", fmt::join(rows[i], ","), i + 1));
    }
    files.push_back({rows[i][columns[0]], part, rows[i][columns[2]], lower(rows[i][columns[3]])});
  }
  return files;
}

const char* name_of(SplitRole part) {
  return part == SplitRole::train ? "train" : part == SplitRole::validation ? "validation" : "test";
}

// Of the same content: more than one when the split was told to ignore duplicates.
std::optional<SplitChange> change_of(const SplitPhoto& photo, const std::vector<const Listed*>& same) {
  SplitRole part{};
  split_role_from(photo.split, part);
  const auto in_part = [&](const Listed* file) { return file->part == part; };
  const auto unchanged = [&](const Listed* file) { return in_part(file) && file->label == photo.label; };
  if (std::any_of(same.begin(), same.end(), unchanged)) {
    return std::nullopt;
  }
  const auto found = std::find_if(same.begin(), same.end(), in_part);
  if (found == same.end()) {
    return SplitChange{.kind = SplitChange::Kind::moved,
                       .path = photo.path,
                       .was = name_of(same.front()->part),
                       .is = photo.split};
  }
  return SplitChange{
      .kind = SplitChange::Kind::relabelled, .path = photo.path, .was = (*found)->label, .is = photo.label};
}

std::vector<SplitPhoto> photos_of(const DatasetSplits& splits) {
  std::vector<SplitPhoto> photos;
  const auto add = [&](const Dataset& part, SplitRole role) {
    for (const auto& sample : part.samples) {
      photos.push_back({.path = sample.path,
                        .label = part.class_names.at(static_cast<std::size_t>(sample.label)),
                        .split = name_of(role),
                        .sha256 = ""});
    }
  };
  add(splits.train, SplitRole::train);
  if (splits.validation) {
    add(*splits.validation, SplitRole::validation);
  }
  if (splits.test) {
    add(*splits.test, SplitRole::test);
  }
  return photos;
}

void hash(std::vector<SplitPhoto>& photos, int threads, Progress& progress) {
  constexpr std::size_t kAtOnce = 256;  // between two reports
  progress.begin("comparing with the split's manifest", static_cast<std::int64_t>(photos.size()));
  for (std::size_t first = 0; first < photos.size(); first += kAtOnce) {
    throw_if_stopped();
    const std::size_t count = std::min(kAtOnce, photos.size() - first);
    parallel_for(count, threads, [&](std::size_t i) {
      SplitPhoto& photo = photos[first + i];
      try {
        photo.sha256 = sha256_of_file(photo.path);
      } catch (const Error&) {
        photo.sha256.clear();
      }
    });
    progress.advance(static_cast<std::int64_t>(first + count));
  }
  progress.end();
}

// `data`: as its photos' paths were made.
std::vector<SplitChange> changes_since(const std::vector<Listed>& listed, const std::string& data,
                                       const std::vector<SplitPhoto>& photos) {
  std::map<std::string, std::vector<const Listed*>> by_hash;
  std::set<std::string> paths, unhashed, met_paths, met_hashes;
  for (const auto& file : listed) {
    if (file.sha256.empty()) {
      unhashed.insert(file.path);
    } else {
      by_hash[file.sha256].push_back(&file);
      paths.insert(file.path);
    }
  }
  std::vector<SplitChange> changes;
  for (const auto& photo : photos) {
    const std::string path = path_in_data(data, photo.path);
    if (photo.sha256.empty()) {
      continue;
    }
    met_paths.insert(path);
    met_hashes.insert(photo.sha256);
    if (unhashed.contains(path)) {
      continue;
    }
    if (const auto same = by_hash.find(photo.sha256); same == by_hash.end()) {
      const auto kind = paths.contains(path) ? SplitChange::Kind::changed : SplitChange::Kind::added;
      changes.push_back({.kind = kind, .path = photo.path, .was = "", .is = ""});
    } else if (auto change = change_of(photo, same->second)) {
      changes.push_back(std::move(*change));
    }
  }
  for (const auto& file : listed) {
    if (!met_hashes.contains(file.sha256) && !met_paths.contains(file.path)) {
      changes.push_back({.kind = SplitChange::Kind::missing, .path = file.path, .was = "", .is = ""});
    }
  }
  return changes;
}

}  // namespace

std::string to_string(SplitChange::Kind kind) {
  switch (kind) {
    case SplitChange::Kind::moved:
      return "moved";
    case SplitChange::Kind::relabelled:
      return "with another label";
    case SplitChange::Kind::changed:
      return "with another content";
    case SplitChange::Kind::added:
      return "added";
    case SplitChange::Kind::missing:
      return "missing";
  }
  throw Error("[split] a known change was expected; received another value");
}

std::vector<SplitChange> changes_since_split(const std::string& data, const std::vector<SplitPhoto>& photos) {
  const auto listed = listed_in(manifest_of(data));
  return listed.empty() ? std::vector<SplitChange>{} : changes_since(listed, data, photos);
}

void require_same_split(const std::string& data, const DatasetSplits& splits, int threads,
                        Progress& progress) {
  const auto manifest = manifest_of(data);
  const auto listed = listed_in(manifest);
  if (listed.empty()) {
    return;
  }
  std::vector<SplitPhoto> photos = photos_of(splits);
  hash(photos, threads, progress);
  std::map<SplitChange::Kind, std::vector<SplitChange>> by_kind;
  for (auto& change : changes_since(listed, data, photos)) {
    by_kind[change.kind].push_back(std::move(change));
  }
  if (const auto& moved = by_kind[SplitChange::Kind::moved]; !moved.empty()) {
    const bool one = moved.size() == 1;
    throw Error(fmt::format(
        "[split] the parts of {} were expected; received {} in another than it was, {} first ({}, was {}): "
        "a model would be measured on what it was trained on; move {} back, or delete the manifest to start "
        "anew",
        manifest, one ? "a photo" : fmt::format("{} photos", moved.size()), moved.front().path,
        moved.front().is, moved.front().was, one ? "it" : "them"));
  }
  std::vector<std::string> notes;
  for (const auto& [kind, changes] : by_kind) {
    if (!changes.empty()) {
      notes.push_back(fmt::format("{} {}", changes.size(), to_string(kind)));
    }
  }
  if (!notes.empty()) {
    progress.message(fmt::format("since the split was made: {}", fmt::join(notes, ", ")));
  }
}

}  // namespace headstart
