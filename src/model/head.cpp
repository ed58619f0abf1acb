// The `--head` grammar and what `--freeze` marks.
#include "headstart/head.h"

#include <algorithm>
#include <optional>
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
  const auto value = number_from<int>(text);
  if (!value || *value < 1 || *value > 1'000'000) {
    refuse(layer, expected);
  }
  return *value;
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

// Takes the word out of the arguments; false when it is not there.
bool take(Layer& layer, std::string_view word) {
  const auto found = std::find(layer.arguments.begin(), layer.arguments.end(), word);
  const bool there = found != layer.arguments.end();
  if (there) {
    layer.arguments.erase(found);
  }
  return there;
}

// "same" and "strideN", which a layer has that slides over the image.
struct Sliding {
  Padding padding{};
  std::optional<Size2> strides{};
};

Sliding take_sliding(Layer& layer) {
  constexpr std::string_view kStride = "stride";
  Sliding sliding;
  sliding.padding = take(layer, "same") ? Padding::same() : Padding::valid();
  const auto found = std::find_if(layer.arguments.begin(), layer.arguments.end(),
                                  [&](const std::string& word) { return word.starts_with(kStride); });
  if (found != layer.arguments.end()) {
    const int stride = whole_number(layer, found->substr(kStride.size()), "strideN, such as stride2");
    sliding.strides = Size2{.height = stride, .width = stride};
    layer.arguments.erase(found);
  }
  return sliding;
}

// "3" or "1x7", height first.
Size2 window(const Layer& layer, const std::string& text, const std::string& form) {
  const auto cross = text.find('x');
  const int height = whole_number(layer, text.substr(0, cross), form);
  return {.height = height,
          .width = cross == std::string::npos ? height : whole_number(layer, text.substr(cross + 1), form)};
}

Op hidden_dense(Layer& layer, const Shape&) {
  const std::string form = "dense:UNITS[:ACTIVATION][:nobias][:weightnorm] before the last layer";
  const bool use_bias = !take(layer, "nobias"), weight_normalization = take(layer, "weightnorm");
  require_arguments(layer, 1, 2, form);
  return Dense{.units = whole_number(layer, layer.arguments[0], form),
               .use_bias = use_bias,
               .activation = activation(layer, argument(layer, 1, "linear")),
               .weight_normalization = weight_normalization};
}

// The last dense layer has one output a class, or one in all for two classes that exclude each other.
Op output_dense(Layer layer, const HeadOptions& head) {
  const int classes = head.classes;
  const bool one_for_two = classes == 2 && !head.multi_label;
  const std::string form = "dense[:UNITS][:ACTIVATION][:nobias][:weightnorm] at the end";
  const bool use_bias = !take(layer, "nobias"), weight_normalization = take(layer, "weightnorm");
  require_arguments(layer, 0, 2, form);
  const bool has_units = !layer.arguments.empty() && is_number(layer.arguments[0]);
  std::string name = argument(layer, has_units ? 1 : 0, "");
  int units = one_for_two && name != "softmax" ? 1 : classes;
  if (has_units) {
    units = whole_number(layer, layer.arguments[0], form);
  }
  if (units != classes && !(units == 1 && one_for_two)) {
    refuse(layer, fmt::format("{} outputs, one a class", classes));
  }
  if (name.empty()) {
    name = units == 1 || head.multi_label ? "sigmoid" : "softmax";
  }
  if (head.multi_label && name != "sigmoid") {
    refuse(layer, "sigmoid at the end, as photos have any number of classes");
  }
  if (name != (units == 1 ? "sigmoid" : "softmax") && name != "sigmoid") {
    refuse(layer,
           fmt::format("{} at the end of a classifier", units == 1 ? "sigmoid" : "softmax or sigmoid"));
  }
  return Dense{.units = units,
               .use_bias = use_bias,
               .activation = activation(layer, name),
               .weight_normalization = weight_normalization};
}

Op convolution(Layer& layer, const Shape&) {
  const std::string form =
      "conv:FILTERS[:KERNEL[:ACTIVATION]][:same][:strideN][:nobias][:weightnorm], KERNEL as N or HxW";
  const Sliding sliding = take_sliding(layer);
  const bool use_bias = !take(layer, "nobias"), weight_normalization = take(layer, "weightnorm");
  require_arguments(layer, 1, 3, form);
  return Conv2D{.filters = whole_number(layer, layer.arguments[0], form),
                .kernel = window(layer, argument(layer, 1, "3"), form),
                .strides = sliding.strides.value_or(Size2{}),
                .padding = sliding.padding,
                .use_bias = use_bias,
                .activation = activation(layer, argument(layer, 2, "relu")),
                .weight_normalization = weight_normalization};
}

