// New classes for a finished classifier: its features of the photos, new columns trained on them, the result.
#include "headstart/add_classes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "data/reading_terms.h"
#include "headstart/error.h"
#include "headstart/extract.h"
#include "train/features.h"
#include "train/hold_out.h"
#include "train/last_dense.h"
#include "train/new_columns.h"
#include "train/replay.h"
#include "train/run_files.h"
#include "train/session.h"

namespace headstart {
namespace {

// Labels count through the classes of the model, the new ones behind the old ones.
void relabel(Dataset& dataset, const std::vector<std::string>& names) {
  std::vector<int> labels;
  for (const auto& name : dataset.class_names) {
    labels.push_back(static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin()));
  }
  for (Sample& sample : dataset.samples) {
    sample.label = labels.at(static_cast<std::size_t>(sample.label));
  }
  dataset.class_names = names;
}

DatasetSplits relabelled(const DatasetSplits& data, const std::vector<std::string>& names,
                         const TrainOptions& options, TrainObserver& observer) {
  DatasetSplits splits = data.validation ? data : with_photos_held_out(data.train, options, observer);
  relabel(splits.train, names);
  relabel(*splits.validation, names);
  return splits;
}

// From the cache where they fit into it, else computed.
MemoryDataset features_of(const Dataset& dataset, const Model& model, const LastDense& last,
                          const TrainOptions& options, const std::string& purpose, AddedClasses& added,
                          Progress& progress) {
  const BoundaryTableOptions features{.boundary = {last.features},
                                      .precision = resolve(options.precision),
                                      .ranges = &model.ranges,
                                      .preprocessing = model.preprocessing,
                                      .threads = options.threads,
                                      .strict = options.strict,
                                      .purpose = purpose};
  auto table = cached_features(dataset, model.graph, model.parameters, features, progress);
  if (!table) {
    throw Error(
        "[add-classes] expected room for the features in the cache; there is none on the disk; make some, or "
        "see `headstart cache`");
  }
  auto& unreadable = added.result.unreadable;
  unreadable.insert(unreadable.end(), table->unreadable.begin(), table->unreadable.end());
  const auto rows = static_cast<std::int64_t>(table->labels.size());
  MemoryDataset result{.images = Tensor({rows, last.inputs}), .labels = std::move(table->labels)};
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(table->records[static_cast<std::size_t>(row)], last.inputs,
                result.images.data() + row * last.inputs);
  }
  return result;
}

// Where the classes lie: by their photos, those of old ones as far as they are known by what the model says.
Tensor centroids_of(const MemoryDataset& features, int classes, const Tensor& known) {
  Tensor centroids = unit_means(features, classes);
  std::copy_n(known.data(), known.size(), centroids.data());
  return centroids;
}

std::vector<int> photos_of(const MemoryDataset& features, int classes) {
  std::vector<int> counts(static_cast<std::size_t>(classes), 0);
  for (const int label : features.labels) {
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
}

// Old classes that have too few photos get more features; without a centroid they need some photos.
void fill_old_classes(MemoryDataset& features, const std::vector<std::string>& names, int old_classes,
                      const AddClassesOptions& options, const Tensor& centroids, AddedClasses& added) {
  const auto counts = photos_of(features, static_cast<int>(names.size()));
  std::vector<int> few;
  std::vector<std::string> unknown;
  for (int label = 0; label < old_classes; ++label) {
    const int photos = counts[static_cast<std::size_t>(label)];
    if (photos < options.enough_photos && !options.centroids.empty()) {
      few.push_back(label);
      added.filled.push_back(names[static_cast<std::size_t>(label)]);
    } else if (photos == 0) {
      unknown.push_back(names[static_cast<std::size_t>(label)]);
    }
  }
  if (!unknown.empty()) {
    throw Error(
        fmt::format("[add-classes] expected photos of every class, or a model that knows where its classes "
                    "lie; received neither for {}; put some dozens of photos of each into its folder",
                    fmt::join(unknown, ", ")));
  }
  int wanted = options.enough_photos;
  for (std::size_t label = static_cast<std::size_t>(old_classes); label < counts.size(); ++label) {
    if (counts[label] == 0) {
      throw Error(fmt::format("[add-classes] expected readable photos of {}; received none", names[label]));
    }
    wanted = std::max(wanted, counts[label]);
  }
  if (!few.empty()) {
    fill_up(features, few, old_classes, wanted, centroids, options.train.seed);
  }
}

// Of a row the index of the largest of the first `columns` logits.
int largest(std::span<const float> row, std::int64_t columns) {
  return static_cast<int>(std::max_element(row.begin(), row.begin() + columns) - row.begin());
}

void count_right_answers(AddedClasses& added, const std::vector<int>& labels, int old_classes) {
  const Tensor& logits = added.result.validation_logits;
  if (logits.empty()) {
    return;
  }
  const std::int64_t columns = logits.shape().back();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row =
        logits.values().subspan(i * static_cast<std::size_t>(columns), static_cast<std::size_t>(columns));
    RightAnswers& answers = labels[i] < old_classes ? added.old_classes : added.new_classes;
    ++answers.images;
    answers.before += largest(row, old_classes) == labels[i] ? 1.0 : 0.0;
    answers.after += largest(row, columns) == labels[i] ? 1.0 : 0.0;
  }
  for (RightAnswers* answers : {&added.old_classes, &added.new_classes}) {
    answers->before /= std::max(1, answers->images);
    answers->after /= std::max(1, answers->images);
  }
}

