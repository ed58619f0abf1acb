// What one call of train() shares between its stages.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "headstart/train.h"
#include "train/boundary_source.h"
#include "train/run_files.h"

namespace headstart {

// Exactly one of the two is set.
struct Split {
  const Dataset* files = nullptr;
  const MemoryDataset* memory = nullptr;
};

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start);

struct Session {
  Model& model;
  Split train_split, validation_split;
  const TrainOptions& options;
  TrainObserver& observer;
  TrainResult& result;
  std::set<std::string> changing;  // in any stage
  std::string fingerprint;
  bool holds_out = false;  // the validation part is none of the caller's
  Loss loss = Loss::sparse_categorical_crossentropy;
  std::span<const std::vector<int>> label_sets{};  // of multi-label data; empty: one class each
  std::vector<float> class_weights{};              // by label; empty: all 1
  std::vector<float> logit_offsets{};              // by unit, in training; empty: all 0
  RunState state{};
  Parameters resumed_optimizer{};  // its state in the checkpoint, until the stage takes it over
  std::optional<Clock::time_point> next_save{};
};

// One stage: cuts the graph, gets features, trains epoch by epoch from where `session.state` stands.
struct StageSpec {
  int index = 0;
  std::string name;
  const StageOptions& options;
  int epochs_of_run = 0;  // all stages
  std::map<std::string, double> rate_factors{};
};
// False when it was stopped before its end.
bool run_stage(Session& session, const StageSpec& spec);

// Writes model.safetensors (the best epoch) and history.csv.
void save_outputs(Session& session);

}  // namespace headstart
