// From a data set and a frozen base to the labels that are probably wrong.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "data/places.h"
#include "evaluate/joined_splits.h"
#include "headstart/check.h"
#include "headstart/error.h"
#include "headstart/head.h"
#include "headstart/labels.h"
#include "headstart/metrics.h"
#include "headstart/open_model.h"
#include "headstart/predict.h"
#include "headstart/split.h"
#include "train/features.h"
#include "train/int8_ranges.h"

namespace headstart {
namespace {

// The samples that are judged together, and the split that each is from.
JoinedSplits judged_part(const DatasetSplits& data, const std::string& split) {
  if (split == "all") {
    return join_splits(data);
  }
  JoinedSplits judged{.dataset = choose_split(data, split), .splits = {}};
  judged.splits.assign(judged.dataset.samples.size(), split);
  return judged;
}

// What one pass of the frozen base gives for every readable picture.
struct Pooled {
  Tensor features;           // (rows, C)
  std::vector<int> samples;  // of each row
  std::vector<std::string> unreadable;
};

// Named and cut as training's default head, so that either finds the other's records in the cache.
Model base_with_pooling(const Model& base, int classes) {
  const bool spatial = base.graph.output_shape().size() > 1;
  Model model = with_head(base, {.head = spatial ? "gap,dense" : "dense", .classes = classes}, 0);
  freeze_base(model.graph, base.graph.name(), "all");
  return model;
}

Pooled pooled_of(const BoundaryTable& table, std::int64_t floats) {
  Pooled pooled{.features = Tensor({static_cast<std::int64_t>(table.records.size()), floats}),
                .samples = table.samples,
                .unreadable = table.unreadable};
  float* row = pooled.features.data();
  for (const float* record : table.records) {
    row = std::copy_n(record, floats, row);
  }
  return pooled;
}

// Where the cache's limit leaves no room.
Pooled pooled_without_cache(const Model& model, NodeId node, const Dataset& dataset,
                            const LabelErrorOptions& options, Progress& progress) {
  auto computed = compute_outputs(
      model, dataset, {node}, {.precision = options.precision, .threads = options.heads.threads}, progress);
  return {.features = std::move(computed.outputs.front()),
          .samples = std::move(computed.samples),
          .unreadable = unreadable_lines(dataset, computed.unreadable)};
}

Pooled pooled_features(const Model& base, const Dataset& dataset, const LabelErrorOptions& options,
                       Progress& progress) {
  Model model = base_with_pooling(base, static_cast<int>(dataset.class_names.size()));
  const Partition cut = partition(model.graph, BatchNormMode::frozen);
  const Precision precision = resolve(options.precision);
  if (precision == Precision::int8) {
    measure_int8_ranges(model, cut.boundary, {.files = &dataset});
  }
  const auto table = cached_features(dataset, model.graph, model.parameters,
                                     {.boundary = cut.boundary,
                                      .precision = precision,
                                      .ranges = &model.ranges,
                                      .preprocessing = model.preprocessing,
                                      .threads = options.heads.threads,
                                      .purpose = "features"},
                                     progress);
  if (stop_requested()) {
    throw Error("[labels] stopped before every photo was looked at; the same command goes on from there");
  }
  const std::int64_t floats = element_count(model.graph.node(cut.boundary.front()).shape);
  return table ? pooled_of(*table, floats)
               : pooled_without_cache(model, cut.boundary.front(), dataset, options, progress);
}

// Row i of the features belongs to sample i and fold i.
struct JudgedRows {
  Tensor features;
  JoinedSplits judged;
  std::vector<int> folds;
};

JudgedRows rows_of(Pooled pooled, const JoinedSplits& judged) {
  JudgedRows rows{.features = std::move(pooled.features), .judged = {}, .folds = {}};
  rows.judged.dataset.class_names = judged.dataset.class_names;
  for (const int sample : pooled.samples) {
    rows.judged.dataset.samples.push_back(judged.dataset.samples.at(static_cast<std::size_t>(sample)));
    rows.judged.splits.push_back(judged.splits.at(static_cast<std::size_t>(sample)));
  }
  return rows;
}

// Leaves out what no head could judge: a class that has pictures in one fold only.
JudgedRows without_lonely(JudgedRows rows, std::vector<std::string>& lonely) {
  const auto& samples = rows.judged.dataset.samples;
  std::map<int, std::set<int>> folds_of_class;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    folds_of_class[samples[i].label].insert(rows.folds[i]);
  }
  JudgedRows kept{.features = {}, .judged = {}, .folds = {}};
  kept.judged.dataset.class_names = rows.judged.dataset.class_names;
  std::vector<float> values;
  const auto floats = static_cast<std::size_t>(rows.features.shape()[1]);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (folds_of_class[samples[i].label].size() < 2) {
      lonely.push_back(samples[i].path);
      continue;
    }
    const auto row = rows.features.values().subspan(i * floats, floats);
    values.insert(values.end(), row.begin(), row.end());
    kept.judged.dataset.samples.push_back(samples[i]);
    kept.judged.splits.push_back(rows.judged.splits[i]);
    kept.folds.push_back(rows.folds[i]);
  }
  if (lonely.empty()) {
    return rows;
  }
  kept.features = Tensor({static_cast<std::int64_t>(kept.folds.size()), rows.features.shape()[1]}, values);
  return kept;
}

}  // namespace

LabelErrors find_label_errors(const Model& base, const DatasetSplits& data, const LabelErrorOptions& options,
                              Progress& progress) {
  JoinedSplits judged = judged_part(data, options.split);
  if (options.group_duplicates) {
    group_duplicates(judged.dataset, options.heads.threads, progress);
  }
  LabelErrors errors;
  Pooled pooled = pooled_features(base, judged.dataset, options, progress);
  errors.unreadable = std::move(pooled.unreadable);
  JudgedRows rows = rows_of(std::move(pooled), judged);
  rows.folds = stratified_folds(rows.judged.dataset, options.folds, options.heads.seed);
  rows = without_lonely(std::move(rows), errors.unjudged);
  const Dataset& dataset = rows.judged.dataset;
  const std::vector<int> labels = labels_of(dataset);
  errors.class_names = dataset.class_names;
  const Tensor probabilities =
      out_of_fold_probabilities(rows.features, labels, rows.folds,
                                static_cast<int>(errors.class_names.size()), options.heads, progress);
  errors.learning = confident_learning(probabilities, labels);
  const Evaluation evaluation = measure(probabilities, labels, errors.class_names);
  errors.accuracy = evaluation.accuracy;
  for (const ClassMetrics& one : evaluation.classes) {
    errors.support.push_back(one.support);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    errors.images.push_back({dataset.samples[i].path, rows.judged.splits[i]});
  }
  return errors;
}

std::vector<LabelDecision> suggestions(const LabelErrors& errors, const std::string& data) {
  std::vector<LabelDecision> list;
  for (const auto& one : errors.learning.candidates) {
    list.push_back({.path = path_in_data(data, errors.images.at(one.sample).path),
                    .given = errors.class_names.at(static_cast<std::size_t>(one.given)),
                    .suggested = errors.class_names.at(static_cast<std::size_t>(one.suggested)),
                    .score = one.score});
  }
  return list;
}

}  // namespace headstart