// What the training of the columns takes from what the caller asked for, and what config.json says.
TrainOptions options_for_columns(const TrainOptions& asked) {
  return {.head = asked.head,
          .batch_size = asked.batch_size,
          .seed = asked.seed,
          .precision = Precision::f32,
          .monitor = asked.monitor,
          .patience = asked.patience,
          .balanced_sampling = true,
          .validation_fraction = asked.validation_fraction,
          .strict = asked.strict,
          .threads = asked.threads,
          .command = asked.command};
}

// `held_out`: by this call; null when the caller gave a validation part.
void write_outputs(AddedClasses& added, const TrainOptions& asked, const Dataset* held_out) {
  TrainResult& result = added.result;
  const EpochRecord& best = result.history.at(static_cast<std::size_t>(result.best_epoch) - 1);
  auto& provenance = result.model.provenance;
  provenance["classes_added"] = fmt::format("{}", fmt::join(added.names, ", "));
  provenance["best_epoch"] = std::to_string(best.epoch);
  provenance["val_accuracy"] = fmt::format("{:.4f}", best.val_accuracy);
  provenance["val_loss"] = fmt::format("{:.4f}", best.val_loss);
  const std::string& directory = asked.out_directory;
  if (directory.empty()) {
    return;
  }
  TrainOptions trained = options_for_columns(asked);
  trained.precision = asked.precision;  // of the features
  remove_leftovers(directory);
  const std::string folder = folder_of_description(directory);
  write_held_out(folder, held_out);
  write_config(folder, trained, "add-classes");
  save_model(result.model, model_path(directory));
  publish_description(directory);
  write_history(directory, result.history);
}

}  // namespace

DatasetSplits read_new_classes(const std::string& path) {
  return read_dataset(path, ReadingTerms{.fewest_classes = 1});
}

AddedClasses add_classes(const Model& model, const DatasetSplits& data, const AddClassesOptions& asked,
                         TrainObserver& observer) {
  AddClassesOptions options = asked;
  AddedClasses added;
  added.names = new_class_names(model, data.train.class_names);
  Model enlarged = enlarge_classifier(model, added.names);
  const LastDense last = last_dense(enlarged.graph);
  const auto classes = static_cast<int>(enlarged.class_names.size());
  const auto old_classes = classes - static_cast<int>(added.names.size());
  if (options.centroids.empty() && model.acceptance &&
      model.acceptance->centroids.shape() == Shape{old_classes, last.inputs}) {
    options.centroids = model.acceptance->centroids;
  }
  if (!options.centroids.empty() && options.centroids.shape() != Shape{old_classes, last.inputs}) {
    throw Error(fmt::format("[add-classes] expected centroids {}; received {}",
                            to_string({old_classes, last.inputs}), to_string(options.centroids.shape())));
  }
  const DatasetSplits splits = relabelled(data, enlarged.class_names, options.train, observer);
  std::optional<FileLock> lock;
  if (!options.train.out_directory.empty()) {
    create_run_folder(options.train.out_directory);
    lock.emplace(lock_run_folder(options.train.out_directory));
  }
  const auto start = Clock::now();
  MemorySplits features;
  features.train = features_of(splits.train, enlarged, last, options.train, "features of the training images",
                               added, observer.progress());
  features.validation = features_of(*splits.validation, enlarged, last, options.train,
                                    "features of the validation images", added, observer.progress());
  if (stop_requested()) {
    added.result.interrupted = true;
    return added;
  }
  const double seconds = seconds_since(start);
  const Tensor centroids = centroids_of(features.train, classes, options.centroids);
  fill_old_classes(features.train, enlarged.class_names, old_classes, options, centroids, added);
  const auto unreadable = std::move(added.result.unreadable);
  added.result = train(new_columns_on(enlarged, last, old_classes, centroids), features,
                       options_for_columns(options.train), observer);
  added.result.unreadable = unreadable;
  added.result.seconds.features = seconds;
  count_right_answers(added, features.validation->labels, old_classes);
  if (added.result.best_epoch > 0) {
    take_new_columns(enlarged, last, old_classes, added.result.model);
  }
  added.result.model = std::move(enlarged);
  if (!added.result.interrupted && added.result.best_epoch > 0) {
    write_outputs(added, options.train, data.validation ? nullptr : &*splits.validation);
  }
  return added;
}

}  // namespace headstart
