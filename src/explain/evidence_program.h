// The part of a network above a layer, run forwards and backwards with nothing trained.
#pragma once

#include <cstdint>
#include <vector>

#include "headstart/engine.h"
#include "headstart/explain.h"
#include "headstart/model.h"

namespace headstart {

class EvidenceProgram {
 public:
  EvidenceProgram(const Model& model, NodeId layer, int batch);

  // The layer itself and whatever else the part above it reads.
  const std::vector<NodeId>& boundary() const { return program_.boundary(); }
  int batch() const { return program_.batch(); }

  // rows[i][b]: the values of boundary node b of row i; at most `batch` rows.
  const Tensor& forward(const std::vector<std::vector<const float*>>& rows);
  // After a forward pass each: the gradient of column `classes[i]` of class_probabilities for row i.
  void backward(const std::vector<int>& classes);

  // Of one row, (h, w, channels); a class token is left out.
  Tensor activations(std::size_t row) const { return row_of(program_.value_of(layer_), row); }
  Tensor gradients(std::size_t row) const { return row_of(program_.gradient_of(layer_), row); }

 private:
  Tensor row_of(const Tensor& all, std::size_t row) const;

  SpatialGrid grid_;
  NodeId layer_;
  std::int64_t units_;
  TrainingProgram program_;
  std::vector<Tensor> inputs_;
};

}  // namespace headstart
