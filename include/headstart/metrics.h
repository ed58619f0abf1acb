// How good a classifier is: figures from its probabilities and the true labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "headstart/losses.h"
#include "headstart/tensor.h"

namespace headstart {

// One class against the rest. A figure whose denominator is zero (a class that was never predicted, or never
// seen) is 0, as in scikit-learn.
struct ClassMetrics {
  std::string name;
  double precision = 0, recall = 0, f1 = 0;
  std::int64_t support = 0;  // images of the class
};

// Images whose most probable class has a probability in (low, high].
struct ReliabilityBin {
  double low = 0, high = 1;
  std::int64_t images = 0;
  double confidence = 0, accuracy = 0;  // means; 0 in an empty bin
};

struct Evaluation {
  std::int64_t images = 0;
  double loss = 0;               // mean cross-entropy, probabilities clipped at 1e-7 as in Keras
  double accuracy = 0;           // the most probable class is the label; of equals the first counts
  double top5_accuracy = 0;      // the label is among the five most probable
  double balanced_accuracy = 0;  // mean recall of the classes that have images
  double macro_f1 = 0;           // mean F1 of the classes that have images
  int top = 5;                   // as asked for
  double top_accuracy = 0;       // the label is among the `top` most probable
  double calibration_error = 0;  // ECE: mean of |confidence - accuracy| over the bins, weighted by images
  std::vector<ReliabilityBin> reliability;  // 15 of equal width
  std::vector<ClassMetrics> classes;
  std::vector<std::vector<std::int64_t>> confusion;  // [label][prediction]
};

// `probabilities`: (N, classes); `labels`: N indices of `class_names`; `loss`: as training had it, binary for
// several independent sigmoids. Throws Error when the sizes do not fit, N is 0 or a probability is no number.
Evaluation measure(const Tensor& probabilities, const std::vector<int>& labels,
                   const std::vector<std::string>& class_names, int top = 5,
                   Loss loss = Loss::sparse_categorical_crossentropy);

// A class of multi-label data: a photo has it where its probability is above the threshold.
struct LabelMetrics {
  std::string name;
  double precision = 0, recall = 0, f1 = 0;
  double average_precision = 0;  // as in scikit-learn: precision at every positive, in falling probability
  std::int64_t support = 0;      // images that have it
  std::int64_t predicted = 0;
  std::int64_t right = 0;  // of those
};

struct MultiLabelEvaluation {
  std::int64_t images = 0;
  double loss = 0;                    // mean binary cross-entropy, probabilities clipped at 1e-7 as in Keras
  double accuracy = 0;                // of all classes of all images: Keras's binary_accuracy
  double exact_accuracy = 0;          // images of which every class is right
  double mean_average_precision = 0;  // of the classes that have images; so the next
  double macro_f1 = 0;
  double micro_f1 = 0;  // of all classes together
  std::vector<LabelMetrics> classes;
};

// `probabilities`: (N, classes); `labels`: the classes of each image. Throws Error when the sizes do not fit,
// N is 0 or a probability is no number.
MultiLabelEvaluation measure_multi_label(const Tensor& probabilities,
                                         const std::vector<std::vector<int>>& labels,
                                         const std::vector<std::string>& class_names);

// Wilson's score interval of a share, 95 %; (0, 1) without trials.
struct Interval {
  double low = 0, high = 1;
};
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

// What is taken for what, most often first; at most `most` pairs.
struct ConfusedPair {
  std::size_t label = 0, predicted = 0;
  std::int64_t count = 0;
};
std::vector<ConfusedPair> most_confused(const Evaluation& evaluation, std::size_t most);

}  // namespace headstart
