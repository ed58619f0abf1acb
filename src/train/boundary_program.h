// The frozen part, compiled: images in, the boundary tensors of the trainable part out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "headstart/tensor.h"

namespace headstart {

class BoundaryProgram {
 public:
  struct Options {
    std::vector<NodeId> boundary{};
    int batch = 16;
    Precision precision = Precision::f32;
    const ValueRanges* ranges = nullptr;  // for int8
  };
  BoundaryProgram(const Graph& graph, const Parameters& parameters, const Options& options);

  int batch() const { return batch_; }
  // `images`: batch() x input shape, of which all rows are computed. The pointers, one a boundary node, each
  // to batch() x its shape, are valid until the next run; that of the Input is `images` itself.
  std::span<const float* const> run(const float* images);

 private:
  int batch_ = 0;
  std::optional<SlicedProgram> program_;  // none when only the Input is asked for
  std::vector<Tensor> outputs_;
  std::vector<float*> destinations_;
  std::vector<const float*> values_;
  std::vector<bool> is_input_;
};

// Elements of each boundary tensor, of one sample.
std::vector<std::int64_t> boundary_sizes(const Graph& graph, const std::vector<NodeId>& boundary);

}  // namespace headstart
