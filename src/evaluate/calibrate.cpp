#include "headstart/calibrate.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "evaluate/require_class_table.h"
#include "headstart/error.h"
#include "headstart/losses.h"

namespace headstart {
namespace {

// The logarithm of a probability that a float rounded to 0.
double safe_log(float probability) { return std::log(std::max(static_cast<double>(probability), 1e-38)); }

// -log of the label's share after scaling by 1 / temperature.
double row_loss(std::span<const float> row, std::size_t label, double temperature) {
  const double greatest = safe_log(*std::max_element(row.begin(), row.end()));
  double sum = 0;
  for (const float p : row) {
    sum += std::exp((safe_log(p) - greatest) / temperature);
  }
  return std::log(sum) - (safe_log(row[label]) - greatest) / temperature;
}

double mean_loss(const Tensor& probabilities, const std::vector<int>& labels, double temperature) {
  const auto classes = static_cast<std::size_t>(probabilities.shape()[1]);
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    sum += row_loss(probabilities.values().subspan(i * classes, classes), static_cast<std::size_t>(labels[i]),
                    temperature);
  }
  return sum / static_cast<double>(labels.size());
}

void check_sizes(const Tensor& probabilities, const std::vector<int>& labels) {
  const auto& shape = probabilities.shape();
  if (shape.size() != 2 || labels.empty() || shape[0] != static_cast<std::int64_t>(labels.size())) {
    throw Error(
        fmt::format("[calibrate] a row of probabilities for each of at least one label was expected; "
                    "received {} and {} labels",
                    to_string(shape), labels.size()));
  }
  for (const int label : labels) {
    if (label < 0 || label >= shape[1]) {
      throw Error(fmt::format("[calibrate] labels below {} were expected; received {}", shape[1], label));
    }
  }
}

}  // namespace

void apply_temperature(Tensor& probabilities, double temperature) {
  require_class_table(probabilities);
  if (temperature == 1.0) {
    return;
  }
  const auto classes = static_cast<std::size_t>(probabilities.shape()[1]);
  const auto rows = static_cast<std::size_t>(probabilities.shape()[0]);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto row = probabilities.values().subspan(i * classes, classes);
    const double greatest = safe_log(*std::max_element(row.begin(), row.end()));
    double sum = 0;
    for (float& p : row) {
      const double scaled = std::exp((safe_log(p) - greatest) / temperature);
      p = static_cast<float>(scaled);
      sum += scaled;
    }
    for (float& p : row) {
      p = static_cast<float>(static_cast<double>(p) / sum);
    }
  }
}

double fit_temperature(const Tensor& probabilities, const std::vector<int>& labels) {
  check_sizes(probabilities, labels);
  // The loss is convex in 1 / temperature, so it has one minimum in its logarithm: golden-section search.
  constexpr double kGolden = 0.6180339887498949;
  double low = std::log(kLeastTemperature), high = std::log(kGreatestTemperature);
  const auto loss = [&](double x) { return mean_loss(probabilities, labels, std::exp(x)); };
  double left = high - kGolden * (high - low), right = low + kGolden * (high - low);
  double at_left = loss(left), at_right = loss(right);
  while (high - low > 1e-5) {
    if (at_left <= at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - kGolden * (high - low);
      at_left = loss(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + kGolden * (high - low);
      at_right = loss(right);
    }
  }
  return std::exp(0.5 * (low + high));
}

Calibration calibrate(Model& model, const Dataset& dataset, const PredictOptions& options,
                      Progress& progress) {
  require_classifier(model);
  if (output_activation(model.graph) == OutputActivation::sigmoid && model.graph.output_shape().at(0) > 1) {
    throw Error(
        "[calibrate] a softmax or a single sigmoid was expected; received several independent sigmoids, "
        "which "
        "have no common temperature");
  }
  const double former = model.temperature;
  model.temperature = 1.0;
  Calibration result;
  try {
    auto measured = evaluate(model, dataset, options, progress);
    result.before = std::move(measured.evaluation);
    const double temperature = fit_temperature(measured.table.probabilities, measured.labels);
    constexpr double kNear = 1.01;
    result.fitted = temperature > kNear * kLeastTemperature && temperature * kNear < kGreatestTemperature;
    model.temperature = result.temperature = result.fitted ? temperature : former;
    apply_temperature(measured.table.probabilities, result.temperature);
    result.after = measure(measured.table.probabilities, measured.labels, class_labels(model), options.top);
  } catch (...) {
    model.temperature = former;
    throw;
  }
  return result;
}

}  // namespace headstart
