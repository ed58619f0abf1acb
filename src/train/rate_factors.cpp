#include "train/rate_factors.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace headstart {
namespace {

constexpr std::size_t kMostGroups = 12;

bool has_kernel(const std::vector<ParameterSpec>& specs) {
  return std::any_of(specs.begin(), specs.end(),
                     [](const ParameterSpec& spec) { return spec.trainable && spec.shape.size() > 1; });
}

}  // namespace

std::map<std::string, double> rate_factors(const Graph& graph, const std::set<std::string>& head,
                                           const StageOptions& stage) {
  std::map<std::string, double> factors;
  std::vector<std::vector<std::string>> layers;  // the base's, first to last
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const auto specs = parameter_specs(graph, static_cast<NodeId>(i));
    std::vector<std::string> own;
    for (const ParameterSpec& spec : specs) {
      const std::string name = node.name + "/" + spec.name;
      if (!node.trainable || !spec.trainable) {
        continue;
      }
      if (head.contains(name)) {
        if (stage.head_learning_rate > 0.0) {
          factors[name] = stage.head_learning_rate / stage.optimizer.learning_rate;
        }
      } else {
        own.push_back(name);
      }
    }
    if (own.empty()) {
      continue;
    }
    if (layers.empty() || has_kernel(specs)) {
      layers.emplace_back();
    }
    layers.back().insert(layers.back().end(), own.begin(), own.end());
  }
  const std::size_t groups = std::min(kMostGroups, layers.size());
  for (std::size_t i = 0; i < layers.size() && stage.layer_decay != 1.0; ++i) {
    const std::size_t group = i * groups / layers.size();
    for (const std::string& name : layers[i]) {
      factors[name] = std::pow(stage.layer_decay, static_cast<double>(groups - 1 - group));
    }
  }
  return factors;
}

}  // namespace headstart
