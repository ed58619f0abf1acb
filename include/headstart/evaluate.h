// A classifier held against photos whose classes are known: accuracy, confusions, how many are taken for
// unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headstart/class_table.h"
#include "headstart/dataset.h"
#include "headstart/metrics.h"
#include "headstart/model.h"
#include "headstart/predict.h"
#include "headstart/progress.h"

namespace headstart {

// Which photos of the classes are taken for known ones.
struct KnownShare {
  std::string name;
  std::int64_t images = 0, accepted = 0;
};
struct LimitsReport {
  std::vector<KnownShare> classes;  // by label
  std::int64_t images = 0, accepted = 0;
};
// `strangeness` and `labels` (columns of class_probabilities) of the same photos. Throws Error for labels
// that are none, or not as many.
LimitsReport count_accepted(const Model& model, std::span<const float> strangeness,
                            std::span<const int> labels);
// Of the photos of a class, or of all; 0 without photos.
double unknown_share(std::int64_t accepted, std::int64_t images);

struct DatasetEvaluation {
  Evaluation evaluation{};
  ClassTable table{};
  std::vector<int> labels;              // the model's class index of each row
  std::vector<std::string> unreadable;  // "path: reason"
  std::optional<LimitsReport> known{};  // where the model tells unknown photos
};
// Of some samples of a data set, by index, the model's class; classes are matched by name. Throws Error for a
// class that the model does not have, for a sample without a label, and for multi-label data.
std::vector<int> labels_in_model(const Model& model, const Dataset& dataset, const std::vector<int>& samples);

// Of multi-label data.
struct MultiLabelResult {
  MultiLabelEvaluation evaluation{};
  ClassTable table{};
  std::vector<std::string> unreadable;  // "path: reason"
};
MultiLabelResult evaluate_multi_label(const Model& model, const Dataset& dataset, ClassTable table);
// Both throw Error when the model has not a sigmoid for each of the data's classes, which are matched by
// name, or when every image is unreadable.
MultiLabelResult evaluate_multi_label(const Model& model, const Dataset& dataset,
                                      const PredictOptions& options, Progress& progress);

// From class probabilities that are known already.
DatasetEvaluation evaluate_table(const Model& model, const Dataset& dataset, ClassTable table, int top);
// The data set's classes are matched to the model's by name. Throws Error when they differ or every image is
// unreadable.
DatasetEvaluation evaluate(const Model& model, const Dataset& dataset, const PredictOptions& options,
                           Progress& progress);

}  // namespace headstart
