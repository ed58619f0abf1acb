// Decisions about labels to renamed files or a rewritten CSV: everything is checked first, then done.
#include "data/relabel.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "core/files.h"
#include "core/sha256.h"
#include "data/class_folders.h"
#include "data/csv.h"
#include "data/places.h"
#include "headstart/error.h"
#include "headstart/progress.h"
#include "headstart/relabel.h"
#include "headstart/text.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

struct KnownPicture {
  std::string label;
  bool training = false;
};

// What the data has now. A CSV may name a picture twice.
struct KnownData {
  std::multimap<std::string, KnownPicture> pictures;  // by normal path
  std::vector<std::string> classes;
  std::map<std::string, std::int64_t> training;  // images of each class
};

std::string normal(const fs::path& path) { return path.lexically_normal().string(); }

KnownData known_data(const std::string& data) {
  const DatasetSplits splits = read_dataset(data);
  KnownData known{.pictures = {}, .classes = splits.train.class_names, .training = {}};
  const auto add = [&known](const Dataset& part, bool training) {
    for (const auto& sample : part.samples) {
      const std::string& label = part.class_names.at(static_cast<std::size_t>(sample.label));
      known.pictures.emplace(normal(sample.path), KnownPicture{label, training});
      known.training[label] += training ? 1 : 0;
    }
  };
  add(splits.train, true);
  for (const auto* part : {&splits.validation, &splits.test}) {
    if (*part) {
      add(**part, false);
    }
  }
  return known;
}

// The change that a decision asks for, counted in `known.training`.
LabelChange change_of(const LabelDecision& decision, const std::string& data, KnownData& known) {
  auto [begin, end] = known.pictures.equal_range(normal(place_of_data(data) / decision.path));
  if (begin == end) {
    std::tie(begin, end) = known.pictures.equal_range(normal(decision.path));
  }
  if (begin == end) {
    throw Error(
        fmt::format("[relabel] a picture of {} was expected, its path relative to that; received \"{}\"",
                    data, decision.path));
  }
  LabelChange change{.path = path_in_data(data, begin->first),
                     .given = decision.given.empty() ? begin->second.label : decision.given};
  if (decision.action == LabelAction::relabel) {
    change.label = decision.suggested;
    if (std::find(known.classes.begin(), known.classes.end(), change.label) == known.classes.end()) {
      throw Error(fmt::format("[relabel] a class of {} was expected for {}; received \"{}\"{}", data,
                              decision.path, change.label, did_you_mean(change.label, known.classes)));
    }
  }
  bool found = false;
  for (auto picture = begin; picture != end; ++picture) {
    if (picture->second.label == change.given) {
      found = true;
      if (picture->second.training) {
        --known.training[change.given];
        if (!change.label.empty()) {
          ++known.training[change.label];
        }
      }
    }
  }
  if (!found) {
    throw Error(
        fmt::format("[relabel] the label that {} has now was expected, \"{}\"; received \"{}\"; the list is "
                    "older than the data",
                    decision.path, begin->second.label, decision.given));
  }
  return change;
}

// Where the class stands among the folders of a path: after that of the part, when the data has parts.
std::size_t class_position(const fs::path& place) { return split_folders(place).empty() ? 0 : 1; }

