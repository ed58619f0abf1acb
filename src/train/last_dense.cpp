#include "train/last_dense.h"

#include <variant>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {

LastDense last_dense(const Graph& graph) {
  NodeId id = graph.output();
  LastDense last;
  const auto* behind = std::get_if<ActivationLayer>(&graph.node(id).op);
  if (behind != nullptr) {
    last.activation = behind->activation;
    id = graph.node(id).inputs.front();
  }
  const auto* dense = std::get_if<Dense>(&graph.node(id).op);
  const bool plain = dense != nullptr && !dense->weight_normalization &&
                     (behind == nullptr || dense->activation.kind == Activation::Kind::linear);
  if (!plain) {
    throw Error(
        fmt::format("[add-classes] expected a classifier that ends in a dense layer, without weight "
                    "normalisation; received {} ({}) in {}; `headstart "
                    "train DATA --base MODEL` trains a new head on it",
                    graph.node(id).name, type_name(graph.node(id).op), graph.name()));
  }
  if (behind == nullptr) {
    last.activation = dense->activation;
  }
  last.dense = id;
  last.outputs = dense->units;
  last.features = graph.node(id).inputs.front();
  while (const auto* dropout = std::get_if<Dropout>(&graph.node(last.features).op)) {
    last.dropout = dropout->rate;
    last.features = graph.node(last.features).inputs.front();
  }
  last.inputs = element_count(graph.node(last.features).shape);
  return last;
}

}  // namespace headstart