Op separable_convolution(Layer& layer, const Shape&) {
  const std::string form =
      "sepconv:FILTERS[:KERNEL[:ACTIVATION]][:same][:strideN][:nobias], KERNEL as N or HxW";
  const Sliding sliding = take_sliding(layer);
  const bool use_bias = !take(layer, "nobias");
  require_arguments(layer, 1, 3, form);
  return SeparableConv2D{.filters = whole_number(layer, layer.arguments[0], form),
                         .kernel = window(layer, argument(layer, 1, "3"), form),
                         .strides = sliding.strides.value_or(Size2{}),
                         .padding = sliding.padding,
                         .use_bias = use_bias,
                         .activation = activation(layer, argument(layer, 2, "relu"))};
}

Op depthwise_convolution(Layer& layer, const Shape&) {
  const std::string form = "depthwise[:KERNEL[:ACTIVATION]][:same][:strideN][:nobias], KERNEL as N or HxW";
  const Sliding sliding = take_sliding(layer);
  const bool use_bias = !take(layer, "nobias");
  require_arguments(layer, 0, 2, form);
  return DepthwiseConv2D{.kernel = window(layer, argument(layer, 0, "3"), form),
                         .strides = sliding.strides.value_or(Size2{}),
                         .padding = sliding.padding,
                         .use_bias = use_bias,
                         .activation = activation(layer, argument(layer, 1, "relu"))};
}

template <typename Pooling>
Op pooling(Layer& layer, const Shape&) {
  const std::string form = layer.name + "[:POOL][:same][:strideN], POOL as N or HxW";
  const Sliding sliding = take_sliding(layer);
  require_arguments(layer, 0, 1, form);
  const Size2 pool = window(layer, argument(layer, 0, "2"), form);
  return Pooling{.pool = pool, .strides = sliding.strides.value_or(pool), .padding = sliding.padding};
}

Op batch_normalization(Layer& layer, const Shape&) {
  const bool renorm = take(layer, "renorm");
  require_arguments(layer, 0, 0, "batchnorm[:renorm]");
  return BatchNormalization{.renorm = renorm};
}

Op group_normalization(Layer& layer, const Shape&) {
  const std::string form = "groupnorm[:GROUPS]";
  require_arguments(layer, 0, 1, form);
  return GroupNormalization{.groups = whole_number(layer, argument(layer, 0, "32"), form)};
}

// A group for every channel.
Op instance_normalization(Layer& layer, const Shape& input) {
  require_arguments(layer, 0, 0, "instancenorm without arguments");
  return GroupNormalization{.groups = static_cast<int>(input.back())};
}

Op activation_layer(Layer& layer, const Shape&) {
  require_arguments(layer, 1, 1, "activation:NAME");
  return ActivationLayer{.activation = activation(layer, layer.arguments[0])};
}

Op dropout(Layer& layer, const Shape&) {
  const std::string form = "dropout:RATE with a rate in [0, 1)";
  require_arguments(layer, 1, 1, form);
  const auto rate = number_from<float>(layer.arguments[0]);
  if (!rate || !(*rate >= 0.0F && *rate < 1.0F)) {
    refuse(layer, form);
  }
  return Dropout{.rate = *rate};
}

template <typename LayerOp>
Op plain(Layer& layer, const Shape&) {
  require_arguments(layer, 0, 0, layer.name + " without arguments");
  return LayerOp{};
}

// `input`: the shape of what the layer reads.
Op op_of(const Layer& layer, const Shape& input) {
  const std::vector<std::pair<std::string, Op (*)(Layer&, const Shape&)>> words{
      {"flatten", plain<Flatten>},
      {"gap", plain<GlobalAveragePooling2D>},
      {"gmp", plain<GlobalMaxPooling2D>},
      {"dense", hidden_dense},
      {"conv", convolution},
      {"sepconv", separable_convolution},
      {"depthwise", depthwise_convolution},
      {"maxpool", pooling<MaxPooling2D>},
      {"avgpool", pooling<AveragePooling2D>},
      {"dropout", dropout},
      {"batchnorm", batch_normalization},
      {"layernorm", plain<LayerNormalization>},
      {"groupnorm", group_normalization},
      {"instancenorm", instance_normalization},
      {"activation", activation_layer}};
  std::vector<std::string> names;
  for (const auto& [name, make] : words) {
    if (name == layer.name) {
      Layer rest = layer;
      return make(rest, input);
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
  NodeId last = graph.add(base.node(0).name, Input{.shape = base.input_shape()}, std::vector<NodeId>{});
  if (!only_input) {
    last = graph.nest(base, last);
  }
  for (const Layer& layer : layers) {
    const Shape& shape = graph.node(last).shape;
    const Op op = &layer == &layers.back() ? output_dense(layer, options) : op_of(layer, shape);
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

std::optional<int> classes_of_head(const std::string& head) {
  const Layer last = parse(split(head, ',').back());
  if (last.name != "dense" || last.arguments.empty() || !is_number(last.arguments.front())) {
    return std::nullopt;
  }
  return std::max(2, whole_number(last, last.arguments.front(), "dense:UNITS"));
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
