#include "explain/explore_passes.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "graph/ancestors.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

constexpr std::int64_t kPartValues = std::int64_t{1} << 27;  // half a gigabyte

std::vector<std::vector<NodeId>> divide(const Graph& graph) {
  std::vector<std::vector<NodeId>> parts(1);
  std::int64_t size = 0;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const std::int64_t own = element_count(graph.node(id).shape);
    if (!parts.back().empty() && size + own > kPartValues) {
      parts.emplace_back();
      size = 0;
    }
    parts.back().push_back(id);
    size += own;
  }
  return parts;
}

// Outputs of the nodes, computed by the inference program.
std::map<NodeId, Tensor> compute_values(const Graph& graph, const Parameters& parameters, const Tensor& input,
                                        const std::set<NodeId>& nodes) {
  std::map<NodeId, Tensor> values;
  std::vector<NodeId> outputs;
  std::vector<float*> targets;
  for (const NodeId id : nodes) {
    if (std::holds_alternative<Input>(graph.node(id).op)) {
      values.emplace(id, input);
      continue;
    }
    outputs.push_back(id);
    targets.push_back(values.emplace(id, Tensor(graph.node(id).shape)).first->second.data());
  }
  if (!outputs.empty()) {
    FrozenProgram(graph, parameters, outputs, {.precision = Precision::f32}).run(input.data(), targets);
  }
  return values;
}

// Of the watched nodes, in the shape of one sample.
std::map<NodeId, Tensor> compute_gradients(const Graph& graph, Parameters& parameters, const Tensor& input,
                                           const std::vector<NodeId>& watch,
                                           const std::vector<float>& logits_gradient) {
  TrainingProgram program(graph, parameters,
                          {.precision = Precision::f32, .batch_norm = BatchNormMode::frozen, .watch = watch});
  const std::vector<const float*> boundary(program.boundary().size(), input.data());
  program.forward(boundary, 0);
  program.backward(logits_gradient.data());
  std::map<NodeId, Tensor> gradients;
  for (const NodeId id : watch) {
    gradients.emplace(id, Tensor(program.gradient_of(id)).reshaped(graph.node(id).shape));
  }
  return gradients;
}

}  // namespace

NodeId logits_of(const Graph& graph) {
  const Node& last = graph.node(graph.output());
  return output_activation(graph) == OutputActivation::none ? graph.output() : last.inputs.front();
}

NetworkPasses::NetworkPasses(const Graph& graph, Parameters& parameters, Tensor input)
    : graph_(graph), parameters_(&parameters), input_(std::move(input)), parts_(divide(graph)) {
  graph_.set_all_trainable(false);  // evaluation mode: nothing random, no statistics of the batch
}

Tensor NetworkPasses::value_of(NodeId id) const {
  return std::move(compute_values(graph_, *parameters_, input_, {id}).at(id));
}

NetworkPart NetworkPasses::compute(const std::vector<NodeId>& nodes,
                                   const std::vector<float>& logits_gradient) {
  throw_if_stopped();
  const NodeId logits = logits_of(graph_);
  const auto passed = ancestors(graph_.nodes(), {logits});
  std::vector<NodeId> watch{0};  // the program then reads the input and nothing else
  std::set<NodeId> needed(nodes.begin(), nodes.end());
  for (const NodeId id : nodes) {
    if (id > 0 && passed[static_cast<std::size_t>(id)]) {
      watch.push_back(id);
    }
    needed.insert(graph_.node(id).inputs.begin(), graph_.node(id).inputs.end());
  }
  return {.nodes = nodes,
          .values = compute_values(graph_, *parameters_, input_, needed),
          .gradients = compute_gradients(graph_, *parameters_, input_, watch, logits_gradient)};
}

void NetworkPasses::for_each_part(const std::vector<float>& logits_gradient,
                                  const std::function<void(const NetworkPart&)>& visit) {
  if (parts_.size() == 1) {
    if (only_.nodes.empty()) {
      only_ = compute(parts_.front(), logits_gradient);
    }
    visit(only_);
    return;
  }
  for (const auto& nodes : parts_) {
    visit(compute(nodes, logits_gradient));
  }
}

}  // namespace headstart
