// One pass over a source through an inference program that starts at the boundary.
#include "train/evaluator.h"

#include <algorithm>

namespace headstart {

Evaluator::Evaluator(const Graph& graph, const Parameters& parameters, const EvaluatorOptions& options)
    : options_(options),
      units_(element_count(graph.output_shape())),
      program_(graph, parameters, {graph.output()},
               {.batch = options.batch,
                .precision = options.precision,
                .logits = true,
                .sources = options.boundary}),
      logits_(Shape{options.batch, units_}) {}

LossValue Evaluator::loss_of(std::span<const float> logits, std::span<const int> labels) const {
  if (options_.label_sets.empty()) {
    return loss_of_labels(options_.loss, logits, labels, {}, {});
  }
  const auto batch = static_cast<int>(labels.size());
  const auto targets =
      soft_targets({.labels = labels, .sets = options_.label_sets}, static_cast<std::size_t>(units_));
  LossValue value = loss_of_targets(options_.loss, logits, targets, batch, {}, {});
  value.correct = right_shares(logits, targets, batch);
  return value;
}

LossAndAccuracy Evaluator::evaluate(const Parameters& parameters, BoundarySource& source) {
  program_.refresh(parameters);
  float* const destination = logits_.data();
  const std::size_t all = source.labels().size();
  const std::size_t asked =
      static_cast<std::size_t>(options_.steps) * static_cast<std::size_t>(options_.batch);
  std::vector<LoaderItem> items(asked == 0 ? all : std::min(all, asked));
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].sample = static_cast<int>(i * all / items.size());
  }
  source.begin(std::move(items));
  all_logits_.clear();
  double loss = 0.0;
  double correct = 0.0;
  std::size_t samples = 0;
  while (const BoundaryBatch* batch = source.next()) {
    program_.run(batch->tensors, std::span(&destination, 1));
    const std::size_t count = batch->labels.size();
    const auto rows = logits_.values().first(count * static_cast<std::size_t>(units_));
    all_logits_.insert(all_logits_.end(), rows.begin(), rows.end());
    const LossValue value = loss_of(rows, batch->labels);
    loss += value.loss * static_cast<double>(count);
    correct += value.correct;
    samples += count;
  }
  if (samples == 0) {
    return {};
  }
  return {.loss = loss / static_cast<double>(samples), .accuracy = correct / static_cast<double>(samples)};
}

}  // namespace headstart
