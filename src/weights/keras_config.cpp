#include "weights/keras_config.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "headstart/error.h"
#include "weights/keras_layer.h"
#include "weights/safe_json.h"
#include "weights/trailing_activation.h"

namespace headstart {
namespace {

using nlohmann::json;

constexpr std::size_t kMaximumLayers = 5000;

bool is_model(const std::string& class_name) {
  return class_name == "Sequential" || class_name == "Functional" || class_name == "Model";
}

std::string name_of(const json& layer) {
  // Keras 2 puts the name of a Sequential's layer into its config alone.
  if (layer.is_object() && layer.contains("name") && layer["name"].is_string()) {
    return layer["name"].get<std::string>();
  }
  return json_string(json_member(layer, "config", kKerasTag), "name", kKerasTag);
}

// Old Sequential models have their list of layers as config.
const json& layers_of(const json& model) {
  const auto& config = json_member(model, "config", kKerasTag);
  const auto& layers = config.is_array() ? config : json_member(config, "layers", kKerasTag);
  if (!layers.is_array() || layers.empty() || layers.size() > kMaximumLayers) {
    throw Error(
        fmt::format("[{}] expected a list of 1 to {} layers; received another", kKerasTag, kMaximumLayers));
  }
  return layers;
}

std::string model_name(const json& model, const std::string& otherwise) {
  const auto& config = json_member(model, "config", kKerasTag);
  return config.is_object() && config.contains("name") ? json_string(config, "name", kKerasTag) : otherwise;
}

Graph graph_from(const json& model, const std::string& name, const Shape& given);

bool trainable(const json& layer) {
  const auto& config = json_member(layer, "config", kKerasTag);
  return !config.is_object() || !config.contains("trainable") || config["trainable"] != false;
}

NodeId add_layer(Graph& graph, const json& layer, const std::vector<NodeId>& inputs) {
  const auto class_name = json_string(layer, "class_name", kKerasTag);
  if (is_model(class_name)) {
    if (inputs.size() != 1) {
      throw Error(
          fmt::format("[{}] expected a nested model with one input; received {}", kKerasTag, inputs.size()));
    }
    const auto inner = graph_from(layer, model_name(layer, "sequential"), graph.node(inputs[0]).shape);
    const auto output = graph.nest(inner, inputs[0]);
    if (!trainable(layer)) {
      graph.set_trainable_under(inner.name() + "/", false);
    }
    return output;
  }
  const auto name = name_of(layer);
  const auto rank = inputs.empty() ? 0 : graph.node(inputs[0]).shape.size();
  const auto id =
      graph.add(name, op_from_keras(class_name, name, json_member(layer, "config", kKerasTag), rank), inputs);
  graph.set_trainable(id, trainable(layer));
  return id;
}

// What goes into the first layer: its own declaration, that of the model inside it, or what the outer model
// gives.
Shape first_shape(const json& layer) {
  const auto& config = json_member(layer, "config", kKerasTag);
  if (config.is_object()) {
    auto shape = input_shape_from_keras("input", config);
    if (!shape.empty()) {
      return shape;
    }
  }
  return is_model(json_string(layer, "class_name", kKerasTag)) ? first_shape(layers_of(layer).front())
                                                               : Shape{};
}

Shape require_shape(const Shape& declared, const Shape& given, const std::string& name) {
  auto shape = declared.empty() ? given : declared;
  if (shape.empty()) {
    throw Error(
        fmt::format("[{}] expected the input shape of {} in its config; it is not there", kKerasTag, name));
  }
  return shape;
}

Graph sequential_graph(const json& model, const std::string& name, const Shape& given) {
  const auto& layers = layers_of(model);
  Graph graph(name);
  const bool has_input = json_string(layers.front(), "class_name", kKerasTag) == "InputLayer";
  auto id = graph.add(has_input ? name_of(layers.front()) : "input",
                      Input{require_shape(first_shape(layers.front()), given, name)}, std::vector<NodeId>{});
  for (std::size_t i = has_input ? 1 : 0; i < layers.size(); ++i) {
    id = add_layer(graph, layers[i], {id});
  }
  graph.set_output(id);
  return graph;
}

using LayerNames = std::set<std::string>;

// Of the nested models among a model's layers.
LayerNames nested_models(const json& model) {
  LayerNames names;
  for (const auto& layer : layers_of(model)) {
    if (is_model(json_string(layer, "class_name", kKerasTag))) {
      names.insert(name_of(layer));
    }
  }
  return names;
}

// ["name", node index, tensor index, ...]. The node index counts the uses of a layer; that of a nested
// functional model begins at 1, because its own construction is its use 0 (a Sequential's in Keras 3 at 0).
void add_source(const json& reference, const LayerNames& nested, std::vector<std::string>& sources) {
  const bool named = reference.is_array() && reference.size() >= 3 && reference[0].is_string();
  const bool first_use =
      named && (reference[1] == 0 || (reference[1] == 1 && nested.contains(reference[0].get<std::string>())));
  if (!first_use || reference[2] != 0) {
    throw Error(fmt::format(
        "[{}] expected layers that are used once, with one output; received another connection", kKerasTag));
  }
  sources.push_back(reference[0].get<std::string>());
}

// Keras 3: tensors anywhere inside the arguments.
void add_keras_tensors(const json& value, const LayerNames& nested, std::vector<std::string>& sources) {
  if (value.is_object() && value.contains("class_name") && value["class_name"] == "__keras_tensor__") {
    add_source(json_member(json_member(value, "config", kKerasTag), "keras_history", kKerasTag), nested,
               sources);
  } else if (value.is_array()) {
    for (const auto& item : value) {
      add_keras_tensors(item, nested, sources);
    }
  }
}

// Names of the layers whose outputs go into this one.
std::vector<std::string> sources_of(const json& layer, const LayerNames& nested) {
  std::vector<std::string> sources;
  const auto& calls = json_member(layer, "inbound_nodes", kKerasTag);
  if (!calls.is_array() || calls.size() > 1) {
    throw Error(fmt::format("[{}] layer {} is used several times, which Headstart does not do", kKerasTag,
                            name_of(layer)));
  }
  for (const auto& call : calls) {
    if (call.is_object()) {
      add_keras_tensors(json_member(call, "args", kKerasTag), nested, sources);
    } else if (call.is_array()) {
      for (const auto& reference : call) {
        add_source(reference, nested, sources);
      }
    }
  }
  return sources;
}

// [["name", 0, 0]], or in Keras 3 ["name", 0, 0] for a single one.
std::string single_end(const json& config, const char* key, const LayerNames& nested) {
  const auto& ends = json_member(config, key, kKerasTag);
  std::vector<std::string> names;
  if (ends.is_array() && ends.size() == 1) {
    add_source(ends[0], nested, names);
  } else if (ends.is_array() && ends.size() == 3 && ends[0].is_string()) {
    add_source(ends, nested, names);
  } else {
    throw Error(fmt::format("[{}] expected a model with one input and one output; received {} {}", kKerasTag,
                            ends.is_array() ? ends.size() : 0, key));
  }
  return names[0];
}

struct Pending {
  const json* layer = nullptr;
  std::string name;
  std::vector<std::string> sources;
};

// The ids of all sources, or nothing when one of them has not been added yet.
std::optional<std::vector<NodeId>> ids_of(const Pending& layer, const std::map<std::string, NodeId>& added) {
  std::vector<NodeId> ids;
  for (const auto& source : layer.sources) {
    const auto found = added.find(source);
    if (found == added.end()) {
      return std::nullopt;
    }
    ids.push_back(found->second);
  }
  return ids;
}

Graph functional_graph(const json& model, const std::string& name, const Shape& given) {
  const auto& config = json_member(model, "config", kKerasTag);
  const auto nested = nested_models(model);
  const auto input = single_end(config, "input_layers", nested);
  const auto output = single_end(config, "output_layers", nested);
  Graph graph(name);
  std::map<std::string, NodeId> added;
  std::vector<Pending> waiting;
  for (const auto& layer : layers_of(model)) {
    auto layer_name = name_of(layer);
    if (layer_name == input) {
      added[input] =
          graph.add(input, Input{require_shape(first_shape(layer), given, name)}, std::vector<NodeId>{});
    } else {
      auto sources = sources_of(layer, nested);
      waiting.push_back({&layer, std::move(layer_name), std::move(sources)});
    }
  }
  // The config lists layers by depth, which need not be an order in which they can be added.
  while (!waiting.empty()) {
    std::vector<Pending> later;
    for (auto& layer : waiting) {
      const auto ids = ids_of(layer, added);
      if (!ids || ids->empty()) {
        later.push_back(std::move(layer));
      } else if (!added.emplace(layer.name, add_layer(graph, *layer.layer, *ids)).second) {
        throw Error(fmt::format("[{}] the name {} stands for two layers", kKerasTag, layer.name));
      }
    }
    if (later.size() == waiting.size()) {
      throw Error(fmt::format("[{}] layer {} has inputs that lead nowhere", kKerasTag, later.front().name));
    }
    waiting = std::move(later);
  }
  if (!added.contains(output)) {
    throw Error(fmt::format("[{}] expected the output layer {}; it is not there", kKerasTag, output));
  }
  graph.set_output(added.at(output));
  return graph;
}

Graph graph_from(const json& model, const std::string& name, const Shape& given) {
  const auto class_name = json_string(model, "class_name", kKerasTag);
  if (!is_model(class_name)) {
    throw Error(fmt::format("[{}] expected a Sequential or Functional model; received the class {}",
                            kKerasTag, class_name.substr(0, 100)));
  }
  return class_name == "Sequential" ? sequential_graph(model, name, given)
                                    : functional_graph(model, name, given);
}

}  // namespace

Graph graph_from_keras_config(const std::string& text) {
  auto document = parse_json(text, kKerasTag);
  if (document.is_object() && document.contains("model_config")) {  // tfjs: the converter's wrapper
    document = json(document["model_config"]);
  }
  return with_activation_last(graph_from(document, model_name(document, "sequential"), {}));
}

}  // namespace headstart
