// The curves of runs, drawn.
#pragma once

#include <string>
#include <vector>

#include "headstart/rate_finder.h"
#include "headstart/train.h"

namespace headstart {

struct RunCurves {
  std::string name;
  std::vector<EpochRecord> history;
};

// From a run's folder or its history.csv; throws Error for a file that is none.
RunCurves read_run_curves(const std::string& run);

struct PlotOptions {
  // Each value becomes smoothing * the smoothed one before it + (1 - smoothing) * itself; 0 to below 1.
  double smoothing = 0.0;
};

// Loss and accuracy of one run or several, training as dots, validation as a line. Writes .svg or .png by the
// path's extension, atomically; throws Error for another one and for runs without epochs.
void plot_curves(const std::vector<RunCurves>& runs, const PlotOptions& options, const std::string& path);

// A learning-rate range test: the loss over the rate and the rate suggested. As above; throws Error for fewer
// than two points.
void plot_rates(const RateCurve& curve, const std::string& path);

}  // namespace headstart
