#include "graph/ancestors.h"

namespace headstart {

std::vector<bool> ancestors(const std::vector<Node>& nodes, const std::vector<NodeId>& outputs,
                            const std::vector<NodeId>& sources) {
  std::vector<bool> needed(nodes.size(), false);
  std::vector<bool> is_source(nodes.size(), false);
  for (const auto id : sources) {
    is_source[static_cast<std::size_t>(id)] = true;
  }
  for (const auto id : outputs) {
    needed[static_cast<std::size_t>(id)] = true;
  }
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (needed[i] && !is_source[i]) {
      for (const auto input : nodes[i].inputs) {
        needed[static_cast<std::size_t>(input)] = true;
      }
    }
  }
  return needed;
}

}  // namespace headstart
