// The name of a feature cache: a hash of everything but the picture that its records depend on.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/sha256.h"
#include "graph/ancestors.h"
#include "graph/serialize.h"
#include "headstart/error.h"
#include "train/features.h"
#include "train/options_json.h"

namespace headstart {
namespace {

// Raised when records would come out different for the same graph, parameters and preprocessing. Among those
// of 1 some mixed two images, in networks that pad other than in convolutions.
constexpr int kRecordVersion = 2;

}  // namespace

std::string text_of(const Preprocessing& preprocessing) {
  const Preprocessing& p = preprocessing;
  std::string text = fmt::format("{} {} {} {} {} {} {} {}", p.height, p.width, p.channels,
                                 to_string(p.kernel), to_string(p.fit), p.resize_to, p.bgr, p.scale);
  for (std::size_t c = 0; c < p.mean.size(); ++c) {
    text += fmt::format(" {} {}", p.mean[c], p.std[c]);
  }
  return text;
}

std::string feature_key(const Graph& graph, const Parameters& parameters,
                        const BoundaryTableOptions& options) {
  auto needed = ancestors(graph.nodes(), options.boundary);
  needed[0] = true;
  Graph prefix("prefix");
  std::vector<NodeId> ids(graph.nodes().size(), -1);
  Sha256 hash;
  hash.update_text(fmt::format("headstart features {}", kRecordVersion));
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (!needed[i]) {
      continue;
    }
    const Node& node = graph.nodes()[i];
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) {
      inputs.push_back(ids[static_cast<std::size_t>(input)]);
    }
    ids[i] = prefix.add(node.name, node.op, std::move(inputs));
    for (const ParameterSpec& spec : parameter_specs(graph, static_cast<NodeId>(i))) {
      const Tensor& tensor = parameters.at(node.name + "/" + spec.name);
      hash.update({reinterpret_cast<const std::uint8_t*>(tensor.data()), tensor.values().size_bytes()});
    }
  }
  hash.update_text(graph_to_json(prefix));
  for (const NodeId id : options.boundary) {
    hash.update_text(graph.node(id).name);
  }
  hash.update_text(text_of(options.preprocessing));
  hash.update_text(to_string(options.precision));
  if (options.precision == Precision::int8) {
    if (options.ranges == nullptr) {
      throw Error("[features] expected ranges for int8; received none");
    }
    for (const auto& [layer, range] : *options.ranges) {
      hash.update_text(fmt::format("{} {} {}", layer, range.low, range.high));
    }
  }
  if (options.augmentation != Augmentation{}) {
    hash.update_text(to_json(options.augmentation));
    hash.update_text(std::to_string(options.seed));
  }
  return hash.hex();
}

}  // namespace headstart
