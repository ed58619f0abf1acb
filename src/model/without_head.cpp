// The base of a model: what a new head can be put on.
#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/open_model.h"

namespace headstart {
namespace {

struct Cut {
  NodeId node = -1;      // the base's output
  std::string prefix{};  // of a nested base: "mobilenet_v2/"
};

bool is_image(const Shape& shape) { return shape.size() == 3 && shape[0] * shape[1] > 1; }

// The outermost nested model when all but the Input and what comes after it are in it.
std::string nested_base(const Graph& graph) {
  if (graph.nodes().size() < 2 || graph.scopes().empty()) {
    return "";
  }
  const std::string& first = graph.nodes()[1].name;
  const auto slash = first.find('/');
  const std::string name = slash == std::string::npos ? "" : first.substr(0, slash);
  const bool is_scope = std::any_of(graph.scopes().begin(), graph.scopes().end(),
                                    [&](const Scope& scope) { return scope.name == name; });
  return is_scope ? name + "/" : "";
}

Cut cut_of(const Graph& graph) {
  const std::string prefix = nested_base(graph);
  Cut cut{.prefix = prefix};
  NodeId before_dense = -1;
  for (std::size_t i = 1; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const auto id = static_cast<NodeId>(i);
    if (prefix.empty() ? is_image(node.shape) : node.name.starts_with(prefix)) {
      cut.node = id;
    }
    if (std::holds_alternative<Dense>(node.op)) {
      before_dense = node.inputs.front();
    }
  }
  if (cut.node < 1) {
    cut.node = before_dense;
  }
  if (cut.node < 1) {
    throw Error(fmt::format(
        "[model] expected a network with layers below its head; received {}; `--base none` trains one anew",
        graph.name()));
  }
  return cut;
}

// Of nodes and parameters of a nested base: as they were called in it.
std::string inner_name(const std::string& name, const std::string& prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

}  // namespace

Model without_head(const Model& model) {
  const Graph& whole = model.graph;
  const auto [output, prefix] = cut_of(whole);
  std::vector<bool> wanted(whole.nodes().size(), false);
  wanted.front() = wanted[static_cast<std::size_t>(output)] = true;
  for (auto id = static_cast<std::size_t>(output); id > 0; --id) {
    for (const NodeId input : whole.nodes()[id].inputs) {
      wanted[static_cast<std::size_t>(input)] = wanted[static_cast<std::size_t>(input)] || wanted[id];
    }
  }
  Model base;
  base.graph = Graph(prefix.empty() ? whole.name() : prefix.substr(0, prefix.size() - 1));
  for (const Scope& scope : whole.scopes()) {
    if (scope.name + "/" != prefix) {
      base.graph.add_scope({.name = inner_name(scope.name, prefix), .type = scope.type});
    }
  }
  std::vector<NodeId> ids(whole.nodes().size(), -1);
  for (std::size_t i = 0; i < whole.nodes().size(); ++i) {
    const Node& node = whole.nodes()[i];
    if (!wanted[i]) {
      continue;
    }
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) {
      inputs.push_back(ids[static_cast<std::size_t>(input)]);
    }
    ids[i] = base.graph.add(inner_name(node.name, prefix), node.op, std::move(inputs));
    for (const auto& spec : parameter_specs(whole, static_cast<NodeId>(i))) {
      base.parameters.insert(inner_name(node.name, prefix) + "/" + spec.name,
                             model.parameters.at(node.name + "/" + spec.name));
    }
  }
  base.preprocessing = model.preprocessing;
  base.provenance = model.provenance;
  return base;
}

}  // namespace headstart