fs::path target_of(const LabelChange& change, const std::string& relative, std::size_t class_at) {
  if (change.label.empty()) {
    return relative;
  }
  fs::path target;
  std::size_t position = 0;
  for (const auto& name : fs::path(relative)) {
    target /= position++ == class_at ? fs::path(change.label) : name;
  }
  return target;
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

// The path, or the same with a number, that neither the disk nor another change has.
fs::path free_name(const fs::path& folder, const fs::path& wanted, std::set<fs::path>& taken) {
  fs::path target = wanted;
  for (int number = 2; is_there(folder / target) || !taken.insert(folder / target).second; ++number) {
    target = wanted.parent_path() /
             fmt::format("{}_{}{}", wanted.stem().string(), number, wanted.extension().string());
  }
  return target;
}

// The folder, or the nearest above it that exists.
fs::path existing(fs::path folder) {
  while (!is_there(folder) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return folder.empty() ? fs::path(".") : folder;
}

dev_t require_writable(const fs::path& folder) {
  struct stat status {};
  if (::access(folder.c_str(), W_OK | X_OK) != 0 || ::stat(folder.c_str(), &status) != 0) {
    throw Error(
        fmt::format("[relabel] a folder that can be written was expected; received {}", folder.string()));
  }
  return status.st_dev;
}

void require_movable(const fs::path& from, const fs::path& to) {
  if (require_writable(from.parent_path()) != require_writable(existing(to.parent_path()))) {
    throw Error(fmt::format("[relabel] both places on one file system were expected; received {} and {}",
                            from.string(), to.string()));
  }
}

void set_targets(RelabelPlan& plan) {
  const fs::path place = place_of_data(plan.data);
  const fs::path removed = removed_folder(plan.data);
  const std::size_t class_at = class_position(place);
  std::set<fs::path> taken;
  for (auto& change : plan.changes) {
    const fs::path folder = change.label.empty() ? removed : place;
    const fs::path target = free_name(folder, target_of(change, change.path, class_at), taken);
    require_movable(place / change.path, folder / target);
    change.target = target.string();
  }
}

bool is_folder(const std::string& data) {
  std::error_code error;
  return fs::is_directory(data, error);
}

void write_folder_undo(const RelabelPlan& plan, const fs::path& undo) {
  write_file_atomically(undo.string(), [&](std::ostream& out) {
    out << kFolderUndo << '\n';
    for (const auto& change : plan.changes) {
      fmt::print(out, "{},{},{}\n", change.label.empty() ? "remove" : "relabel", csv_field(change.path),
                 csv_field(change.target));
    }
  });
}

void count(const LabelChange& change, Relabelled& result) {
  ++(change.label.empty() ? result.removed : result.relabelled);
}

void move_files(const RelabelPlan& plan, Relabelled& result) {
  const fs::path place = place_of_data(plan.data);
  const fs::path removed = removed_folder(plan.data);
  write_folder_undo(plan, result.undo);
  try {
    for (const auto& change : plan.changes) {
      if (stop_requested()) {
        result.interrupted = true;
        return;
      }
      const fs::path target = (change.label.empty() ? removed : place) / change.target;
      fs::create_directories(target.parent_path());
      rename_to_new((place / change.path).string(), target.string());
      count(change, result);
    }
  } catch (const std::exception& error) {
    throw Error(fmt::format(
        "[relabel] {}; {} of {} files were moved; `headstart relabel {} --undo {}` puts them back",
        without_tag(error.what()), result.relabelled + result.removed, plan.changes.size(), plan.data,
        result.undo));
  }
}

void rewrite_csv(const RelabelPlan& plan, Relabelled& result) {
  std::map<std::pair<std::string, std::string>, const LabelChange*> changes;
  const fs::path place = place_of_data(plan.data);
  for (const auto& change : plan.changes) {
    changes.emplace(std::pair(normal(place / change.path), change.given), &change);
  }
  const std::string before = read_csv_text(plan.data);
  const std::string after =
      relabelled_csv(plan.data, before, [&](const std::string& path, const std::string& label) -> CsvChange {
        const auto found = changes.find({normal(path), label});
        if (found == changes.end()) {
          return {};
        }
        return {.drop = found->second->label.empty(), .label = found->second->label};
      });
  const std::string hash = sha256_hex({reinterpret_cast<const std::uint8_t*>(after.data()), after.size()});
  write_file_atomically(result.undo, kCsvUndo + hash + '\n' + before);
  write_file_atomically(plan.data, after);
  for (const auto& change : plan.changes) {
    count(change, result);
  }
}

}  // namespace

fs::path removed_folder(const std::string& data) {
  const fs::path folder = fs::canonical(place_of_data(data));
  if (!folder.has_filename()) {
    throw Error("[relabel] a folder of class folders was expected; received the root of the file system");
  }
  return folder.parent_path() / (folder.filename().string() + ".removed");
}

fs::path new_undo_file(const std::string& data) {
  const fs::path base = fs::canonical(is_folder(data) ? place_of_data(data) : fs::path(data));
  const std::string name = is_folder(data) ? base.filename().string() : base.stem().string();
  fs::path undo = base.parent_path() / (name + ".undo.csv");
  for (int number = 2; is_there(undo); ++number) {
    undo = base.parent_path() / fmt::format("{}.undo_{}.csv", name, number);
  }
  return undo;
}

RelabelPlan plan_relabel(const std::string& data, const std::vector<LabelDecision>& list) {
  KnownData known = known_data(data);
  RelabelPlan plan{.data = data};
  std::set<std::string> named;
  for (const auto& decision : list) {
    if (decision.action == LabelAction::undecided || decision.action == LabelAction::keep ||
        (decision.action == LabelAction::relabel && decision.suggested == decision.given)) {
      continue;
    }
    plan.changes.push_back(change_of(decision, data, known));
    if (!named.insert(plan.changes.back().path).second) {
      throw Error(fmt::format("[relabel] every picture once was expected; received {} twice", decision.path));
    }
  }
  for (const auto& [label, images] : known.training) {
    if (images < 1) {
      throw Error(fmt::format(
          "[relabel] a training picture of every class was expected; \"{}\" would have none left", label));
    }
  }
  if (is_folder(data)) {
    set_targets(plan);
  } else {
    require_writable(existing(fs::absolute(data).parent_path()));
  }
  return plan;
}

Relabelled apply_relabel(const RelabelPlan& plan) {
  Relabelled result;
  if (plan.changes.empty()) {
    return result;
  }
  result.undo = new_undo_file(plan.data).string();
  is_folder(plan.data) ? move_files(plan, result) : rewrite_csv(plan, result);
  return result;
}

}  // namespace headstart
