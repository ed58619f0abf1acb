// Occlusion: which parts of a picture a class needs.
#pragma once

#include <vector>

#include "headstart/explain.h"

namespace headstart {

// `input`: (1, H, W, C). A gray square slides over it by half its side; a pixel's evidence is the mean drop
// of the class's probability over the squares that cover it, so that the map has the input's size.
std::vector<HeatMap> occlusion_maps(const Model& model, const Tensor& input, const std::vector<int>& classes,
                                    const ExplainOptions& options, Progress& progress);

}  // namespace headstart
