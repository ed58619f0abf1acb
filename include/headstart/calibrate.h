// Temperature scaling: probabilities that mean what they say.
#pragma once

#include <vector>

#include "headstart/dataset.h"
#include "headstart/model.h"
#include "headstart/predict.h"
#include "headstart/progress.h"
#include "headstart/tensor.h"

namespace headstart {

// Rows p of (N, classes) become softmax(log(p) / temperature): the probabilities of logits divided by it.
// The order of the classes does not change.
void apply_temperature(Tensor& probabilities, double temperature);

// The temperature from 0.05 to 20 with the least mean cross-entropy (Guo et al., "On calibration of modern
// neural networks", 2017). Throws Error when sizes do not fit or there are no rows.
double fit_temperature(const Tensor& probabilities, const std::vector<int>& labels);

struct Calibration {
  double temperature = 1.0;
  Evaluation before{}, after{};  // at temperature 1 and at the fitted one
};

// Fits on the data set, which the model must not have been trained on, and sets model.temperature. Throws
// Error for a network of several independent sigmoids, and where evaluate does.
Calibration calibrate(Model& model, const Dataset& dataset, const PredictOptions& options,
                      Progress& progress);

}  // namespace headstart
