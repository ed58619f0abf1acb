// Probabilities that mean what they say (temperature scaling), and limits of what a model knows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "headstart/evaluate.h"
#include "headstart/model.h"
#include "headstart/progress.h"
#include "headstart/tensor.h"

namespace headstart {

// Rows p of (N, classes) become softmax(log(p) / temperature): the probabilities of logits divided by it.
// The order of the classes does not change. Throws Error for another shape.
void apply_temperature(Tensor& probabilities, double temperature);

// What temperatures are looked for in. Where all answers are right the least loss is at the lower end, of
// which nothing follows but that there are too few photos.
constexpr double kLeastTemperature = 0.05, kGreatestTemperature = 20.0;

// The temperature within those with the least mean cross-entropy (Guo et al., "On calibration of modern
// neural networks", 2017). Throws Error when sizes do not fit or there are no rows.
double fit_temperature(const Tensor& probabilities, const std::vector<int>& labels);

struct Calibration {
  double temperature = 1.0;
  bool fitted = true;            // false: the least loss is at an end, and the model keeps its temperature
  Evaluation before{}, after{};  // at temperature 1 and at that
};

// Fits on the data set, which the model must not have been trained on, and sets model.temperature. Throws
// Error for a network of several independent sigmoids, and where evaluate does.
Calibration calibrate(Model& model, const Dataset& dataset, const PredictOptions& options,
                      Progress& progress);

// Sets the limits of model.acceptance so that `share` of photos like those of `held_out`, which the model
// must not have been trained on, are accepted; returned is what they do to the held-out photos. A model
// without it gets it: from the photos of `training`, or, when there are none, from every second photo of
// `held_out`, and the limits from the others. Throws Error where fit_limits and evaluate do, and for a
// network without a source of features.
LimitsReport fit_limits(Model& model, const Dataset* training, const Dataset& held_out, double share,
                        const PredictOptions& options, Progress& progress);

// Photos that belong to none of the classes, beside the held-out ones that do.
struct OutsideReport {
  std::int64_t images = 0, unknown = 0;
  double separation = 0;  // area under the ROC curve, see separation()
};
OutsideReport measure_outside(const Model& model, const Dataset& held_out,
                              const std::vector<std::string>& strangers, const PredictOptions& options,
                              Progress& progress);

}  // namespace headstart
