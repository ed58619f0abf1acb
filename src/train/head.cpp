// The `--head` grammar and what `--freeze` marks.
#include "headstart/head.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

// A word of the grammar with its arguments: "dense:256:relu".
struct Layer {
  std::string text, name;
  std::vector<std::string> arguments{};
};

Layer parse(const std::string& text) {
  auto words = split(text, ':');
  Layer layer{.text = text, .name = words.front()};
  layer.arguments.assign(words.begin() + 1, words.end());
  return layer;
}

[[noreturn]] void refuse(const Layer& layer, const std::string& expected) {
  throw Error(fmt::format("[head] expected {}; received \"{}\"", expected, layer.text));
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int whole_number(const Layer& layer, const std::string& text, const std::string& expected) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > 1'000'000) {
    refuse(layer, expected);
  }
  return value;
}

Activation activation(const Layer& layer, const std::string& name) {
  using Kind = Activation::Kind;
  const std::vector<std::pair<std::string, Activation>> known{
      {"linear", {}},
      {"relu", {.kind = Kind::relu}},
      {"relu6", {.kind = Kind::relu6}},
      {"leaky_relu", {.kind = Kind::leaky_relu, .alpha = 0.3F}},  // Keras's slope
      {"elu", {.kind = Kind::elu, .alpha = 1.0F}},
      {"sigmoid", {.kind = Kind::sigmoid}},
      {"tanh", {.kind = Kind::tanh}},
      {"softmax", {.kind = Kind::softmax}},
      {"swish", {.kind = Kind::swish}},
      {"hard_sigmoid", {.kind = Kind::hard_sigmoid}},
      {"hard_swish", {.kind = Kind::hard_swish}},
      {"gelu", {.kind = Kind::gelu}}};
  std::vector<std::string> names;
  for (const auto& [word, value] : known) {
    if (word == name) {
      return value;
    }
    names.push_back(word);
  }
  refuse(layer, fmt::format("an activation ({}){}", fmt::join(names, ", "), did_you_mean(name, names)));
}

void require_arguments(const Layer& layer, std::size_t least, std::size_t most, const std::string& form) {
  if (layer.arguments.size() < least || layer.arguments.size() > most) {
    refuse(layer, form);
  }
}

std::string argument(const Layer& layer, std::size_t index, const std::string& otherwise) {
  return index < layer.arguments.size() ? layer.arguments[index] : otherwise;
}

Op hidden_dense(const Layer& layer) {
  const std::string form = "dense:UNITS[:ACTIVATION] before the last layer";
  require_arguments(layer, 1, 2, form);
  return Dense{.units = whole_number(layer, layer.arguments[0], form),
               .activation = activation(layer, argument(layer, 1, "linear"))};
}

// The last dense layer has one output a class, or one in all for two classes.
Op output_dense(const Layer& layer, int classes) {
  require_arguments(layer, 0, 2, "dense[:UNITS][:ACTIVATION]");
  const bool has_units = !layer.arguments.empty() && is_number(layer.arguments[0]);
  std::string name = argument(layer, has_units ? 1 : 0, "");
  int units = classes == 2 && name != "softmax" ? 1 : classes;
  if (has_units) {
    units = whole_number(layer, layer.arguments[0], "dense[:UNITS][:ACTIVATION]");
  }
  if (units != classes && !(units == 1 && classes == 2)) {
    refuse(layer, fmt::format("{} outputs, one a class", classes));
  }
  if (name.empty()) {
    name = units == 1 ? "sigmoid" : "softmax";
  }
  if (name != (units == 1 ? "sigmoid" : "softmax") && name != "sigmoid") {
    refuse(layer,
           fmt::format("{} at the end of a classifier", units == 1 ? "sigmoid" : "softmax or sigmoid"));
  }
  return Dense{.units = units, .activation = activation(layer, name)};
}

