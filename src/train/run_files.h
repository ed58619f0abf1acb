// What a run leaves in its folder: the best model, the history, the configuration, the checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/file_lock.h"
#include "headstart/parameters.h"
#include "headstart/ranges.h"
#include "headstart/train.h"
#include "weights/safetensors.h"

namespace headstart {

// What changes while a run goes on; with the parameters, the optimizer's state, the options and the initial
// model it is all that a resumed run needs.
struct RunState {
  int stage = 0;              // 0: head, from 1: fine-tuning
  int stage_epochs_done = 0;  // of this stage
  bool stage_done = false;
  std::int64_t step = 0;  // through all stages; keys dropout
  std::vector<EpochRecord> history;
  int best_epoch = 0;                       // EpochRecord::epoch
  int epochs_since_best = 0;                // of this stage
  int plateaus = 0, epochs_on_plateau = 0;  // of this stage
  Parameters best;                          // of what the run may change
  ValueRanges best_ranges;                  // for int8, those that `best` was validated with
  std::vector<float> best_logits;           // of the validation images; not in a checkpoint
  Parameters average;                       // of the current ones; empty when it is not asked for
  std::int64_t optimizer_iterations = 0;
};

// `current` are the parameters that the run may change. `fingerprint` stands for the options, the network,
// the data and the frozen parameters: a checkpoint of another run is refused.
void save_checkpoint(const std::string& directory, const RunState& state, const TensorList& current,
                     const Parameters& optimizer, const std::string& fingerprint);
struct Checkpoint {
  RunState state;
  Parameters current, optimizer;
};
// Empty when there is none.
std::optional<Checkpoint> load_checkpoint(const std::string& directory, const std::string& fingerprint);

// held_out.csv: paths and hashes of the photos that the training held out itself; null: it held none out.
void write_held_out(const std::string& directory, const Dataset* held_out);
// Where a run that has no model yet writes its held_out.csv and config.json: its folder, unless the model of
// an earlier run lies there, which those of that run describe. Then they wait in checkpoint/.
std::string folder_of_description(const std::string& directory);
// What waits in checkpoint/ takes its place; after the first model was saved.
void publish_description(const std::string& directory);
// What an earlier run into the same folder left beside its model and what describes that, which are replaced
// with the first new model.
void remove_leftovers(const std::string& directory);
void write_history(const std::string& directory, const std::vector<EpochRecord>& history);
// Throws Error when it cannot be made.
void create_run_folder(const std::string& directory);
// Held by the run that writes into the folder, which is there; what killed runs left half written is removed.
// Throws Error while another run holds it.
FileLock lock_run_folder(const std::string& directory);
// `subcommand`: of the program, whose options options.command are.
void write_config(const std::string& directory, const TrainOptions& options, const std::string& subcommand);
std::string model_path(const std::string& directory);

}  // namespace headstart
