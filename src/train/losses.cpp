// Stable cross-entropy from logits with its gradient.
#include "headstart/losses.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

constexpr Loss kLosses[] = {Loss::binary_crossentropy, Loss::categorical_crossentropy,
                            Loss::sparse_categorical_crossentropy};

std::size_t units_of(std::size_t logits, std::size_t batch) {
  if (batch == 0 || logits == 0 || logits % batch != 0) {
    throw Error(fmt::format(
        "[loss] logits need the same number of units for each sample; received {} values for {} samples",
        logits, batch));
  }
  return logits / batch;
}

void check_targets(std::size_t logits, std::size_t targets) {
  if (targets != logits) {
    throw Error(
        fmt::format("[loss] the targets have the size of the logits ({}); received {}", logits, targets));
  }
}

void check_sizes(std::size_t logits, std::size_t batch, std::size_t weights, std::size_t diff_logits) {
  if (weights != 0 && weights != batch) {
    throw Error(fmt::format("[loss] expected one weight a sample ({}); received {}", batch, weights));
  }
  if (diff_logits != 0 && diff_logits != logits) {
    throw Error(
        fmt::format("[loss] the gradient has the size of the logits ({}); received {}", logits, diff_logits));
  }
}

double weight_of(std::span<const float> weights, std::size_t i) {
  return weights.empty() ? 1.0 : static_cast<double>(weights[i]);
}

std::size_t argmax(std::span<const float> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

// Natural logarithm of the sum of exponentials.
double log_sum_exp(std::span<const float> row) {
  const double largest = static_cast<double>(*std::max_element(row.begin(), row.end()));
  double sum = 0.0;
  for (const float value : row) {
    sum += std::exp(static_cast<double>(value) - largest);
  }
  return largest + std::log(sum);
}

double sigmoid(double logit) {
  const double small = std::exp(-std::abs(logit));
  return logit >= 0.0 ? 1.0 / (1.0 + small) : small / (1.0 + small);
}

bool predicted_right(std::span<const float> logits, std::span<const float> targets) {
  return logits.size() == 1 ? (logits[0] > 0.0F) == (targets[0] > 0.5F) : argmax(logits) == argmax(targets);
}

std::vector<float> one_hot(std::span<const int> labels, std::size_t units) {
  const std::size_t classes = units == 1 ? 2 : units;
  std::vector<float> targets(labels.size() * units, 0.0F);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= classes) {
      throw Error(fmt::format("[loss] labels run from 0 to {}; received {}", classes - 1, labels[i]));
    }
    if (units == 1) {
      targets[i] = static_cast<float>(labels[i]);
    } else {
      targets[i * units + static_cast<std::size_t>(labels[i])] = 1.0F;
    }
  }
  return targets;
}

std::vector<float> multi_hot(std::span<const int> labels, std::span<const std::vector<int>> sets,
                             std::size_t units) {
  std::vector<float> targets(labels.size() * units, 0.0F);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= sets.size()) {
      throw Error(
          fmt::format("[loss] labels run from 0 to below {}, the number of sets of classes; received {}",
                      sets.size(), labels[i]));
    }
    for (const int one : sets[static_cast<std::size_t>(labels[i])]) {
      if (one < 0 || static_cast<std::size_t>(one) >= units) {
        throw Error(fmt::format("[loss] classes run from 0 to below {}; received {}", units, one));
      }
      targets[i * units + static_cast<std::size_t>(one)] = 1.0F;
    }
  }
  return targets;
}

std::vector<float> targets_of(std::span<const int> labels, std::span<const std::vector<int>> sets,
                              std::size_t units) {
  return sets.empty() ? one_hot(labels, units) : multi_hot(labels, sets, units);
}

}  // namespace

Loss loss_from(const std::string& name) {
  std::vector<std::string> names;
  for (const Loss loss : kLosses) {
    if (name == to_string(loss)) {
      return loss;
    }
    names.push_back(to_string(loss));
  }
  throw Error(fmt::format("[loss] expected one of {}; received {}{}", fmt::join(names, ", "), name,
                          did_you_mean(name, names)));
}

