// Which photos a finished model is to call unknown: fitted on photos, and measured on others.
#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "headstart/calibrate.h"
#include "headstart/error.h"

namespace headstart {
namespace {

// Features and most probable class of the photos that could be read.
struct Seen {
  Tensor features;
  std::vector<int> predicted;
  std::vector<int> samples;
};

Seen look_at(const Model& model, NodeId node, const Dataset& dataset, const PredictOptions& options,
             Progress& progress) {
  auto computed = compute_outputs(model, dataset, {model.graph.output(), node}, options, progress);
  const Tensor& values = computed.outputs[1];
  return {.features = unit_features(values.values(), values.shape()[0], feature_channels(model.graph, node)),
          .predicted = most_probable_classes(class_probabilities(model, computed.outputs[0])),
          .samples = std::move(computed.samples)};
}

template <typename Value>
std::vector<Value> chosen(const std::vector<Value>& values, const std::vector<std::size_t>& rows) {
  std::vector<Value> result;
  result.reserve(rows.size());
  for (const std::size_t row : rows) {
    result.push_back(values[row]);
  }
  return result;
}

Tensor chosen(const Tensor& table, const std::vector<std::size_t>& rows) {
  const std::int64_t width = table.shape()[1];
  Tensor result({static_cast<std::int64_t>(rows.size()), width});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(table.data() + static_cast<std::int64_t>(rows[i]) * width, width,
                result.data() + static_cast<std::int64_t>(i) * width);
  }
  return result;
}

std::vector<std::size_t> every_second(std::size_t first, std::size_t count) {
  std::vector<std::size_t> rows;
  for (std::size_t row = first; row < count; row += 2) {
    rows.push_back(row);
  }
  return rows;
}

NodeId features_of(const Model& model) {
  require_classifier(model);
  if (model.acceptance) {
    return model.graph.require(model.acceptance->node);
  }
  const auto source = feature_source(model.graph);
  if (!source) {
    throw Error(
        fmt::format("[calibrate] expected a network that ends in one layer with weights; {} has none that "
                    "reads features, "
                    "so nothing says which photos are unknown; use --accept 0",
                    model.graph.name()));
  }
  return source->node;
}

Acceptance fitted(const Model& model, NodeId node, const Tensor& features, const std::vector<int>& labels) {
  Acceptance result = fit_acceptance(features, labels, static_cast<int>(class_labels(model).size()));
  result.node = model.graph.node(node).name;
  return result;
}

}  // namespace

LimitsReport fit_limits(Model& model, const Dataset* training, const Dataset& held_out, double share,
                        const PredictOptions& options, Progress& progress) {
  const NodeId node = features_of(model);
  const Seen seen = look_at(model, node, held_out, options, progress);
  const auto labels = labels_in_model(model, held_out, seen.samples);
  std::vector<std::size_t> rows(labels.size());  // that the limits are fitted on
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  Acceptance acceptance;
  if (model.acceptance) {
    acceptance = *model.acceptance;
  } else if (training != nullptr) {
    const Seen known = look_at(model, node, *training, options, progress);
    acceptance = fitted(model, node, known.features, labels_in_model(model, *training, known.samples));
  } else {
    const auto others = every_second(0, rows.size());
    rows = every_second(1, rows.size());
    acceptance = fitted(model, node, chosen(seen.features, others), chosen(labels, others));
  }
  const auto predicted = chosen(seen.predicted, rows);
  const auto far = distances(acceptance, chosen(seen.features, rows));
  fit_limits(acceptance, far, predicted, share);
  LimitsReport report = count_accepted(model, strangeness(acceptance, far, predicted), chosen(labels, rows));
  model.acceptance = std::move(acceptance);
  return report;
}

OutsideReport measure_outside(const Model& model, const Dataset& held_out,
                              const std::vector<std::string>& strangers, const PredictOptions& options,
                              Progress& progress) {
  if (!model.acceptance) {
    throw Error("[calibrate] expected a model that tells unknown photos; received one without limits");
  }
  Dataset outside;
  for (const auto& path : strangers) {
    outside.samples.push_back({.path = path, .label = -1, .group = ""});
  }
  PredictOptions plain = options;
  plain.accept_all = false;
  const auto known = classify_dataset(model, held_out, plain, progress).strangeness;
  const auto strange = classify_dataset(model, outside, plain, progress).strangeness;
  return {.images = static_cast<std::int64_t>(strange.size()),
          .unknown = std::count_if(strange.begin(), strange.end(), is_unknown),
          .separation = separation(known, strange)};
}

}  // namespace headstart
