#include "headstart/evaluate.h"

#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "headstart/acceptance.h"
#include "headstart/error.h"
#include "headstart/losses.h"

namespace headstart {

std::vector<int> labels_in_model(const Model& model, const Dataset& dataset,
                                 const std::vector<int>& samples) {
  if (is_multi_label(dataset)) {
    throw Error("[evaluate] expected photos of one class each; received multi-label data");
  }
  const auto indices = indices_in_model(model, dataset.class_names);
  std::vector<int> labels;
  labels.reserve(samples.size());
  for (const int sample : samples) {
    const auto& [path, label, group] = dataset.samples.at(static_cast<std::size_t>(sample));
    if (label < 0 || static_cast<std::size_t>(label) >= indices.size()) {
      throw Error(fmt::format(
          "[evaluate] expected a label below {}, the number of the data's classes; received {} for {}; leave "
          "out what has no label",
          indices.size(), label, path));
    }
    labels.push_back(indices[static_cast<std::size_t>(label)]);
  }
  return labels;
}

LimitsReport count_accepted(const Model& model, std::span<const float> strangeness,
                            std::span<const int> labels) {
  LimitsReport report;
  for (const auto& name : class_labels(model)) {
    report.classes.push_back({.name = name});
  }
  if (labels.size() != strangeness.size()) {
    throw Error(fmt::format("[evaluate] expected a label for each of {} photos; received {}",
                            strangeness.size(), labels.size()));
  }
  for (std::size_t row = 0; row < strangeness.size(); ++row) {
    if (labels[row] < 0 || static_cast<std::size_t>(labels[row]) >= report.classes.size()) {
      throw Error(fmt::format("[evaluate] expected labels from 0 to below {}; received {}",
                              report.classes.size(), labels[row]));
    }
    KnownShare& one = report.classes[static_cast<std::size_t>(labels[row])];
    const std::int64_t accepted = is_unknown(strangeness[row]) ? 0 : 1;
    ++one.images, ++report.images;
    one.accepted += accepted, report.accepted += accepted;
  }
  return report;
}

double unknown_share(std::int64_t accepted, std::int64_t images) {
  return images == 0 ? 0.0 : static_cast<double>(images - accepted) / static_cast<double>(images);
}

namespace {

// The model's index of each of the data's classes.
std::vector<int> independent_indices(const Model& model, const Dataset& dataset) {
  require_classifier(model);
  if (!has_independent_classes(model.graph)) {
    throw Error(fmt::format(
        "[evaluate] expected a model with a sigmoid for each class, as the data have any number of "
        "classes a photo; received {}, whose classes exclude each other; train one on such data",
        model.graph.name()));
  }
  return indices_in_model(model, dataset.class_names);
}

}  // namespace

MultiLabelResult evaluate_multi_label(const Model& model, const Dataset& dataset, ClassTable table) {
  const auto indices = independent_indices(model, dataset);
  if (table.samples.empty()) {
    throw Error(
        fmt::format("[evaluate] expected images; none of the {} could be read", dataset.samples.size()));
  }
  std::vector<std::vector<int>> labels;
  for (const int sample : table.samples) {
    labels.emplace_back();
    for (const int label : classes_of(dataset, dataset.samples.at(static_cast<std::size_t>(sample)))) {
      labels.back().push_back(indices.at(static_cast<std::size_t>(label)));
    }
  }
  MultiLabelResult result;
  result.table = std::move(table);
  result.evaluation = measure_multi_label(result.table.probabilities, labels, class_labels(model));
  result.unreadable = unreadable_lines(dataset, result.table.unreadable);
  return result;
}

MultiLabelResult evaluate_multi_label(const Model& model, const Dataset& dataset,
                                      const PredictOptions& options, Progress& progress) {
  independent_indices(model, dataset);  // before the work
  return evaluate_multi_label(model, dataset, classify_dataset(model, dataset, options, progress));
}

DatasetEvaluation evaluate_table(const Model& model, const Dataset& dataset, ClassTable table, int top) {
  DatasetEvaluation result;
  result.labels = labels_in_model(model, dataset, table.samples);
  result.table = std::move(table);
  const ClassTable& computed = result.table;
  if (computed.samples.empty()) {
    throw Error(
        fmt::format("[evaluate] expected images; none of the {} could be read", dataset.samples.size()));
  }
  if (!computed.strangeness.empty()) {
    result.known = count_accepted(model, computed.strangeness, result.labels);
  }
  result.evaluation = measure(computed.probabilities, result.labels, class_labels(model), top,
                              has_independent_classes(model.graph) ? Loss::binary_crossentropy
                                                                   : Loss::sparse_categorical_crossentropy);
  result.unreadable = unreadable_lines(dataset, computed.unreadable);
  return result;
}

DatasetEvaluation evaluate(const Model& model, const Dataset& dataset, const PredictOptions& options,
                           Progress& progress) {
  require_classifier(model);
  std::vector<int> samples(dataset.samples.size());
  std::iota(samples.begin(), samples.end(), 0);
  labels_in_model(model, dataset, samples);  // before the work
  return evaluate_table(model, dataset, classify_dataset(model, dataset, options, progress), options.top);
}

}  // namespace headstart