Op convolution(const Layer& layer) {
  const std::string form = "conv:FILTERS[:KERNEL[:ACTIVATION]]";
  require_arguments(layer, 1, 3, form);
  const int kernel = whole_number(layer, argument(layer, 1, "3"), form);
  return Conv2D{.filters = whole_number(layer, layer.arguments[0], form),
                .kernel = {.height = kernel, .width = kernel},
                .activation = activation(layer, argument(layer, 2, "relu"))};
}

Size2 pool(const Layer& layer) {
  const std::string form = layer.name + "[:POOL]";
  require_arguments(layer, 0, 1, form);
  const int size = whole_number(layer, argument(layer, 0, "2"), form);
  return {.height = size, .width = size};
}

Op dropout(const Layer& layer) {
  const std::string form = "dropout:RATE with a rate in [0, 1)";
  require_arguments(layer, 1, 1, form);
  const std::string& text = layer.arguments[0];
  float rate = 0.0F;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc{} || end != text.data() + text.size() || !(rate >= 0.0F && rate < 1.0F)) {
    refuse(layer, form);
  }
  return Dropout{.rate = rate};
}

template <typename LayerOp>
Op plain(const Layer& layer) {
  require_arguments(layer, 0, 0, layer.name + " without arguments");
  return LayerOp{};
}

Op op_of(const Layer& layer) {
  const std::vector<std::pair<std::string, std::function<Op(const Layer&)>>> words{
      {"flatten", plain<Flatten>},
      {"gap", plain<GlobalAveragePooling2D>},
      {"gmp", plain<GlobalMaxPooling2D>},
      {"dense", hidden_dense},
      {"conv", convolution},
      {"maxpool", [](const Layer& l) { return MaxPooling2D{.pool = pool(l), .strides = pool(l)}; }},
      {"avgpool", [](const Layer& l) { return AveragePooling2D{.pool = pool(l), .strides = pool(l)}; }},
      {"dropout", dropout},
      {"batchnorm", plain<BatchNormalization>},
      {"activation", [](const Layer& l) {
         require_arguments(l, 1, 1, "activation:NAME");
         return ActivationLayer{.activation = activation(l, l.arguments[0])};
       }}};
  std::vector<std::string> names;
  for (const auto& [name, make] : words) {
    if (name == layer.name) {
      return make(layer);
    }
    names.push_back(name);
  }
  refuse(layer, fmt::format("a layer of {}{}", fmt::join(names, ", "), did_you_mean(layer.name, names)));
}

}  // namespace

Graph attach_head(const Graph& base, const HeadOptions& options) {
  if (options.classes < 2) {
    throw Error(fmt::format("[head] expected two classes or more; received {}", options.classes));
  }
  std::vector<Layer> layers;
  for (const std::string& text : split(options.head, ',')) {
    layers.push_back(parse(text));
  }
  if (layers.back().name != "dense") {
    refuse(layers.back(), "a dense layer at the end of the head");
  }
  Graph graph(options.model_name);
  const bool only_input = base.nodes().size() == 1;
  NodeId last =
      graph.add(base.nodes().front().name, Input{.shape = base.input_shape()}, std::vector<NodeId>{});
  if (!only_input) {
    last = graph.nest(base, last);
  }
  for (const Layer& layer : layers) {
    const Op op = &layer == &layers.back() ? output_dense(layer, options.classes) : op_of(layer);
    const Shape& shape = graph.node(last).shape;
    if (std::holds_alternative<Dense>(op) && shape.size() != 1) {
      throw Error(
          fmt::format("[head] \"{}\" does not fit there: expected a flat input; received {}; put flatten or "
                      "gap before it",
                      layer.text, to_string(shape)));
    }
    try {
      last = graph.add(graph.automatic_name(op), op, last);
    } catch (const Error& error) {
      throw Error(fmt::format("[head] \"{}\" does not fit there: {}", layer.text, error.what()));
    }
  }
  return graph;
}

void freeze_base(Graph& graph, const std::string& base_scope, const std::string& freeze) {
  if (freeze == "all") {
    graph.set_trainable_under(base_scope + "/", false);
  } else if (freeze == "none") {
    graph.set_all_trainable(true);
  } else {
    graph.set_trainable_from(freeze);
  }
}

}  // namespace headstart
