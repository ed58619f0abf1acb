// Writing and reading a run's folder; every file is replaced atomically.
#include "train/run_files.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/sha256.h"
#include "core/temporary_files.h"
#include "data/csv.h"
#include "headstart/error.h"
#include "weights/ranges_json.h"
#include "weights/safe_json.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kCurrent = "current/";
constexpr const char* kBest = "best/";
constexpr const char* kAverage = "average/";
constexpr const char* kOptimizer = "optimizer/";
constexpr const char* kHeldOut = "held_out.csv";
constexpr const char* kConfig = "config.json";

fs::path checkpoint_folder(const std::string& directory) { return fs::path(directory) / "checkpoint"; }

fs::path checkpoint_path(const std::string& directory) {
  return checkpoint_folder(directory) / "state.safetensors";
}

std::string full_path(const Sample& sample) { return fs::absolute(sample.path).lexically_normal().string(); }

// Empty for a photo that cannot be read.
std::string hash_of_photo(const Sample& sample) {
  try {
    return sha256_of_file(sample.path);
  } catch (const Error&) {
    return "";
  }
}

// The samples that held_out.csv lists, in its order: by their paths, or, where none is there, as the data
// were moved or copied, those of the same name and content.
std::vector<std::size_t> held_out_samples(const Dataset& photos, const fs::path& list) {
  const auto rows = parse_csv(read_csv_text(list.string()));
  std::map<std::string, std::size_t> by_path;
  std::multimap<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < photos.samples.size(); ++i) {
    by_path.emplace(full_path(photos.samples[i]), i);
    by_name.emplace(fs::path(photos.samples[i].path).filename().string(), i);
  }
  std::vector<std::size_t> found;
  for (std::size_t row = 1; row < rows.size(); ++row) {
    if (const auto sample = by_path.find(rows[row].front()); sample != by_path.end()) {
      found.push_back(sample->second);
    }
  }
  if (!found.empty()) {
    return found;
  }
  for (std::size_t row = 1; row < rows.size(); ++row) {
    const auto [begin, end] = by_name.equal_range(fs::path(rows[row].front()).filename().string());
    const auto sample = std::find_if(begin, end, [&](const auto& one) {
      return rows[row].size() > 1 && !rows[row][1].empty() &&
             hash_of_photo(photos.samples[one.second]) == rows[row][1];
    });
    if (sample != end) {
      found.push_back(sample->second);
      by_name.erase(sample);
    }
  }
  return found;
}

}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EpochRecord, epoch, stage, loss, accuracy, val_loss, val_accuracy,
                                   learning_rate, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunState, stage, stage_epochs_done, stage_done, step, history, best_epoch,
                                   epochs_since_best, plateaus, epochs_on_plateau, optimizer_iterations)

void save_checkpoint(const std::string& directory, const RunState& state, const TensorList& current,
                     const Parameters& optimizer, const std::string& fingerprint) {
  TensorList tensors;
  for (const auto& [name, tensor] : current) {
    tensors.emplace_back(kCurrent + name, tensor);
  }
  append(tensors, kBest, state.best);
  append(tensors, kAverage, state.average);
  append(tensors, kOptimizer, optimizer);
  const fs::path path = checkpoint_path(directory);
  fs::create_directories(path.parent_path());
  write_safetensors(path.string(), tensors,
                    {{"state", json(state).dump()},
                     {"best_ranges", to_json(state.best_ranges)},
                     {"fingerprint", fingerprint}});
}

std::optional<Checkpoint> load_checkpoint(const std::string& directory, const std::string& fingerprint) {
  const std::string path = checkpoint_path(directory).string();
  if (!fs::exists(path)) {
    return std::nullopt;
  }
  const MappedFile file(path);
  Safetensors saved = read_safetensors({.data = file.data(), .size = file.size()});
  if (saved.metadata["fingerprint"] != fingerprint) {
    throw Error(fmt::format(
        "[resume] expected the options, network, data and weights of the run in {}; received others; "
        "repeat its command with --resume, or "
        "choose another --out",
        directory));
  }
  try {
    Checkpoint checkpoint{
        .state = json::parse(saved.metadata["state"]).get<RunState>(), .current = {}, .optimizer = {}};
    RunState& state = checkpoint.state;
    state.best_ranges = ranges_from_json(saved.metadata["best_ranges"], "resume");
    for (auto& [name, tensor] : saved.tensors) {
      for (const auto& [prefix, target] : {std::pair<std::string, Parameters*>{kCurrent, &checkpoint.current},
                                           {kBest, &state.best},
                                           {kAverage, &state.average},
                                           {kOptimizer, &checkpoint.optimizer}}) {
        if (name.starts_with(prefix)) {
          target->insert(name.substr(prefix.size()), tensor);
        }
      }
    }
    return checkpoint;
  } catch (const json::exception& error) {
    throw Error(fmt::format("[resume] {} is damaged ({}); remove it to begin anew", path, error.what()));
  }
}

