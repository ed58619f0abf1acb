// Loss and accuracy of the trainable part in evaluation mode, on batches of boundary tensors.
#pragma once

#include <span>
#include <vector>

#include "headstart/engine.h"
#include "headstart/losses.h"
#include "train/boundary_source.h"

namespace headstart {

struct EvaluatorOptions {
  std::vector<NodeId> boundary{};
  int batch = 32;
  Precision precision = Precision::f32;
  Loss loss = Loss::sparse_categorical_crossentropy;
  std::span<const std::vector<int>> label_sets{};  // of multi-label data; empty: one class each
  int steps = 0;  // batches of samples spread evenly over the source; 0: every sample
};

struct LossAndAccuracy {
  double loss = 0, accuracy = 0;
};

// The inference program from the boundary to the logits, compiled once.
class Evaluator {
 public:
  Evaluator(const Graph& graph, const Parameters& parameters, const EvaluatorOptions& options);
  // Packs the parameters as they are now and runs the samples of the source once. `source` gives batches of
  // options.batch.
  LossAndAccuracy evaluate(const Parameters& parameters, BoundarySource& source);
  // Of the last evaluation, sample by sample.
  const std::vector<float>& logits() const { return all_logits_; }

 private:
  LossValue loss_of(std::span<const float> logits, std::span<const int> labels) const;

  EvaluatorOptions options_;
  std::int64_t units_ = 0;
  FrozenProgram program_;
  Tensor logits_;
  std::vector<float> all_logits_;
};

}  // namespace headstart
