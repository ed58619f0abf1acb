#include "explain/evidence_program.h"

#include <algorithm>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

Graph frozen(Graph graph) {
  graph.set_all_trainable(false);
  return graph;
}

SpatialGrid grid_at(const Graph& graph, NodeId layer) {
  const auto grid = spatial_grid(graph, layer);
  if (!grid || grid->height * grid->width <= 1) {
    throw Error(fmt::format("[explain] expected a layer with a spatial extent; received {} {}; {} has one",
                            graph.node(layer).name, to_string(graph.node(layer).shape),
                            graph.node(evidence_layer(graph)).name));
  }
  if (layer == graph.output()) {
    throw Error("[explain] expected a layer before the output; received " + graph.node(layer).name);
  }
  return *grid;
}

}  // namespace

// A program without trainable layers writes neither gradients nor statistics.
EvidenceProgram::EvidenceProgram(const Model& model, NodeId layer, int batch)
    : grid_(grid_at(model.graph, layer)),
      layer_(layer),
      units_(model.graph.output_shape().at(0)),
      program_(frozen(model.graph), const_cast<Parameters&>(model.parameters),
               {.batch = batch,
                .precision = Precision::f32,
                .batch_norm = BatchNormMode::frozen,
                .watch = {layer}}) {
  for (const auto id : program_.boundary()) {
    Shape shape = model.graph.node(id).shape;
    shape.insert(shape.begin(), batch);
    inputs_.emplace_back(std::move(shape));
  }
}

const Tensor& EvidenceProgram::forward(const std::vector<std::vector<const float*>>& rows) {
  std::vector<const float*> inputs;
  for (std::size_t b = 0; b < inputs_.size(); ++b) {
    const auto size = inputs_[b].size() / program_.batch();
    for (std::size_t row = 0; row < rows.size(); ++row) {
      std::copy_n(rows[row][b], size, inputs_[b].data() + static_cast<std::int64_t>(row) * size);
    }
    inputs.push_back(inputs_[b].data());
  }
  return program_.forward(inputs, 0);
}

// One unit stands for two classes: its logit speaks for the second and against the first.
void EvidenceProgram::backward(const std::vector<int>& classes) {
  Tensor diff({static_cast<std::int64_t>(program_.batch()), units_});
  for (std::size_t row = 0; row < classes.size(); ++row) {
    const auto first = static_cast<std::int64_t>(row) * units_;
    if (units_ == 1) {
      diff[first] = classes[row] == 1 ? 1.0F : -1.0F;
    } else {
      diff[first + classes[row]] = 1.0F;
    }
  }
  program_.backward(diff.data());
}

Tensor EvidenceProgram::row_of(const Tensor& all, std::size_t row) const {
  const auto channels = all.shape().back();
  const auto size = all.size() / all.shape()[0];
  const auto skipped = grid_.class_token ? channels : 0;
  return {Shape{grid_.height, grid_.width, channels},
          all.values().subspan(row * static_cast<std::size_t>(size) + static_cast<std::size_t>(skipped),
                               static_cast<std::size_t>(size - skipped))};
}

}  // namespace headstart
