// One call of train(): checks, splits, resuming, the stages one after the other, the result.
#include "headstart/train.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/sha256.h"
#include "engine/core_limit.h"
#include "graph/serialize.h"
#include "headstart/error.h"
#include "train/class_sizes.h"
#include "train/features.h"
#include "train/hold_out.h"
#include "train/known_photos.h"
#include "train/rate_factors.h"
#include "train/resolved_options.h"
#include "train/session.h"
#include "train/snapshot.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

std::vector<int> labels_of(const Split& split) {
  return split.memory != nullptr ? split.memory->labels : labels_of(*split.files);
}

void check_labels(const Graph& graph, const std::vector<int>& labels) {
  const std::int64_t units = element_count(graph.output_shape());
  const int classes = static_cast<int>(std::max<std::int64_t>(2, units));
  for (const int label : labels) {
    if (label < 0 || label >= classes) {
      throw Error(fmt::format(
          "[train] {} outputs tell {} classes apart; received label {}; give the head one output a class",
          units, classes, label));
    }
  }
}

// Every class has a sigmoid of its own, and what is said of classes that exclude each other is not asked for.
void check_multi_label(const Graph& graph, const Dataset& data, const TrainOptions& options) {
  const auto units = static_cast<std::size_t>(element_count(graph.output_shape()));
  if (units != data.class_names.size() || options.loss != Loss::binary_crossentropy) {
    throw Error(
        fmt::format("[train] multi-label data need a sigmoid for each of their {} classes; received {} "
                    "outputs with {}; end "
                    "the head with dense:sigmoid",
                    data.class_names.size(), units, to_string(*options.loss)));
  }
  if (options.balanced_class_weights || !options.class_weights.empty() || options.balanced_sampling ||
      options.logit_adjustment != 0.0) {
    throw Error(
        "[train] weights, sampling and offsets by class are of data with one class a photo; received "
        "multi-label "
        "data; leave these options out");
  }
  const auto sets = static_cast<int>(data.label_sets.size());
  for (const int label : labels_of(data)) {
    if (label < 0 || label >= sets) {
      throw Error(
          fmt::format("[train] expected labels from 0 to below {}, the number of sets of classes; received "
                      "{}; give every "
                      "photo a set, be it empty",
                      sets, label));
    }
  }
  for (const auto& set : data.label_sets) {
    check_labels(graph, set);
  }
}

void check_labels(const Graph& graph, const Dataset& data, const TrainOptions& options) {
  if (is_multi_label(data)) {
    return check_multi_label(graph, data, options);
  }
  const auto labels = labels_of(data);
  check_labels(graph, labels);
  const auto names = static_cast<int>(data.class_names.size());
  if (const auto largest = std::max_element(labels.begin(), labels.end());
      largest != labels.end() && *largest >= names) {
    throw Error(
        fmt::format("[train] expected a name for every class; received {} names and label {}; add "
                    "them to class_names",
                    names, *largest));
  }
}

void require_images(const Split& split) {
  if (labels_of(split).empty()) {
    throw Error("[train] expected images to train on and to validate with; received an empty split");
  }
}

// n / (classes n_c), scikit-learn's "balanced".
std::vector<float> balanced_weights(const std::vector<int>& labels) {
  const auto classes = static_cast<std::size_t>(*std::max_element(labels.begin(), labels.end())) + 1;
  std::vector<double> counts(classes, 0.0);
  for (const int label : labels) {
    counts[static_cast<std::size_t>(label)] += 1.0;
  }
  std::vector<float> weights;
  weights.reserve(counts.size());
  for (const double count : counts) {
    weights.push_back(count == 0.0 ? 0.0F
                                   : static_cast<float>(static_cast<double>(labels.size()) /
                                                        (static_cast<double>(classes) * count)));
  }
  return weights;
}

std::vector<float> class_weights_of(const TrainOptions& options, const Graph& graph,
                                    const std::vector<int>& labels) {
  const auto classes =
      static_cast<std::size_t>(std::max<std::int64_t>(2, element_count(graph.output_shape())));
  if (!options.class_weights.empty() && options.class_weights.size() != classes) {
    throw Error(fmt::format("[train] expected {} class weights, one a class; received {}", classes,
                            options.class_weights.size()));
  }
  if (!options.balanced_class_weights) {
    return options.class_weights;
  }
  auto weights = balanced_weights(labels);
  weights.resize(classes, 0.0F);
  return weights;
}

