// How good a classifier is: figures from its probabilities and the true labels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/tensor.h"

namespace headstart {

// One class against the rest. A figure whose denominator is zero (a class that was never predicted, or never
// seen) is 0, as in scikit-learn.
struct ClassMetrics {
  std::string name;
  double precision = 0, recall = 0, f1 = 0;
  std::int64_t support = 0;  // images of the class
};

struct Evaluation {
  std::int64_t images = 0;
  double loss = 0;               // mean cross-entropy, probabilities clipped at 1e-7 as in Keras
  double accuracy = 0;           // the most probable class is the label; of equals the first counts
  double top5_accuracy = 0;      // the label is among the five most probable
  double balanced_accuracy = 0;  // mean recall of the classes that have images
  std::vector<ClassMetrics> classes;
  std::vector<std::vector<std::int64_t>> confusion;  // [label][prediction]
};

// `probabilities`: (N, classes); `labels`: N indices of `class_names`. Throws Error when the sizes do not fit
// or N is 0.
Evaluation measure(const Tensor& probabilities, const std::vector<int>& labels,
                   const std::vector<std::string>& class_names);

}  // namespace headstart
