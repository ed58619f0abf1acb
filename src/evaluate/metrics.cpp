#include "headstart/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "headstart/class_table.h"
#include "headstart/error.h"

namespace headstart {
namespace {

void check_table(const Tensor& probabilities, std::size_t images, std::size_t classes) {
  const Shape expected{static_cast<std::int64_t>(images), static_cast<std::int64_t>(classes)};
  if (images == 0) {
    throw Error("[evaluate] expected at least one image; received none");
  }
  if (probabilities.shape() != expected) {
    throw Error(fmt::format("[evaluate] expected probabilities {}; received {}", to_string(expected),
                            to_string(probabilities.shape())));
  }
  if (!is_finite(probabilities)) {
    throw Error("[evaluate] expected probabilities; received some that are no numbers");
  }
}

void check_labels(const std::vector<int>& labels, std::size_t classes) {
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

double surprise(double p) {
  constexpr double kSmallest = 1e-7;
  return -std::log(std::clamp(p, kSmallest, 1.0 - kSmallest));
}

// -log of the label's probability, or the mean of every sigmoid's.
double loss_of_row(std::span<const float> row, std::size_t label, Loss loss) {
  if (loss != Loss::binary_crossentropy) {
    return surprise(static_cast<double>(row[label]));
  }
  double sum = 0.0;
  for (std::size_t c = 0; c < row.size(); ++c) {
    const auto p = static_cast<double>(row[c]);
    sum += surprise(c == label ? p : 1.0 - p);
  }
  return sum / static_cast<double>(row.size());
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

// Of the classes that have images.
template <typename Metrics>
double mean_of(const std::vector<Metrics>& classes, double Metrics::*figure) {
  double sum = 0, present = 0;
  for (const auto& one : classes) {
    sum += one.support > 0 ? one.*figure : 0.0;
    present += one.support > 0 ? 1.0 : 0.0;
  }
  return ratio(sum, present);
}

// Collects confidences by bin, and their error in the end.
class Reliability {
 public:
  Reliability() : bins_(kBins) {
    for (std::size_t i = 0; i < kBins; ++i) {
      bins_[i].low = static_cast<double>(i) / kBins;
      bins_[i].high = static_cast<double>(i + 1) / kBins;
    }
  }
  void add(double confidence, bool right) {
    const double position = std::ceil(confidence * kBins) - 1.0;
    auto& bin = bins_[static_cast<std::size_t>(std::clamp(position, 0.0, kBins - 1.0))];
    ++bin.images;
    bin.confidence += confidence;
    bin.accuracy += right ? 1.0 : 0.0;
  }
  void finish(Evaluation& evaluation) {
    for (auto& bin : bins_) {
      const auto images = static_cast<double>(bin.images);
      evaluation.calibration_error += std::abs(bin.confidence - bin.accuracy);
      bin.confidence = ratio(bin.confidence, images);
      bin.accuracy = ratio(bin.accuracy, images);
    }
    evaluation.calibration_error =
        ratio(evaluation.calibration_error, static_cast<double>(evaluation.images));
    evaluation.reliability = std::move(bins_);
  }

 private:
  static constexpr std::size_t kBins = 15;
  std::vector<ReliabilityBin> bins_;
};

// Precision behind each positive, by falling probability, equals taken together.
double average_precision(const Tensor& probabilities, const std::vector<std::vector<bool>>& has,
                         std::size_t label) {
  const std::size_t classes = has.front().size();
  std::vector<std::size_t> order(has.size());
  std::iota(order.begin(), order.end(), 0);
  const auto probability = [&](std::size_t image) { return probabilities.values()[image * classes + label]; };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return probability(a) > probability(b); });
  double sum = 0.0, found = 0.0, found_before = 0.0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    found += has[order[i]][label] ? 1.0 : 0.0;
    if (i + 1 == order.size() || probability(order[i]) != probability(order[i + 1])) {
      sum += (found - found_before) * found / static_cast<double>(i + 1);
      found_before = found;
    }
  }
  return ratio(sum, found);
}

double f1_of(std::int64_t right, std::int64_t predicted, std::int64_t support) {
  return ratio(2.0 * static_cast<double>(right), static_cast<double>(predicted + support));
}

}  // namespace

