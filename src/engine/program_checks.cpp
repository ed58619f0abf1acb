#include "engine/program_checks.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/ancestors.h"
#include "headstart/error.h"

namespace headstart {

int checked_batch(int batch) {
  if (batch < 1) {
    throw Error(fmt::format("[engine] expected a batch of at least 1; received {}; choose another", batch));
  }
  return batch;
}

std::vector<NeededParameter> checked_parameters(const Graph& graph, const Parameters& parameters,
                                                const AskedFor& asked) {
  const auto names_of = [&](const std::vector<NodeId>& nodes) {
    std::vector<std::string> names;
    names.reserve(nodes.size());
    for (const NodeId id : nodes) {
      names.push_back(graph.node(id).name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
  };
  const std::string outputs = names_of(asked.outputs), sources = names_of(asked.sources);
  auto computed = ancestors(graph.nodes(), asked.outputs, asked.sources);
  for (const NodeId source : asked.sources) {
    computed[static_cast<std::size_t>(source)] = false;
  }
  if (computed.front()) {
    throw Error(fmt::format(
        "[engine] expected sources that {} can be computed from; received {}; name the layers before it",
        outputs, sources));
  }
  auto needed = needed_parameters(graph, computed);
  check_parameters(graph.name(), needed, parameters);
  return needed;
}

}  // namespace headstart
