// Heads that judge what they have not seen: one a fold, trained on the features of the others.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/labels.h"
#include "headstart/predict.h"
#include "headstart/train.h"

namespace headstart {
namespace {

// Every column to the mean 0, all of them together to the mean square 1, so that a decay means the same after
// any base. No label is looked at.
Tensor centred(const Tensor& features) {
  const auto rows = static_cast<std::size_t>(features.shape()[0]);
  const auto columns = static_cast<std::size_t>(features.shape()[1]);
  std::vector<double> means(columns, 0.0);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    means[i % columns] += features.values()[i] / static_cast<double>(rows);
  }
  double squares = 0.0;
  for (std::size_t i = 0; i < rows * columns; ++i) {
    const double difference = features.values()[i] - means[i % columns];
    squares += difference * difference;
  }
  const double scale = squares > 0.0 ? std::sqrt(static_cast<double>(rows * columns) / squares) : 1.0;
  Tensor result(features.shape());
  for (std::size_t i = 0; i < rows * columns; ++i) {
    result.values()[i] = static_cast<float>((features.values()[i] - means[i % columns]) * scale);
  }
  return result;
}

MemoryDataset rows_where(const Tensor& features, const std::vector<int>& labels,
                         const std::vector<std::size_t>& rows) {
  const std::int64_t floats = features.shape()[1];
  MemoryDataset part{.images = Tensor({static_cast<std::int64_t>(rows.size()), floats}), .labels = {}};
  part.labels.reserve(rows.size());
  float* target = part.images.data();
  for (const auto row : rows) {
    target = std::copy_n(features.data() + static_cast<std::int64_t>(row) * floats, floats, target);
    part.labels.push_back(labels[row]);
  }
  return part;
}

Model softmax_head(std::int64_t features, int classes, std::uint64_t seed) {
  Model model;
  model.graph = Graph("head");
  const NodeId input = model.graph.add("features", Input{{features}}, std::vector<NodeId>{});
  model.graph.add("dense", Dense{.units = classes, .activation = {.kind = Activation::Kind::softmax}}, input);
  model.parameters = initialize(model.graph, seed);
  return model;
}

// Decay and epochs were measured with swapped labels on flowers, cats and dogs: a strong decay keeps the head
// from learning the wrong labels by heart. Nothing is held out, for with its schedule the last epoch is the
// best one.
TrainOptions head_options(const OutOfFoldOptions& options, std::size_t rows, std::uint64_t seed) {
  constexpr int kEpochs = 10, kMostEpochs = 100;
  constexpr std::size_t kSteps = 600;  // at least, where that takes no more than kMostEpochs
  TrainOptions train{
      .seed = seed, .precision = Precision::f32, .monitor = Monitor::val_loss, .threads = options.threads};
  const std::size_t steps =
      (rows + static_cast<std::size_t>(train.batch_size) - 1) / static_cast<std::size_t>(train.batch_size);
  train.head.epochs = options.epochs > 0 ? options.epochs
                                         : std::clamp(static_cast<int>(kSteps / steps), kEpochs, kMostEpochs);
  train.head.optimizer.weight_decay = 5.0;
  return train;
}

Tensor judged_by_head(const MemoryDataset& seen, const Tensor& unseen, int classes,
                      const OutOfFoldOptions& options, std::uint64_t seed) {
  TrainObserver silent;
  const TrainResult trained =
      train(softmax_head(unseen.shape()[1], classes, seed), {.train = seen, .validation = seen},
            head_options(options, seen.labels.size(), seed), silent);
  if (trained.interrupted) {
    throw Error("[labels] stopped before every fold had its head");
  }
  Predictor predictor(trained.model, {trained.model.graph.output()}, Precision::f32);
  return class_probabilities(trained.model, predictor.run(unseen).front());
}

}  // namespace

Tensor out_of_fold_probabilities(const Tensor& features, const std::vector<int>& labels,
                                 const std::vector<int>& fold_of_row, int classes,
                                 const OutOfFoldOptions& options, Progress& progress) {
  const Shape& shape = features.shape();
  if (shape.size() != 2 || shape[0] != static_cast<std::int64_t>(labels.size()) ||
      fold_of_row.size() != labels.size() || labels.empty()) {
    throw Error(fmt::format(
        "[labels] features, labels and folds of as many images were expected; received {}, {} and {}",
        to_string(shape), labels.size(), fold_of_row.size()));
  }
  const int folds = 1 + *std::max_element(fold_of_row.begin(), fold_of_row.end());
  const Tensor scaled = centred(features);
  Tensor result({shape[0], classes});
  progress.begin("heads", folds);
  for (int fold = 0; fold < folds; ++fold) {
    std::vector<std::size_t> seen, unseen;
    for (std::size_t row = 0; row < labels.size(); ++row) {
      (fold_of_row[row] == fold ? unseen : seen).push_back(row);
    }
    if (seen.empty() || unseen.empty()) {
      throw Error(fmt::format("[labels] images in at least two folds were expected; fold {} has {} of {}",
                              fold, unseen.size(), labels.size()));
    }
    const Tensor probabilities =
        judged_by_head(rows_where(scaled, labels, seen), rows_where(scaled, labels, unseen).images, classes,
                       options, options.seed + static_cast<std::uint64_t>(fold));
    for (std::size_t i = 0; i < unseen.size(); ++i) {
      std::copy_n(probabilities.data() + static_cast<std::int64_t>(i) * classes, classes,
                  result.data() + static_cast<std::int64_t>(unseen[i]) * classes);
    }
    progress.advance(fold + 1);
  }
  progress.end();
  return result;
}

}  // namespace headstart