MultiLabelEvaluation measure_multi_label(const Tensor& probabilities,
                                         const std::vector<std::vector<int>>& labels,
                                         const std::vector<std::string>& class_names) {
  const std::size_t classes = class_names.size();
  check_table(probabilities, labels.size(), classes);
  std::vector<std::vector<bool>> has(labels.size(), std::vector<bool>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    check_labels(labels[i], classes);
    for (const int label : labels[i]) {
      has[i][static_cast<std::size_t>(label)] = true;
    }
  }
  MultiLabelEvaluation result;
  result.images = static_cast<std::int64_t>(labels.size());
  for (const auto& name : class_names) {
    result.classes.push_back({.name = name});
  }
  std::int64_t exact = 0, agreeing = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::size_t alike = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      LabelMetrics& one = result.classes[c];
      const float probability = probabilities.values()[i * classes + c];
      const bool said = probability > kPresent, there = has[i][c];
      result.loss +=
          surprise(there ? static_cast<double>(probability) : 1.0 - static_cast<double>(probability));
      one.support += there ? 1 : 0;
      one.predicted += said ? 1 : 0;
      one.right += said && there ? 1 : 0;
      alike += said == there ? 1 : 0;
    }
    agreeing += static_cast<std::int64_t>(alike);
    exact += alike == classes ? 1 : 0;
  }
  std::int64_t right = 0, predicted = 0, support = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    LabelMetrics& one = result.classes[c];
    one.precision = ratio(static_cast<double>(one.right), static_cast<double>(one.predicted));
    one.recall = ratio(static_cast<double>(one.right), static_cast<double>(one.support));
    one.f1 = f1_of(one.right, one.predicted, one.support);
    one.average_precision = average_precision(probabilities, has, c);
    right += one.right, predicted += one.predicted, support += one.support;
  }
  const auto images = static_cast<double>(labels.size()), all = images * static_cast<double>(classes);
  result.loss /= all;
  result.accuracy = static_cast<double>(agreeing) / all;
  result.exact_accuracy = static_cast<double>(exact) / images;
  result.mean_average_precision = mean_of(result.classes, &LabelMetrics::average_precision);
  result.macro_f1 = mean_of(result.classes, &LabelMetrics::f1);
  result.micro_f1 = f1_of(right, predicted, support);
  return result;
}

Evaluation measure(const Tensor& probabilities, const std::vector<int>& labels,
                   const std::vector<std::string>& class_names, int top, Loss loss) {
  const std::size_t classes = class_names.size();
  check_table(probabilities, labels.size(), classes);
  check_labels(labels, classes);
  Evaluation result;
  result.confusion.assign(classes, std::vector<std::int64_t>(classes));
  result.top = top;
  Reliability reliability;
  std::int64_t top5 = 0, top_k = 0, right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.values().subspan(i * classes, classes);
    const auto label = static_cast<std::size_t>(labels[i]);
    const auto rank = rank_of(row, label);
    right += rank == 0 ? 1 : 0;
    top5 += rank < 5 ? 1 : 0;
    top_k += rank < top ? 1 : 0;
    result.loss += loss_of_row(row, label, loss);
    const auto predicted = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    ++result.confusion[label][predicted];
    reliability.add(static_cast<double>(row[predicted]), rank == 0);
  }
  const auto images = static_cast<double>(labels.size());
  result.images = static_cast<std::int64_t>(labels.size());
  result.loss /= images;
  result.accuracy = static_cast<double>(right) / images;
  result.top5_accuracy = static_cast<double>(top5) / images;
  result.top_accuracy = static_cast<double>(top_k) / images;
  result.classes = class_metrics(result.confusion, class_names);
  result.balanced_accuracy = mean_of(result.classes, &ClassMetrics::recall);
  result.macro_f1 = mean_of(result.classes, &ClassMetrics::f1);
  reliability.finish(result);
  return result;
}

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  if (trials < 1) {
    return {};
  }
  constexpr double kZ = 1.959963984540054;  // 95 % of the normal distribution, both sides
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double centre = share + kZ * kZ / (2.0 * n);
  const double spread = kZ * std::sqrt(share * (1.0 - share) / n + kZ * kZ / (4.0 * n * n));
  const double scale = 1.0 + kZ * kZ / n;
  return {.low = std::max(0.0, (centre - spread) / scale), .high = std::min(1.0, (centre + spread) / scale)};
}

std::vector<ConfusedPair> most_confused(const Evaluation& evaluation, std::size_t most) {
  std::vector<ConfusedPair> pairs;
  for (std::size_t label = 0; label < evaluation.confusion.size(); ++label) {
    for (std::size_t predicted = 0; predicted < evaluation.confusion.size(); ++predicted) {
      if (const auto count = evaluation.confusion[label][predicted]; label != predicted && count > 0) {
        pairs.push_back({label, predicted, count});
      }
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const ConfusedPair& a, const ConfusedPair& b) { return a.count > b.count; });
  pairs.resize(std::min(pairs.size(), most));
  return pairs;
}

}  // namespace headstart
