// The drawings of a report.
#pragma once

#include <vector>

#include "headstart/metrics.h"
#include "headstart/plot.h"
#include "report/drawing.h"

namespace headstart {

// Two panels, loss and accuracy, over the epochs; a dashed line where fine-tuning begins (of one run).
Drawing curves_drawing(const std::vector<RunCurves>& runs, const PlotOptions& options);

// The loss over the rate, a power of ten: dots, its smoothed line, and the rate that is suggested.
Drawing rates_drawing(const RateCurve& curve);

// Accuracy of each bin over its confidence, and how many images the bins have, against the diagonal.
Drawing reliability_drawing(const std::vector<ReliabilityBin>& bins);

}  // namespace headstart
