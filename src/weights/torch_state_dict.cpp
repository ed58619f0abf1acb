// Our parameters as a PyTorch state dict: torchvision's names where they are known, PyTorch's layouts.
#include <algorithm>
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

// "conv1", "kernel" -> "conv1.weight"; "self_attention.in_proj", "bias" -> "self_attention.in_proj_bias".
std::string tensor_name(const std::string& module, const std::string& parameter) {
  if (is_bare_parameter(module)) {
    return module;
  }
  return module + (module.ends_with(".in_proj") ? "_" : ".") + torch_kind(parameter);
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
          tensor_name(module_name(graph, layer.name), spec.name),
          invert(torch_transform(graph.node(layer.id).op, spec.name, !flattened.empty()), tensor, flattened));
    }
  }
  return state;
}

}  // namespace headstart
