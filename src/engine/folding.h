// Batch norm folded into the weights of the layer before it; the graph and the parameters stay as they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// Inference form of a batch norm: y = x * scale + shift, per channel.
struct ScaleShift {
  std::vector<float> scale, shift;
};
ScaleShift inference_form(const Node& batch_norm, const Parameters& parameters);

struct FoldedWeights {
  std::vector<float> kernel;  // Keras layout; output channels are the innermost extent
  std::vector<float> bias;    // empty when there is neither a bias nor a batch norm
};
FoldedWeights fold(const Tensor& kernel, const Tensor* bias, const std::optional<ScaleShift>& batch_norm,
                   std::int64_t filters);

}  // namespace headstart
