#include "reference/interpreter.h"

#include <variant>

#include "reference/node_parameters.h"

namespace headstart::reference {

ParameterArrays to_arrays(const Parameters& parameters) {
  ParameterArrays arrays;
  for (const auto& [name, tensor] : parameters) {
    arrays[name] = to_array(tensor);
  }
  return arrays;
}

ParameterArrays moving_statistics_after(const Graph& graph, const ParameterArrays& parameters,
                                        const Trace& trace) {
  ParameterArrays moving;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const auto* op = std::get_if<BatchNormalization>(&graph.node(id).op);
    if (op == nullptr) {
      continue;
    }
    const auto p = batch_norm_parameters(graph, parameters, id);
    BatchStatistics after = p.moving;
    if (const auto batch = trace.statistics.find(id); batch != trace.statistics.end()) {
      const std::int64_t elements = trace.values[static_cast<std::size_t>(id)].size() / p.moving.mean.size();
      after = updated_moving(p.moving, batch->second, elements, static_cast<double>(op->momentum));
    }
    moving[p.mean_name] = after.mean;
    moving[p.variance_name] = after.variance;
  }
  return moving;
}

Graph logits_graph(const Graph& graph) {
  Graph logits(graph.name());
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    Op op = node.op;
    if (id == graph.output() && output_activation(graph) != OutputActivation::none) {
      std::visit(
          [](auto& concrete) {
            if constexpr (requires { concrete.activation; }) {
              concrete.activation = Activation{};
            }
          },
          op);
    }
    logits.add(node.name, std::move(op), node.inputs);
    logits.set_trainable(id, node.trainable);
  }
  logits.set_output(graph.output());
  return logits;
}

}  // namespace headstart::reference
