// The learning-rate range test (Smith, "Cyclical learning rates", 2017): the loss while the rate rises from
// step to step tells which rates learn and which diverge.
#pragma once

#include <string>
#include <vector>

#include "headstart/train.h"

namespace headstart {

struct RatePoint {
  double learning_rate = 0;
  double loss = 0;      // of the batch
  double smoothed = 0;  // moving average, corrected for its start
};

struct RateCurve {
  std::vector<RatePoint> points;  // until the smoothed loss is four times its lowest
  double suggestion = 0;  // where the smoothed loss falls fastest, per decade of the rate; 0: no clear fall
  bool interrupted = false;  // by request_stop
};

// A hundred steps of the head stage with its optimizer, the rate rising from 1e-7 to 10. The model is not
// changed and nothing is written. Throws Error as train() does, and without a head stage.
RateCurve find_learning_rate(const Model& model, const DatasetSplits& data, const TrainOptions& options,
                             TrainObserver& observer);
RateCurve find_learning_rate(const Model& model, const MemorySplits& data, const TrainOptions& options,
                             TrainObserver& observer);

// As CSV: learning_rate,loss,smoothed. Makes the folder when it is not there.
void write_rate_curve(const RateCurve& curve, const std::string& path);

}  // namespace headstart
