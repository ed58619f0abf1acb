// Labels that are probably wrong, found by confident learning (Northcutt, Jiang and Chuang, "Confident
// learning: estimating uncertainty in dataset labels", JAIR 2021) on the features of a frozen base.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/engine.h"
#include "headstart/model.h"
#include "headstart/progress.h"
#include "headstart/relabel.h"
#include "headstart/tensor.h"

namespace headstart {

// A sample whose given label is probably another's.
struct LabelCandidate {
  std::size_t sample = 0;  // row of the probabilities
  int given = 0, suggested = 0;
  double given_probability = 0, suggested_probability = 0;
  // suggested_probability - given_probability, in (0, 1]: the normalised margin with its sign turned, so that
  // 1 is surest.
  double score = 0;
};

// With p the probabilities of a head that has not seen the sample, y its given label:
// - threshold[j]: mean of p[j] over the samples with y = j (equation 2 of the paper); 0 for a class without;
// - counts[i][j], the confident joint (equation 1): samples with y = i and, among the classes whose p reaches
//   the threshold, the greatest p at j; a sample that reaches none is counted nowhere;
// - joint[i][j] (equation 3): each row of counts scaled to the number of samples with y = i, then all to the
//   sum 1. What lies off its diagonal is the estimated share of wrong labels;
// - candidates, "prune by noise rate" (section 3.2): of the samples given i as many as N joint[i][j] says,
//   those with the greatest p[j] - p[i]; and all others that reach kPlainScore, which is not in the paper: a
//   class of clean labels has a threshold close to 1, that a plain error need not reach. A sample that is
//   among several pairs stays with the greatest margin, one without a positive margin is left out. The
//   highest score first, of equals the first sample.
// The samples that are counted off the diagonal are fewer, for about half of a class reach no threshold.
inline constexpr double kPlainScore = 0.5;
struct ConfidentLearning {
  std::vector<double> threshold;
  std::vector<std::vector<std::int64_t>> counts;
  std::vector<std::vector<double>> joint;
  double wrong = 0;                    // estimated share of wrong labels
  std::vector<double> wrong_of_class;  // the same of the samples given class i; 0 for a class without
  std::vector<LabelCandidate> candidates;
};

// `probabilities`: (N, classes), of heads that did not see the row. Throws Error when the sizes do not fit, a
// label is out of range or a value is not in [0, 1].
ConfidentLearning confident_learning(const Tensor& probabilities, const std::vector<int>& labels);

// Probabilities (N, classes) of each row of `features` (N, C) by a softmax head that was trained on the rows
// of the other folds. Deterministic in the seed, the same for any number of threads.
struct OutOfFoldOptions {
  int epochs = 0;  // 0: ten, and more of them where they are short
  std::uint64_t seed = 0;
  int threads = 0;
};
Tensor out_of_fold_probabilities(const Tensor& features, const std::vector<int>& labels,
                                 const std::vector<int>& fold_of_row, int classes,
                                 const OutOfFoldOptions& options, Progress& progress);

struct LabelErrorOptions {
  std::string split = "all";  // train, validation, test; all: they are judged together
  int folds = 5;
  bool group_duplicates = false;  // pictures that look alike into one fold (decodes every file once more)
  Precision precision = Precision::automatic;
  OutOfFoldOptions heads{};
};

// A photo that was judged.
struct JudgedImage {
  std::string path;
  std::string split;  // "train", "validation", "test"; "" in data without splits
};

struct LabelErrors {
  std::vector<std::string> class_names;
  std::vector<JudgedImage> images;    // `learning.candidates` count through these
  std::vector<std::int64_t> support;  // images of each class
  double accuracy = 0;                // of the heads on what they have not seen, against the given labels
  ConfidentLearning learning;
  std::vector<std::string> unreadable;  // "path: reason"
  std::vector<std::string> unjudged;    // paths whose class has no picture in another fold
};

// `base`: a network without its classifier, with weights. Every photo goes through it once, or comes from the
// feature cache that training of a head on the same base and data fills and reads too. Throws Error when
// stop_requested().
LabelErrors find_label_errors(const Model& base, const DatasetSplits& data, const LabelErrorOptions& options,
                              Progress& progress);

// The candidates in their order as a list for relabel, all undecided. `data`: as read_dataset took it.
std::vector<LabelDecision> suggestions(const LabelErrors& errors, const std::string& data);

// What a page shows of it, self-contained: a thumbnail, the given and the suggested label of each candidate,
// at most `most` of them; the reader decides and saves the list for relabel. Written atomically.
void write_label_page(const LabelErrors& errors, const std::string& data, std::size_t most,
                      const std::string& path);

}  // namespace headstart
