// Layers that scale and shift channels, folded into the weights of the layer before them; the graph and the
// parameters stay as they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// y = x * scale + shift, per channel.
struct ScaleShift {
  std::vector<float> scale, shift;
};
// Whether that is all the op does when it is not trained: BatchNormalization, Scale, Normalization,
// Rescaling.
bool only_scales_and_shifts(const Op& op);
ScaleShift inference_form(const Node& node, const Parameters& parameters);

// Every filter of the kernel brought to its norm in `scale`: weight normalisation.
Tensor normalized_kernel(const Tensor& kernel, const Tensor& scale);

struct FoldedWeights {
  std::vector<float> kernel;  // Keras layout; output channels are the innermost extent
  std::vector<float> bias;    // empty when there is neither a bias nor a scale and shift
};
FoldedWeights fold(const Tensor& kernel, const Tensor* bias, const std::optional<ScaleShift>& affine,
                   std::int64_t filters);

}  // namespace headstart