std::string to_string(Loss loss) {
  switch (loss) {
    case Loss::binary_crossentropy:
      return "binary_crossentropy";
    case Loss::categorical_crossentropy:
      return "categorical_crossentropy";
    case Loss::sparse_categorical_crossentropy:
      return "sparse_categorical_crossentropy";
  }
  throw Error("[loss] unknown loss");
}

Loss loss_for(const Graph& graph) {
  return output_activation(graph) == OutputActivation::sigmoid ? Loss::binary_crossentropy
                                                               : Loss::sparse_categorical_crossentropy;
}

LossValue sparse_categorical_crossentropy(std::span<const float> logits, std::span<const int> labels,
                                          std::span<const float> weights, std::span<float> diff_logits) {
  const std::size_t batch = labels.size();
  const std::size_t units = units_of(logits.size(), batch);
  check_sizes(logits.size(), batch, weights.size(), diff_logits.size());
  LossValue value;
  for (std::size_t i = 0; i < batch; ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= units) {
      throw Error(fmt::format("[loss] labels run from 0 to {}; received {}", units - 1, labels[i]));
    }
    const auto label = static_cast<std::size_t>(labels[i]);
    const auto row = logits.subspan(i * units, units);
    const double normalizer = log_sum_exp(row);
    const double factor = weight_of(weights, i) / static_cast<double>(batch);
    value.loss += factor * (normalizer - static_cast<double>(row[label]));
    value.correct += argmax(row) == label ? 1.0 : 0.0;
    if (!diff_logits.empty()) {
      for (std::size_t c = 0; c < units; ++c) {
        const double probability = std::exp(static_cast<double>(row[c]) - normalizer);
        diff_logits[i * units + c] = static_cast<float>(factor * (probability - (c == label ? 1.0 : 0.0)));
      }
    }
  }
  return value;
}

LossValue categorical_crossentropy(std::span<const float> logits, std::span<const float> targets, int batch,
                                   std::span<const float> weights, std::span<float> diff_logits) {
  const auto count = static_cast<std::size_t>(std::max(batch, 0));
  const std::size_t units = units_of(logits.size(), count);
  check_sizes(logits.size(), count, weights.size(), diff_logits.size());
  check_targets(logits.size(), targets.size());
  LossValue value;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = logits.subspan(i * units, units);
    const auto target = targets.subspan(i * units, units);
    const double normalizer = log_sum_exp(row);
    const double factor = weight_of(weights, i) / static_cast<double>(count);
    double total = 0.0;
    for (std::size_t c = 0; c < units; ++c) {
      value.loss += factor * static_cast<double>(target[c]) * (normalizer - static_cast<double>(row[c]));
      total += static_cast<double>(target[c]);
    }
    value.correct += predicted_right(row, target) ? 1.0 : 0.0;
    for (std::size_t c = 0; c < units && !diff_logits.empty(); ++c) {
      const double probability = std::exp(static_cast<double>(row[c]) - normalizer);
      diff_logits[i * units + c] =
          static_cast<float>(factor * (total * probability - static_cast<double>(target[c])));
    }
  }
  return value;
}

LossValue binary_crossentropy(std::span<const float> logits, std::span<const float> targets, int batch,
                              std::span<const float> weights, std::span<float> diff_logits) {
  const auto count = static_cast<std::size_t>(std::max(batch, 0));
  const std::size_t units = units_of(logits.size(), count);
  check_sizes(logits.size(), count, weights.size(), diff_logits.size());
  check_targets(logits.size(), targets.size());
  LossValue value;
  for (std::size_t i = 0; i < count; ++i) {
    const double factor = weight_of(weights, i) / static_cast<double>(count * units);
    for (std::size_t j = i * units; j < (i + 1) * units; ++j) {
      const auto logit = static_cast<double>(logits[j]);
      const auto target = static_cast<double>(targets[j]);
      value.loss += factor * (std::max(logit, 0.0) - logit * target + std::log1p(std::exp(-std::abs(logit))));
      if (!diff_logits.empty()) {
        diff_logits[j] = static_cast<float>(factor * (sigmoid(logit) - target));
      }
    }
    value.correct +=
        predicted_right(logits.subspan(i * units, units), targets.subspan(i * units, units)) ? 1.0 : 0.0;
  }
  return value;
}

