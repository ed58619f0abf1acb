// Cross-entropy losses from logits and the probabilities that belong to them, as Keras defines them.
#pragma once

#include <span>
#include <string>
#include <vector>

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
  // Samples predicted right: largest logit; one sigmoid unit: logit > 0. See right_shares for multi-label
  // data.
  double correct = 0.0;
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

// Class labels that are not certain: smoothed (a share of it goes to all classes alike, Szegedy et al.,
// 2016), and mixed with those of a partner sample (MixUp, CutMix).
struct SoftLabels {
  std::span<const int> labels{};
  std::span<const int> partners{};  // empty: no mixing
  float share = 1.0F;               // of `labels`; the rest is the partners'
  float smoothing = 0.0F;           // [0, 1)
  // Multi-label data: the classes that each label stands for, see Dataset::label_sets. Empty: one each.
  std::span<const std::vector<int>> sets{};
};
// (N, units): every target that excludes no other, one sigmoid unit's or one of multi-label data, goes
// towards 1/2 when smoothed, as in Keras. Throws Error when sizes do not fit or a label is out of range.
std::vector<float> soft_targets(const SoftLabels& soft, std::size_t units);
// As loss_of_labels against such targets; categorical for the sparse loss.
LossValue loss_of_targets(Loss loss, std::span<const float> logits, std::span<const float> targets, int batch,
                          std::span<const float> weights, std::span<float> diff_logits);

// Of multi-label data, summed over the batch: the share of a sample's units that are predicted right, a logit
// above 0 where the target is above 1/2 (Keras's binary_accuracy). Throws Error when the sizes do not fit.
double right_shares(std::span<const float> logits, std::span<const float> targets, int batch);

// Logits (N, units) to probabilities of the same shape; `none` returns them unchanged. Throws Error for a
// softmax of a tensor without axes.
Tensor probabilities(OutputActivation activation, const Tensor& logits);

}  // namespace headstart
