// Occlusion: which parts of a picture a class needs.
#pragma once

#include <vector>

#include "headstart/explain.h"
#include "headstart/predict.h"

namespace headstart {

inline constexpr int kSquaresAtOnce = 16;

// `predictor` gives the logits; `whole`: the probabilities for `input`, (1, H, W, C). A gray square
// slides over it by half its side; a pixel's evidence is the mean drop of the class's probability over the
// squares that cover it, so that the map has the input's size.
std::vector<HeatMap> occlusion_maps(const Model& model, Predictor& predictor, const Tensor& input,
                                    const Tensor& whole, const std::vector<int>& classes, int square_side,
                                    Progress& progress);

}  // namespace headstart