// A class without images counts as if it had one.
std::vector<float> logit_offsets_of(const TrainOptions& options, const Graph& graph,
                                    const std::vector<int>& labels) {
  if (options.logit_adjustment == 0.0) {
    return {};
  }
  const std::int64_t units = element_count(graph.output_shape());
  if (units > 1 && options.loss == Loss::binary_crossentropy) {
    throw Error(
        fmt::format("[train] logits are adjusted where one class excludes the others; received {} sigmoid "
                    "units; use class weights",
                    units));
  }
  std::vector<double> counts(static_cast<std::size_t>(std::max<std::int64_t>(2, units)), 0.0);
  for (const int label : labels) {
    counts[static_cast<std::size_t>(label)] += 1.0;
  }
  const auto offset = [&](double count) {
    return options.logit_adjustment * std::log(std::max(1.0, count) / static_cast<double>(labels.size()));
  };
  if (units == 1) {
    return {static_cast<float>(offset(counts[1]) - offset(counts[0]))};
  }
  std::vector<float> offsets(counts.size());
  std::transform(counts.begin(), counts.end(), offsets.begin(),
                 [&](double count) { return static_cast<float>(offset(count)); });
  return offsets;
}

// What a checkpoint must agree with: options, network, data, frozen parameters.
std::string fingerprint_of(const Session& session) {
  Sha256 hash;
  hash.update_text(to_json(session.options));
  hash.update_text(graph_to_json(session.model.graph));
  hash.update_text(text_of(session.model.preprocessing));
  hash.update_text(hash_frozen(session.model.parameters, session.changing).sha256_before);
  for (const Split* split : {&session.train_split, &session.validation_split}) {
    for (const int label : labels_of(*split)) {
      hash.update_text(std::to_string(label));
    }
    if (split->files != nullptr) {
      for (const auto& set : split->files->label_sets) {
        hash.update_text(fmt::format("{}", fmt::join(set, "|")));
      }
      for (const Sample& sample : split->files->samples) {
        // Whole seconds, which every file system keeps: moving the photos is no change.
        struct stat status {};
        const bool there = ::stat(sample.path.c_str(), &status) == 0;  // told when it is read
        hash.update_text(fmt::format("{} {} {}", fs::path(sample.path).filename().string(),
                                     there ? status.st_size : -1, there ? status.st_mtim.tv_sec : -1));
      }
    } else {
      const Tensor& images = split->memory->images;
      hash.update({reinterpret_cast<const std::uint8_t*>(images.data()), images.values().size_bytes()});
    }
  }
  return hash.hex();
}

// Everything that either stage may change.
std::set<std::string> changing_in_any_stage(const Graph& graph, const TrainOptions& options) {
  auto names = changing_parameters(graph, options.head.batch_norm);
  Graph unfrozen = graph;
  for (const std::string& cut : fine_tuning_cuts(options)) {
    unfrozen.set_trainable_from(cut);
    names.merge(changing_parameters(unfrozen, options.fine_tune.batch_norm));
  }
  return names;
}

// The lock on the run's folder, if there is one.
std::optional<FileLock> begin_or_resume(Session& session) {
  const TrainOptions& options = session.options;
  if (options.out_directory.empty()) {
    return std::nullopt;
  }
  create_run_folder(options.out_directory);
  FileLock lock = lock_run_folder(options.out_directory);
  if (options.resume) {
    if (auto checkpoint = load_checkpoint(options.out_directory, session.fingerprint)) {
      session.state = std::move(checkpoint->state);
      session.resumed_optimizer = std::move(checkpoint->optimizer);
      assign(session.model.parameters, checkpoint->current);
      session.observer.message(fmt::format("going on after epoch {}", session.state.history.size()));
    } else {
      session.observer.message("no checkpoint there: beginning with the first epoch");
    }
  } else {
    if (const auto path = model_path(options.out_directory); std::filesystem::exists(path)) {
      session.observer.message(fmt::format("{} is an earlier run's: this one replaces it", path));
    }
    remove_leftovers(options.out_directory);
  }
  const std::string folder =
      session.state.best_epoch == 0 ? folder_of_description(options.out_directory) : options.out_directory;
  write_held_out(folder, session.holds_out ? session.validation_split.files : nullptr);
  write_config(folder, options, "train");
  return lock;
}

// A stage begins with the best parameters of those before it.
void begin_stage(Session& session, int stage) {
  RunState& state = session.state;
  if (stage > 0 && state.best_epoch > 0) {
    assign(session.model.parameters, state.best);
    if (state.average.size() > 0) {
      assign(state.average, state.best);
    }
  }
  state.stage = stage;
  state.stage_done = false;
  state.stage_epochs_done = 0;
  state.epochs_since_best = 0;
  state.plateaus = 0;
  state.epochs_on_plateau = 0;
}

