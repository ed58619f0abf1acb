// Our parameters as a PyTorch state dict: torchvision's names where they are known, PyTorch's layouts.
#include <algorithm>
#include <map>
#include <variant>

#include "weights/layer_matching.h"
#include "weights/pytorch.h"
#include "weights/torchvision_names.h"
#include "weights/weight_layout.h"

namespace headstart {
namespace {

// "vgg16/block1_conv1" -> "features.0"; a name that torchvision does not have keeps its words: "head/dense"
// -> "head.dense".
std::string module_name(const Graph& graph, std::string name) {
  std::string architecture = graph.name();
  for (const auto& scope : graph.scopes()) {
    if (name.starts_with(scope.name + "/")) {
      architecture = scope.name;
    }
  }
  const auto inner = name.starts_with(architecture + "/") ? name.substr(architecture.size() + 1) : name;
  if (auto known = torchvision_name(architecture, inner)) {
    return std::move(*known);
  }
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

std::string torch_kind(const std::string& parameter) {
  static const std::map<std::string, std::string> kind_names{{"kernel", "weight"},
                                                             {"gamma", "weight"},
                                                             {"bias", "bias"},
                                                             {"beta", "bias"},
                                                             {"moving_mean", "running_mean"},
                                                             {"moving_variance", "running_var"}};
  const auto found = kind_names.find(parameter);
  return found == kind_names.end() ? parameter : found->second;
}

}  // namespace

Parameters torch_state_dict(const Graph& graph, const Parameters& parameters) {
  Parameters state;
  for (const auto& layer : target_layers(graph)) {
    const auto flattened =
        std::holds_alternative<Dense>(graph.node(layer.id).op) ? flattened_shape(graph, layer.id) : Shape{};
    for (const auto& spec : layer.specs) {
      const auto& tensor = parameters.at(layer.name + "/" + spec.name);
      state.insert(
          module_name(graph, layer.name) + "." + torch_kind(spec.name),
          invert(torch_transform(graph.node(layer.id).op, spec.name, !flattened.empty()), tensor, flattened));
    }
  }
  return state;
}

}  // namespace headstart
