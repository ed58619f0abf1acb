// Cross-entropy losses from logits and the probabilities that belong to them, as Keras defines them.
#pragma once

#include <span>
#include <string>

#include "headstart/graph.h"
#include "headstart/tensor.h"

namespace headstart {

// binary: independent sigmoids, mean over the units (Keras), then over the batch. categorical: softmax over
// the last axis against a distribution. sparse_categorical: the same against class indices.
enum class Loss { binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy };
Loss loss_from(const std::string& name);  // Keras's names; throws Error that offers them
std::string to_string(Loss loss);

// The loss that fits a graph's last activation: sigmoid: binary, softmax or none: sparse categorical.
Loss loss_for(const Graph& graph);

struct LossValue {
  double loss = 0.0;  // mean over the batch; with weights the weighted sum over the batch size (Keras)
  int correct = 0;    // samples predicted right: largest logit; one sigmoid unit: logit > 0
};

// `logits` is (N, units) row-major; `diff_logits` has the same size or is empty when no gradient is wanted;
// `weights` has N entries or is empty (all 1). The gradient is that of the mean, so it carries the factor 1 /
// N. Throws Error when the sizes do not fit or a label is out of range.
LossValue sparse_categorical_crossentropy(std::span<const float> logits, std::span<const int> labels,
                                          std::span<const float> weights, std::span<float> diff_logits);
// `targets`: (N, units), N rows as given by `batch`.
LossValue categorical_crossentropy(std::span<const float> logits, std::span<const float> targets, int batch,
                                   std::span<const float> weights, std::span<float> diff_logits);
LossValue binary_crossentropy(std::span<const float> logits, std::span<const float> targets, int batch,
                              std::span<const float> weights, std::span<float> diff_logits);

// Class labels against any of the losses: one sigmoid unit takes labels 0 and 1, several take the one-hot
// vector.
LossValue loss_of_labels(Loss loss, std::span<const float> logits, std::span<const int> labels,
                         std::span<const float> weights, std::span<float> diff_logits);

// Logits (N, units) to probabilities of the same shape; `none` returns them unchanged.
Tensor probabilities(OutputActivation activation, const Tensor& logits);

}  // namespace headstart