void write_history(const std::string& directory, const std::vector<EpochRecord>& history) {
  write_file_atomically((fs::path(directory) / "history.csv").string(), [&](std::ostream& out) {
    out << "epoch,stage,loss,accuracy,val_loss,val_accuracy,lr,seconds\n";
    for (const EpochRecord& r : history) {
      out << fmt::format("{},{},{:.6f},{:.6f},{:.6f},{:.6f},{:.6g},{:.3f}\n", r.epoch, r.stage, r.loss,
                         r.accuracy, r.val_loss, r.val_accuracy, r.learning_rate, r.seconds);
    }
  });
}

void create_run_folder(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    throw Error(fmt::format("[train] expected to create {}; received \"{}\"", directory, error.message()));
  }
}

FileLock lock_run_folder(const std::string& directory) {
  const fs::path folder = checkpoint_folder(directory);
  create_run_folder(folder.string());
  auto held = FileLock::try_lock(folder / "lock", FileLock::Kind::exclusive);
  if (!held) {
    throw Error(
        fmt::format("[train] expected a folder that no other run is writing to; received {}; wait for that "
                    "run or choose another --out",
                    directory));
  }
  for (const char* name : {"model.safetensors", "history.csv", kConfig, kHeldOut}) {
    remove_killed_writes(fs::path(directory) / name);
    remove_killed_writes(folder / name);
  }
  remove_killed_writes(checkpoint_path(directory));
  return std::move(*held);
}

void write_config(const std::string& directory, const TrainOptions& options, const std::string& subcommand) {
  const json config = {
      {"subcommand", subcommand}, {"command", options.command}, {"train", json::parse(to_json(options))}};
  write_file_atomically((fs::path(directory) / kConfig).string(), config.dump(2) + "\n");
}

void write_held_out(const std::string& directory, const Dataset* held_out) {
  const fs::path path = fs::path(directory) / kHeldOut;
  if (held_out == nullptr) {
    fs::remove(path);
    return;
  }
  write_file_atomically(path.string(), [&](std::ostream& out) {
    out << "path,sha256\n";
    for (const Sample& sample : held_out->samples) {
      out << csv_field(full_path(sample)) << ',' << hash_of_photo(sample) << '\n';
    }
  });
}

std::string folder_of_description(const std::string& directory) {
  const fs::path waiting = checkpoint_folder(directory);
  for (const char* name : {kConfig, kHeldOut}) {
    fs::remove(waiting / name);
  }
  return fs::exists(model_path(directory)) ? waiting.string() : directory;
}

void publish_description(const std::string& directory) {
  const fs::path waiting = checkpoint_folder(directory), folder = directory;
  if (!fs::exists(waiting / kConfig)) {
    return;
  }
  if (fs::exists(waiting / kHeldOut)) {
    fs::rename(waiting / kHeldOut, folder / kHeldOut);
  } else {
    fs::remove(folder / kHeldOut);
  }
  fs::rename(waiting / kConfig, folder / kConfig);
}

void remove_leftovers(const std::string& directory) {
  for (const char* name : {"history.csv", "report.html", "model_card.md"}) {
    fs::remove(fs::path(directory) / name);
  }
  fs::remove(checkpoint_path(directory));
}

std::optional<DatasetSplits> as_run_divided(const std::string& run, const DatasetSplits& data) {
  const fs::path folder = fs::is_directory(run) ? fs::path(run) : fs::path(run).parent_path();
  const fs::path path = folder / kHeldOut;
  if (data.validation || !fs::exists(run) || !fs::exists(path)) {
    return std::nullopt;
  }
  DatasetSplits divided;
  divided.train.class_names = data.train.class_names;
  divided.train.label_sets = data.train.label_sets;
  divided.test = data.test;
  divided.validation.emplace().class_names = data.train.class_names;
  divided.validation->label_sets = data.train.label_sets;
  std::set<std::size_t> held_out;
  for (const std::size_t sample : held_out_samples(data.train, path)) {  // as validation_logits have them
    divided.validation->samples.push_back(data.train.samples[sample]);
    held_out.insert(sample);
  }
  for (std::size_t i = 0; i < data.train.samples.size(); ++i) {
    if (!held_out.contains(i)) {
      divided.train.samples.push_back(data.train.samples[i]);
    }
  }
  return divided.validation->samples.empty() ? std::nullopt : std::optional(std::move(divided));
}

std::optional<RunConfig> read_run_config(const std::string& directory) {
  constexpr const char* kTag = "config";
  constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 24;
  const std::string path = (fs::path(directory) / kConfig).string();
  if (!fs::exists(path)) {
    return std::nullopt;
  }
  const auto bytes = read_file(path, kMaximumBytes);
  const json document = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, kTag);
  RunConfig config{.train = train_options_from_json(json_member(document, "train", kTag).dump())};
  const json& command = json_member(document, "command", kTag);
  for (const auto& [key, value] : command.items()) {
    config.train.command[key] = json_string(command, key.c_str(), kTag);
  }
  if (document.contains("subcommand")) {
    config.subcommand = json_string(document, "subcommand", kTag);
  }
  return config;
}

std::string model_path(const std::string& directory) {
  return (fs::path(directory) / "model.safetensors").string();
}

}  // namespace headstart