// False when stopped.
bool run_stages(Session& session) {
  const TrainOptions& options = session.options;
  const auto cuts = fine_tuning_cuts(options);
  const int epochs = options.head.epochs + static_cast<int>(cuts.size()) * options.fine_tune.epochs;
  const auto head = changing_parameters(session.model.graph, options.head.batch_norm);
  RunState& state = session.state;
  if (state.stage == 0 && !state.stage_done && options.head.epochs > 0 &&
      !run_stage(session, {.name = "head", .options = options.head, .epochs_of_run = epochs})) {
    return false;
  }
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const int stage = static_cast<int>(i) + 1;
    session.model.graph.set_trainable_from(cuts[i]);
    if (state.stage > stage || (state.stage == stage && state.stage_done)) {
      continue;
    }
    if (state.stage < stage) {
      begin_stage(session, stage);
    }
    const StageSpec spec{.index = stage,
                         .name = i == 0 ? "fine_tune" : fmt::format("fine_tune_{}", i + 1),
                         .options = options.fine_tune,
                         .epochs_of_run = epochs,
                         .rate_factors = rate_factors(session.model.graph, head, options.fine_tune)};
    if (!run_stage(session, spec)) {
      return false;
    }
  }
  return true;
}

// The temperature that was fitted to a finished run's model file, whose values another run has not changed.
double temperature_of(const std::string& model_file) {
  std::error_code ignored;
  if (!std::filesystem::exists(model_file, ignored)) {
    return 1.0;
  }
  try {
    return load_model(model_file).temperature;
  } catch (const Error&) {
    return 1.0;  // damaged: it is written again
  }
}

TrainResult run(Model model, const Split& train_split, const Split& validation_split,
                const TrainOptions& options, TrainObserver& observer, bool holds_out = false) {
  const CoreLimit cores(options.threads);
  options.out_directory.empty() ? check_parameters(model.graph, model.parameters) : check_model(model);
  require_images(train_split);
  require_images(validation_split);
  model.acceptance.reset();  // of other classes, or of the network before this training
  model.temperature = 1.0;
  TrainResult result;
  Session session{.model = model,
                  .train_split = train_split,
                  .validation_split = validation_split,
                  .options = options,
                  .observer = observer,
                  .result = result,
                  .changing = changing_in_any_stage(model.graph, options),
                  .fingerprint = {},
                  .holds_out = holds_out,
                  .loss = *options.loss,
                  .label_sets = train_split.files != nullptr
                                    ? std::span<const std::vector<int>>(train_split.files->label_sets)
                                    : std::span<const std::vector<int>>(),
                  .class_weights = class_weights_of(options, model.graph, labels_of(train_split)),
                  .logit_offsets = logit_offsets_of(options, model.graph, labels_of(train_split))};
  if (!options.out_directory.empty()) {
    session.fingerprint = fingerprint_of(session);
  }
  const auto lock = begin_or_resume(session);
  const std::size_t epochs_before = session.state.history.size();
  result.interrupted = !run_stages(session);
  if (epochs_before > 0 && epochs_before == session.state.history.size()) {
    model.temperature = temperature_of(model_path(options.out_directory));
  }
  assign(model.parameters, session.state.best);
  if (session.state.best_epoch > 0) {
    model.ranges = session.state.best_ranges;
  }
  if (!result.interrupted && options.accepted_share > 0.0 && session.state.best_epoch > 0) {
    const bool tuned = !fine_tuning_cuts(options).empty();
    result.interrupted =
        !fit_known_photos(session, tuned ? options.fine_tune.batch_norm : options.head.batch_norm);
  }
  save_outputs(session);
  result.model = std::move(model);
  result.history = std::move(session.state.history);
  result.best_epoch = session.state.best_epoch;
  const auto images = static_cast<std::int64_t>(labels_of(validation_split).size());
  const std::int64_t units = element_count(result.model.graph.output_shape());
  const std::vector<float>& logits = session.state.best_logits;
  if (static_cast<std::int64_t>(logits.size()) == images * units) {
    result.validation_logits = Tensor({images, units}, logits);
  }
  return result;
}

std::string found_line(std::size_t images, std::size_t classes) {
  return fmt::format("Found {} images belonging to {} classes.", images, classes);
}

std::string found_line(const Dataset& part) {
  if (!is_multi_label(part)) {
    return found_line(part.samples.size(), part.class_names.size());
  }
  double labels = 0.0;
  for (const auto& sample : part.samples) {
    labels += static_cast<double>(classes_of(part, sample).size());
  }
  return fmt::format("Found {} images with any of {} classes, {:.1f} an image.", part.samples.size(),
                     part.class_names.size(),
                     part.samples.empty() ? 0.0 : labels / static_cast<double>(part.samples.size()));
}

