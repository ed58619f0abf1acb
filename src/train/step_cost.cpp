// Counts over the nodes that are not frozen.
#include "train/step_cost.h"

#include <variant>

#include "headstart/multiply_adds.h"

namespace headstart {

bool trains_convolutions(const Graph& graph, const Partition& cut) {
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Op& op = graph.nodes()[i].op;
    if (!cut.frozen[i] &&
        (std::holds_alternative<Conv2D>(op) || std::holds_alternative<DepthwiseConv2D>(op) ||
         std::holds_alternative<SeparableConv2D>(op))) {
      return true;
    }
  }
  return false;
}

Precision training_precision(const Graph& graph, const Partition& cut, Precision asked) {
  const bool automatic = asked == Precision::automatic || asked == Precision::int8;
  if (automatic && !trains_convolutions(graph, cut)) {
    return Precision::f32;
  }
  return resolve(automatic ? Precision::automatic : asked);
}

bool takes_factored_gradients(int accumulate, const OptimizerOptions& optimizer) {
  return accumulate == 1 && optimizer.clip_norm <= 0.0;
}

double multiplications_of_step(const Graph& graph, const Partition& cut, int batch) {
  double count = 0.0;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    count += cut.frozen[i] ? 0.0 : 3.0 * static_cast<double>(multiply_adds(graph, static_cast<NodeId>(i)));
  }
  return count * batch;
}

}  // namespace headstart
