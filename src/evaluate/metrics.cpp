#include "headstart/metrics.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

void check_sizes(const Tensor& probabilities, const std::vector<int>& labels, std::size_t classes) {
  const Shape expected{static_cast<std::int64_t>(labels.size()), static_cast<std::int64_t>(classes)};
  if (labels.empty()) {
    throw Error("[evaluate] expected at least one image; received none");
  }
  if (probabilities.shape() != expected) {
    throw Error(fmt::format("[evaluate] expected probabilities {}; received {}", to_string(expected),
                            to_string(probabilities.shape())));
  }
  for (const int label : labels) {
    if (label < 0 || static_cast<std::size_t>(label) >= classes) {
      throw Error(fmt::format("[evaluate] expected labels below {}; received {}", classes, label));
    }
  }
}

// How many classes come before `label` when they are sorted by falling probability, equals by index.
std::int64_t rank_of(std::span<const float> row, std::size_t label) {
  std::int64_t rank = 0;
  for (std::size_t c = 0; c < row.size(); ++c) {
    rank += row[c] > row[label] || (row[c] == row[label] && c < label) ? 1 : 0;
  }
  return rank;
}

double ratio(double numerator, double denominator) { return denominator > 0 ? numerator / denominator : 0.0; }

std::vector<ClassMetrics> class_metrics(const std::vector<std::vector<std::int64_t>>& confusion,
                                        const std::vector<std::string>& names) {
  std::vector<ClassMetrics> classes;
  for (std::size_t c = 0; c < names.size(); ++c) {
    std::int64_t predicted = 0, support = 0;
    for (std::size_t other = 0; other < names.size(); ++other) {
      predicted += confusion[other][c];
      support += confusion[c][other];
    }
    const auto right = static_cast<double>(confusion[c][c]);
    classes.push_back({.name = names[c],
                       .precision = ratio(right, static_cast<double>(predicted)),
                       .recall = ratio(right, static_cast<double>(support)),
                       .f1 = ratio(2.0 * right, static_cast<double>(predicted + support)),
                       .support = support});
  }
  return classes;
}

double mean_recall(const std::vector<ClassMetrics>& classes) {
  double sum = 0, present = 0;
  for (const auto& one : classes) {
    sum += one.recall;
    present += one.support > 0 ? 1.0 : 0.0;
  }
  return ratio(sum, present);
}

}  // namespace

Evaluation measure(const Tensor& probabilities, const std::vector<int>& labels,
                   const std::vector<std::string>& class_names) {
  constexpr double kSmallest = 1e-7;
  const std::size_t classes = class_names.size();
  check_sizes(probabilities, labels, classes);
  Evaluation result;
  result.confusion.assign(classes, std::vector<std::int64_t>(classes));
  std::int64_t top5 = 0, right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.values().subspan(i * classes, classes);
    const auto label = static_cast<std::size_t>(labels[i]);
    const auto rank = rank_of(row, label);
    right += rank == 0 ? 1 : 0;
    top5 += rank < 5 ? 1 : 0;
    result.loss -= std::log(std::clamp(static_cast<double>(row[label]), kSmallest, 1.0 - kSmallest));
    const auto predicted = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    ++result.confusion[label][predicted];
  }
  const auto images = static_cast<double>(labels.size());
  result.images = static_cast<std::int64_t>(labels.size());
  result.loss /= images;
  result.accuracy = static_cast<double>(right) / images;
  result.top5_accuracy = static_cast<double>(top5) / images;
  result.classes = class_metrics(result.confusion, class_names);
  result.balanced_accuracy = mean_recall(result.classes);
  return result;
}

}  // namespace headstart
