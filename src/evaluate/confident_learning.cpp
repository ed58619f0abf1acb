// From out-of-fold probabilities to the labels that are probably wrong.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/labels.h"

namespace headstart {
namespace {

using Matrix = std::vector<std::vector<double>>;

// Probabilities by row.
struct Rows {
  const Tensor& values;
  std::size_t classes = 0;

  double operator()(std::size_t row, std::size_t column) const {
    return values.values()[row * classes + column];
  }
};

Rows checked_rows(const Tensor& probabilities, const std::vector<int>& labels) {
  const Shape& shape = probabilities.shape();
  if (shape.size() != 2 || shape[0] != static_cast<std::int64_t>(labels.size()) || shape[1] < 2) {
    throw Error(
        fmt::format("[labels] probabilities of {} images for at least two classes were expected; received {}",
                    labels.size(), to_string(shape)));
  }
  for (const int label : labels) {
    if (label < 0 || label >= shape[1]) {
      throw Error(fmt::format("[labels] labels below {} were expected; received {}", shape[1], label));
    }
  }
  for (const float value : probabilities.values()) {
    if (!(value >= 0.0F && value <= 1.0F)) {
      throw Error(fmt::format("[labels] probabilities were expected; received {}", value));
    }
  }
  return {probabilities, static_cast<std::size_t>(shape[1])};
}

std::vector<double> thresholds(const Rows& rows, const std::vector<int>& labels) {
  std::vector<double> sums(rows.classes, 0.0), images(rows.classes, 0.0);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const auto label = static_cast<std::size_t>(labels[row]);
    sums[label] += rows(row, label);
    images[label] += 1.0;
  }
  for (std::size_t c = 0; c < rows.classes; ++c) {
    sums[c] = images[c] == 0.0 ? 0.0 : sums[c] / images[c];
  }
  return sums;
}

// The class that a row is counted for; of equals the first. Empty: it reaches no threshold.
std::optional<std::size_t> confident_class(const Rows& rows, std::size_t row,
                                           const std::vector<double>& threshold,
                                           const std::vector<std::int64_t>& support) {
  std::optional<std::size_t> best;
  for (std::size_t c = 0; c < rows.classes; ++c) {
    if (support[c] > 0 && rows(row, c) >= threshold[c] && (!best || rows(row, c) > rows(row, *best))) {
      best = c;
    }
  }
  return best;
}

// A class of which nothing is counted keeps its labels.
Matrix calibrated_joint(const std::vector<std::vector<std::int64_t>>& counts,
                        const std::vector<std::int64_t>& support, std::size_t images) {
  Matrix joint(counts.size(), std::vector<double>(counts.size(), 0.0));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::int64_t counted = 0;
    for (const auto count : counts[i]) {
      counted += count;
    }
    const double share = static_cast<double>(support[i]) / static_cast<double>(images);
    if (counted == 0) {
      joint[i][i] = share;
      continue;
    }
    for (std::size_t j = 0; j < counts.size(); ++j) {
      joint[i][j] = share * static_cast<double>(counts[i][j]) / static_cast<double>(counted);
    }
  }
  return joint;
}

void estimate_shares(ConfidentLearning& learning) {
  for (std::size_t i = 0; i < learning.joint.size(); ++i) {
    double wrong = 0.0, all = 0.0;
    for (std::size_t j = 0; j < learning.joint.size(); ++j) {
      all += learning.joint[i][j];
      wrong += i == j ? 0.0 : learning.joint[i][j];
    }
    learning.wrong += wrong;
    learning.wrong_of_class.push_back(all > 0.0 ? wrong / all : 0.0);
  }
}

using CandidateOfSample = std::vector<std::optional<LabelCandidate>>;

// Takes the sample for the pair of classes when its margin is positive and greater than that of an earlier
// pair.
void take(const Rows& rows, std::size_t row, std::size_t given, std::size_t other, CandidateOfSample& taken) {
  const double score = rows(row, other) - rows(row, given);
  if (score > 0.0 && (!taken[row] || score > taken[row]->score)) {
    taken[row] = {.sample = row,
                  .given = static_cast<int>(given),
                  .suggested = static_cast<int>(other),
                  .given_probability = rows(row, given),
                  .suggested_probability = rows(row, other),
                  .score = score};
  }
}

// Of `samples`, all given one class, the `wanted` ones for which `other` leads by the most, and those for
// which it leads by so much that no estimate is needed.
void take_surest(const Rows& rows, std::vector<std::size_t> samples, std::size_t given, std::size_t other,
                 std::size_t wanted, CandidateOfSample& taken) {
  const auto margin = [&](std::size_t row) { return rows(row, other) - rows(row, given); };
  std::stable_sort(samples.begin(), samples.end(),
                   [&](std::size_t a, std::size_t b) { return margin(a) > margin(b); });
  for (std::size_t i = 0; i < samples.size() && (i < wanted || margin(samples[i]) >= kPlainScore); ++i) {
    take(rows, samples[i], given, other, taken);
  }
}

std::vector<LabelCandidate> ranked_candidates(const Rows& rows, const std::vector<int>& labels,
                                              const Matrix& joint) {
  std::vector<std::vector<std::size_t>> of_class(rows.classes);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    of_class[static_cast<std::size_t>(labels[row])].push_back(row);
  }
  CandidateOfSample taken(labels.size());
  for (std::size_t given = 0; given < rows.classes; ++given) {
    for (std::size_t other = 0; other < rows.classes; ++other) {
      constexpr double kLastBits = 1e-9;  // so that a half is rounded up
      const auto wanted = std::llround(joint[given][other] * static_cast<double>(labels.size()) + kLastBits);
      if (given != other && !of_class[other].empty()) {
        take_surest(rows, of_class[given], given, other, static_cast<std::size_t>(wanted), taken);
      }
    }
  }
  std::vector<LabelCandidate> candidates;
  for (const auto& one : taken) {
    if (one) {
      candidates.push_back(*one);
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const LabelCandidate& a, const LabelCandidate& b) { return a.score > b.score; });
  return candidates;
}

}  // namespace

ConfidentLearning confident_learning(const Tensor& probabilities, const std::vector<int>& labels) {
  const Rows rows = checked_rows(probabilities, labels);
  std::vector<std::int64_t> support(rows.classes, 0);
  for (const int label : labels) {
    ++support[static_cast<std::size_t>(label)];
  }
  ConfidentLearning learning;
  learning.threshold = thresholds(rows, labels);
  learning.counts.assign(rows.classes, std::vector<std::int64_t>(rows.classes, 0));
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const auto given = static_cast<std::size_t>(labels[row]);
    const auto found = confident_class(rows, row, learning.threshold, support);
    if (found) {
      ++learning.counts[given][*found];
    }
  }
  learning.joint = calibrated_joint(learning.counts, support, labels.size());
  estimate_shares(learning);
  learning.candidates = ranked_candidates(rows, labels, learning.joint);
  return learning;
}

}  // namespace headstart