// Splits labels without files through the same stratified split as files.
MemorySplits split_memory(const MemoryDataset& whole, const TrainOptions& options) {
  Dataset numbers;
  for (std::size_t i = 0; i < whole.labels.size(); ++i) {
    numbers.samples.push_back({.path = std::to_string(i), .label = whole.labels[i], .group = {}});
  }
  const int classes =
      whole.labels.empty() ? 0 : *std::max_element(whole.labels.begin(), whole.labels.end()) + 1;
  for (int c = 0; c < classes; ++c) {
    numbers.class_names.push_back(std::to_string(c));
  }
  const DatasetSplits splits = split_dataset(
      numbers, {.train = 1.0 - options.validation_fraction, .validation = options.validation_fraction},
      options.seed);
  const auto take = [&](const Dataset& part) {
    Shape shape = whole.images.shape();
    shape.front() = static_cast<std::int64_t>(part.samples.size());
    MemoryDataset taken{.images = Tensor(shape), .labels = {}};
    const std::int64_t size = part.samples.empty() ? 0 : taken.images.size() / shape.front();
    for (std::size_t i = 0; i < part.samples.size(); ++i) {
      std::copy_n(whole.images.data() + std::stoll(part.samples[i].path) * size, size,
                  taken.images.data() + static_cast<std::int64_t>(i) * size);
      taken.labels.push_back(part.samples[i].label);
    }
    return taken;
  };
  return {.train = take(splits.train), .validation = take(splits.validation.value_or(Dataset{}))};
}

void check_images(const Graph& graph, const MemoryDataset& data) {
  Shape expected = graph.input_shape();
  expected.insert(expected.begin(), static_cast<std::int64_t>(data.labels.size()));
  if (data.images.shape() != expected) {
    throw Error(fmt::format("[train] expected images of shape {}, one a label; received {}",
                            to_string(expected), to_string(data.images.shape())));
  }
}

}  // namespace

void save_outputs(Session& session) {
  const std::string& directory = session.options.out_directory;
  RunState& state = session.state;
  if (directory.empty() || state.best_epoch == 0) {
    return;
  }
  const EpochRecord& best = state.history[static_cast<std::size_t>(state.best_epoch) - 1];
  session.model.provenance["best_epoch"] = std::to_string(best.epoch);
  session.model.provenance["val_accuracy"] = fmt::format("{:.4f}", best.val_accuracy);
  session.model.provenance["val_loss"] = fmt::format("{:.4f}", best.val_loss);
  const auto swap_best = [&] {
    swap_values(session.model.parameters, state.best);
    std::swap(session.model.ranges, state.best_ranges);
  };
  swap_best();
  try {
    save_model(session.model, model_path(directory));
  } catch (...) {
    swap_best();
    throw;
  }
  swap_best();
  publish_description(directory);
  write_history(directory, state.history);
}

TrainResult train(Model model, const DatasetSplits& data, const TrainOptions& given,
                  TrainObserver& observer) {
  const TrainOptions options = resolved(given, model.graph);
  check_labels(model.graph, data.train, options);
  if (data.validation) {
    check_labels(model.graph, *data.validation, options);
    if (data.validation->label_sets != data.train.label_sets) {
      throw Error("[train] training and validation photos share their sets of classes; received others");
    }
  }
  const DatasetSplits splits = data.validation ? data : with_photos_held_out(data.train, options, observer);
  observer.message(found_line(splits.train));
  observer.message(found_line(*splits.validation));
  if (const auto note = left_out_note(data.train); !note.empty()) {
    observer.message(note);
  }
  if (const auto note = class_sizes_note(splits.train, options); !note.empty()) {
    observer.message(note);
  }
  if (model.class_names.empty()) {
    model.class_names = splits.train.class_names;
  }
  check_input(model.graph, model.preprocessing);
  return run(std::move(model), {.files = &splits.train}, {.files = &*splits.validation}, options, observer,
             !data.validation);
}

TrainResult train(Model model, const MemorySplits& data, const TrainOptions& given, TrainObserver& observer) {
  const TrainOptions options = resolved(given, model.graph);
  check_images(model.graph, data.train);
  check_labels(model.graph, data.train.labels);
  if (options.augmentation != Augmentation{}) {
    throw Error("[train] expected image files for augmentation; received tensors; augment them before");
  }
  if (!data.validation) {
    const MemorySplits splits = split_memory(data.train, options);
    return run(std::move(model), {.memory = &splits.train}, {.memory = &*splits.validation}, options,
               observer);
  }
  check_images(model.graph, *data.validation);
  check_labels(model.graph, data.validation->labels);
  return run(std::move(model), {.memory = &data.train}, {.memory = &*data.validation}, options, observer);
}

}  // namespace headstart