std::vector<float> soft_targets(const SoftLabels& soft, std::size_t units) {
  if (units == 0 || (!soft.partners.empty() && soft.partners.size() != soft.labels.size())) {
    throw Error(fmt::format(
        "[loss] expected units and a partner for each of {} samples or for none; received {} units and {} "
        "partners; give as many",
        soft.labels.size(), units, soft.partners.size()));
  }
  auto targets = targets_of(soft.labels, soft.sets, units);
  if (!soft.partners.empty()) {
    const auto others = targets_of(soft.partners, soft.sets, units);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      targets[i] = soft.share * targets[i] + (1.0F - soft.share) * others[i];
    }
  }
  const std::size_t outcomes = soft.sets.empty() ? std::max<std::size_t>(units, 2) : 2;
  const float everywhere = soft.smoothing / static_cast<float>(outcomes);
  for (float& target : targets) {
    target = (1.0F - soft.smoothing) * target + everywhere;
  }
  return targets;
}

LossValue loss_of_targets(Loss loss, std::span<const float> logits, std::span<const float> targets, int batch,
                          std::span<const float> weights, std::span<float> diff_logits) {
  return loss == Loss::binary_crossentropy
             ? binary_crossentropy(logits, targets, batch, weights, diff_logits)
             : categorical_crossentropy(logits, targets, batch, weights, diff_logits);
}

LossValue loss_of_labels(Loss loss, std::span<const float> logits, std::span<const int> labels,
                         std::span<const float> weights, std::span<float> diff_logits) {
  const auto batch = static_cast<int>(labels.size());
  const std::size_t units = units_of(logits.size(), labels.size());
  switch (loss) {
    case Loss::binary_crossentropy:
      return binary_crossentropy(logits, one_hot(labels, units), batch, weights, diff_logits);
    case Loss::categorical_crossentropy:
      return categorical_crossentropy(logits, one_hot(labels, units), batch, weights, diff_logits);
    case Loss::sparse_categorical_crossentropy:
      return sparse_categorical_crossentropy(logits, labels, weights, diff_logits);
  }
  throw Error("[loss] unknown loss");
}

double right_shares(std::span<const float> logits, std::span<const float> targets, int batch) {
  const std::size_t units = units_of(logits.size(), static_cast<std::size_t>(std::max(batch, 0)));
  check_targets(logits.size(), targets.size());
  std::int64_t right = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    right += (logits[i] > 0.0F) == (targets[i] > 0.5F) ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(units);
}

Tensor probabilities(OutputActivation activation, const Tensor& logits) {
  Tensor result = logits;
  if (activation == OutputActivation::sigmoid) {
    for (float& value : result.values()) {
      value = static_cast<float>(sigmoid(static_cast<double>(value)));
    }
  } else if (activation == OutputActivation::softmax && !result.empty()) {
    if (logits.shape().empty()) {
      throw Error("[loss] softmax: rows of logits were expected; received a single number");
    }
    const auto units = static_cast<std::size_t>(logits.shape().back());
    for (std::size_t begin = 0; begin < result.values().size(); begin += units) {
      const auto row = result.values().subspan(begin, units);
      const double normalizer = log_sum_exp(row);
      for (float& value : row) {
        value = static_cast<float>(std::exp(static_cast<double>(value) - normalizer));
      }
    }
  }
  return result;
}

}  // namespace headstart
