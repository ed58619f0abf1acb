// Training: a model and labelled images in, the best epoch's model, its history and a resumable run directory
// out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headstart/augment.h"
#include "headstart/dataset.h"
#include "headstart/engine.h"
#include "headstart/losses.h"
#include "headstart/model.h"
#include "headstart/optimizer.h"
#include "headstart/progress.h"
#include "headstart/tensor.h"

namespace headstart {

// Images that are in memory and preprocessed already: (N, H, W, C).
struct MemoryDataset {
  Tensor images;
  std::vector<int> labels;
};
struct MemorySplits {
  MemoryDataset train;
  std::optional<MemoryDataset> validation;
};

enum class CacheMode {
  automatic,  // the frozen part's boundary is kept on disk when it fits into the cache's limit
  off         // the frozen part is run at every step
};

// Which epoch is the best: `val_accuracy` (ties: lower val_loss) or `val_loss`.
enum class Monitor { val_accuracy, val_loss };

struct StageOptions {
  int epochs = 0;
  OptimizerOptions optimizer{};
  Schedule schedule{};
  BatchNormMode batch_norm = BatchNormMode::training;
  // Of fine-tuning: another rate for what the head stage trained (0: the optimizer's), and what the rate is
  // multiplied by from each of up to twelve equally long groups of the base's layers to the one before it.
  double head_learning_rate = 0.0;
  double layer_decay = 1.0;
};

struct TrainOptions {
  // The head stage trains what is trainable in the model's graph.
  StageOptions head{.epochs = 30};
  // Then, when not empty, everything from this node, scope or prefix on (Graph::set_trainable_from); epochs
  // counted on. Several with commas between them unfreeze gradually: a fine-tuning stage each.
  std::string fine_tune_from{};
  StageOptions fine_tune{
      .epochs = 10, .optimizer = {.learning_rate = 1e-5}, .batch_norm = BatchNormMode::frozen};

  std::optional<Loss> loss{};  // unset: loss_for(graph)
  int batch_size = 32;
  int accumulate = 1;        // batches whose gradients make one step of the optimizer
  int steps_per_epoch = 0;   // 0: every sample once an epoch; more than that goes round again in a new order
  int validation_steps = 0;  // batches of the validation split that are looked at; 0: all
  std::uint64_t seed = 0;
  Precision precision = Precision::automatic;
  CacheMode cache = CacheMode::automatic;
  // Of training images that are files; validation is never augmented. `cached_views` random views of each
  // image go through the frozen part once and epochs draw from them; 0: every epoch has new views, as always
  // when nothing is frozen.
  Augmentation augmentation{};
  int cached_views = 8;
  double label_smoothing = 0.0;      // the share of a label that goes to all classes alike
  double mixup = 0.0, cutmix = 0.0;  // alpha; pictures, or features where a frozen part comes before; 0: off
  Monitor monitor = Monitor::val_accuracy;
  int patience = 0;  // 0: off; else a stage ends after this many epochs without a better one
  // Above 0: validation and the result use a moving average of the parameters, average += (1 - decay) *
  // (parameter - average) at every step; the decay rises to this value over the first steps.
  double average_decay = 0.0;
  bool balanced_class_weights = false;  // n / (classes * n_c); not together with class_weights
  bool balanced_sampling = false;       // every class as often as the others
  std::vector<float> class_weights{};   // by label, at least 0; empty: all 1
  // Above 0: in training the logit of a class has this times the logarithm of its share of the images added,
  // so that without it the rare classes win what they lost by being rare (Menon et al., Long-tail learning
  // via logit adjustment, 2021; theirs is 1). Needs one output a class or a single sigmoid unit.
  double logit_adjustment = 0.0;
  double validation_fraction = 0.2;  // stratified, when there is no validation split
  // Above 0: at the end it is measured what the photos of the classes look like (Model::acceptance), so that
  // this share of them is accepted and strangers are unknown.
  double accepted_share = 0.0;
  bool strict = false;  // an unreadable image ends the run
  int threads = 0;      // cores that may be used, 0: all; the results are the same bytes
  // Bytes for the activations of a step, beyond which parts of the forward pass run again: slower, the same
  // bytes. 0: most of the memory that is free.
  std::int64_t memory = 0;

