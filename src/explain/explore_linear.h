// Convolutions and dense layers as sums of products whose terms can be listed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// A layer whose output is the sum over window and input channels of input times weight, plus a bias. A dense
// layer has a window of one position.
struct LinearLayer {
  struct Plane {
    std::int64_t height = 1, width = 1, channels = 1;
  };
  Plane input{}, output{};
  Size2 kernel{}, strides{}, dilation{};
  int top = 0, left = 0;  // of the padding; transposed: of what is cut
  int groups = 1;
  bool transposed = false;         // the roles of input and output in the window are exchanged
  const float* weights = nullptr;  // Keras's layout
  std::vector<float> scale;        // of every output channel's kernel: weight normalisation; else empty

  int window() const { return kernel.height * kernel.width; }
  // Of one place in the window; 0 where the output's group does not see the input channel.
  float weight(int tap, int in, int out) const;
};

// Nothing for other ops. Refers to the parameters.
std::optional<LinearLayer> linear_layer(const Graph& graph, NodeId id, const Parameters& parameters);

// (window, inputs, outputs).
std::vector<float> kernel_part(const LinearLayer& layer, std::span<const int> inputs,
                               std::span<const int> outputs);

struct LinearPart {
  std::span<const int> targets;   // channels of the result
  std::span<const int> left_out;  // channels on the other side that do not count
};

// (targets, positions of the output): what all input channels but those left out add; `values` is the whole
// input, channels last.
std::vector<float> forward_sums(const LinearLayer& layer, const float* values, const LinearPart& part);
// (targets, positions of the input): what the gradients of all output channels but those left out give to the
// input channels `targets`.
std::vector<float> backward_sums(const LinearLayer& layer, const float* gradients, const LinearPart& part);

}  // namespace headstart