  // Empty: nothing is written. Else model.safetensors, history.csv, config.json, checkpoint/, and
  // held_out.csv where there is no validation split.
  std::string out_directory{};
  double seconds_between_checkpoints = 2.0;  // at least; 0: after every epoch
  bool resume = false;  // go on from out_directory's checkpoint; the options must be those of the broken run
  // Written into config.json under "command": what the caller was asked for (data, base, weights, head ...).
  std::map<std::string, std::string> command{};
};

// JSON of everything that the result depends on (not out_directory, seconds_between_checkpoints, resume,
// threads, memory, command); the second accepts what the first writes and throws Error for unknown keys and
// wrong types.
std::string to_json(const TrainOptions& options);
TrainOptions train_options_from_json(const std::string& json);
// What config.json in a run's folder says.
struct RunConfig {
  std::string subcommand = "train";  // of the program, which wrote it
  TrainOptions train{};              // with its `command`

  bool adds_classes() const { return subcommand == "add-classes"; }
};
// Nothing when the folder has none. Throws Error when it is damaged.
std::optional<RunConfig> read_run_config(const std::string& directory);

// Data without a validation part as a training divided it that held one out itself (held_out.csv in its
// folder): `run` is that folder, or the model file in it. Photos are known by their paths, or, in data that
// was moved or copied, by their names and contents; those that the run did not know count as trained on.
// Nothing for data that is divided already, or of which the run knows no photo.
std::optional<DatasetSplits> as_run_divided(const std::string& run, const DatasetSplits& data);

// One line of history.csv.
struct EpochRecord {
  int epoch = 0;        // 1-based, counted through all stages
  std::string stage{};  // "head", "fine_tune", then "fine_tune_2", ...
  double loss = 0, accuracy = 0, val_loss = 0, val_accuracy = 0;
  double learning_rate = 0;  // of the epoch's last step
  double seconds = 0;        // training and validation
};

// How far an epoch is; `record` is set at its end.
struct EpochProgress {
  int epoch = 0, epochs = 0;  // through all stages
  int step = 0, steps = 0;
  double loss = 0, accuracy = 0;  // running means of this epoch
  double step_loss = 0;           // of the last batch
  double learning_rate = 0;       // of the last step
  double seconds = 0;             // since the epoch's start
  std::optional<EpochRecord> record{};
};

// What a run tells while it goes; the default object says nothing. `message` gets whole lines ("Found 2000
// images belonging to 2 classes.", "frozen: 2,257,984 parameters, hash unchanged"). Feature extraction
// reports through `progress`.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void message(const std::string& line) { (void)line; }
  virtual void epoch_begins(int epoch, int epochs) { (void)epoch, (void)epochs; }
  virtual void step_done(const EpochProgress& progress) { (void)progress; }
  virtual void epoch_ends(const EpochProgress& progress) { (void)progress; }
  virtual Progress& progress() { return silent_; }

 private:
  Progress silent_;
};

// Keras's line: "100/100 [==============================] - 11s 114ms/step - loss: 0.6868 - accuracy: 0.5510
// - val_loss: ...".
std::string progress_line(const EpochProgress& progress);

// What stood still in a stage: every parameter and statistic that the stage may not touch.
struct FrozenReport {
  std::string stage;
  std::int64_t parameters = 0;
  std::string sha256_before, sha256_after;
};

struct SecondsByPhase {
  double features = 0, training = 0, validation = 0, saving = 0;
};

struct TrainResult {
  Model model;  // the best epoch
  std::vector<EpochRecord> history;
  int best_epoch = 0;  // EpochRecord::epoch; 0: no epoch was finished
  bool interrupted = false;
  std::vector<FrozenReport> frozen;
  std::vector<std::string> unreadable;  // "path: reason"
  SecondsByPhase seconds{};
  // (validation images, units) of the best epoch, in the order of the split; empty when not all of them were
  // looked at, or when that epoch was before a resumption.
  Tensor validation_logits{};
  // Of Model::acceptance, as the rows above; empty when not all of the validation images were looked at for
  // it.
  std::vector<float> validation_strangeness{};
};

// Trains `model` on files (decoded with model.preprocessing) or on tensors. Class names are taken over from
// the data when the model has none; what was fitted to its old parameters (temperature, acceptance) is
// dropped. Polls stop_requested(): the step is finished, the best model so far stays, `interrupted` is set.
// Throws Error when the loss is not a number (the best model so far stays on disk), when the output is no
// vector of class scores, when labels and outputs do not fit, when every image is unreadable.
TrainResult train(Model model, const DatasetSplits& data, const TrainOptions& options,
                  TrainObserver& observer);
TrainResult train(Model model, const MemorySplits& data, const TrainOptions& options,
                  TrainObserver& observer);

}  // namespace headstart
