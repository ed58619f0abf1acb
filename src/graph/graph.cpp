// Building a graph, finding nodes in it and marking them trainable.
#include "headstart/graph.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "graph/keras_order.h"
#include "graph/overloaded.h"
#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

// "vgg16", "vgg16/", "layer4" and "layer4." all cover the nodes below them; "layer4" does not cover
// "layer40.conv".
bool is_under(std::string_view name, std::string_view prefix) {
  if (prefix.empty() || !name.starts_with(prefix)) {
    return false;
  }
  const bool ends_in_separator = prefix.back() == '/' || prefix.back() == '.';
  return ends_in_separator || name.size() == prefix.size() || name[prefix.size()] == '/' ||
         name[prefix.size()] == '.';
}

bool is_under_in_any_scope(std::string_view name, std::string_view prefix, const std::vector<Scope>& scopes) {
  return is_under(name, prefix) || std::any_of(scopes.begin(), scopes.end(), [&](const Scope& scope) {
           return is_under(name, scope.name + "/" + std::string(prefix));
         });
}

}  // namespace

NodeId Graph::add(std::string name, Op op, std::vector<NodeId> inputs) {
  if (name.empty()) {
    throw Error("[graph] expected a layer name; received an empty one; use automatic_name");
  }
  if (std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.name == name; })) {
    throw Error("[graph] expected a layer name of its own; received \"" + name +
                "\" twice; rename one of the layers");
  }
  if (std::holds_alternative<Input>(op) != nodes_.empty()) {
    throw Error("[graph] expected one Input, as the first layer; received " + type_name(op) + " \"" + name +
                "\" as layer " + std::to_string(nodes_.size()) + "; begin the graph with its Input");
  }
  std::vector<Shape> shapes;
  for (const NodeId input : inputs) {
    if (input < 0 || input >= static_cast<NodeId>(nodes_.size())) {
      throw Error("[graph] expected inputs of \"" + name + "\" that were added before it; received node " +
                  std::to_string(input) + " of " + std::to_string(nodes_.size()) +
                  "; add the layers in order");
    }
    shapes.push_back(node(input).shape);
  }
  Shape shape;
  try {
    shape = infer_shape(op, shapes);
    element_count(shape);
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + " (layer \"" + name + "\")");
  }
  nodes_.push_back(
      {.name = std::move(name), .op = std::move(op), .inputs = std::move(inputs), .shape = std::move(shape)});
  output_ = static_cast<NodeId>(nodes_.size()) - 1;
  return output_;
}

void Graph::refuse(NodeId id) const {
  throw Error("[graph] expected a node of \"" + name_ + "\", which has " + std::to_string(nodes_.size()) +
              "; received node " + std::to_string(id) + "; " +
              (nodes_.empty() ? "begin it with an Input" : "take what add, nest or require return"));
}

NodeId Graph::nest(const Graph& inner, NodeId input) {
  if (&inner == this) {
    return nest(Graph(inner), input);  // what is appended to is not what is read
  }
  const Shape& given = node(input).shape;
  if (given != inner.input_shape()) {
    throw Error("[graph] expected an input of shape " + to_string(inner.input_shape()) +
                " for the nested model \"" + inner.name() + "\"; received " + to_string(given) +
                "; build the nested model for this size");
  }
  const std::string prefix = inner.name() + "/";
  add_scope({.name = inner.name(), .type = "Functional"});
  for (const Scope& scope : inner.scopes()) {
    add_scope({.name = prefix + scope.name, .type = scope.type});
  }
  std::vector<NodeId> outer_ids{input};
  for (std::size_t i = 1; i < inner.nodes().size(); ++i) {
    const Node& source = inner.nodes()[i];
    std::vector<NodeId> inputs;
    for (const NodeId id : source.inputs) {
      inputs.push_back(outer_ids[static_cast<std::size_t>(id)]);
    }
    outer_ids.push_back(add(prefix + source.name, source.op, std::move(inputs)));
    set_trainable(outer_ids.back(), source.trainable);
  }
  output_ = outer_ids.at(static_cast<std::size_t>(inner.output()));
  return output_;
}

void Graph::add_scope(Scope scope) {
  const bool taken = std::any_of(scopes_.begin(), scopes_.end(),
                                 [&](const Scope& other) { return other.name == scope.name; });
  if (scope.name.empty() || taken) {
    throw Error("[graph] expected a name of its own for a nested model; received \"" + scope.name +
                "\"; rename it");
  }
  scopes_.push_back(std::move(scope));
}

std::optional<NodeId> Graph::find(std::string_view name) const {
  std::optional<NodeId> in_scope;
  int matches_in_scopes = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const std::string_view candidate = nodes_[i].name;
    if (candidate == name) {
      return static_cast<NodeId>(i);
    }
    for (const Scope& scope : scopes_) {
      if (candidate.size() == scope.name.size() + 1 + name.size() &&
          candidate.starts_with(scope.name + "/") && candidate.ends_with(name)) {
        in_scope = static_cast<NodeId>(i);
        ++matches_in_scopes;
      }
    }
  }
  return matches_in_scopes == 1 ? in_scope : std::nullopt;
}

NodeId Graph::require(std::string_view name) const {
  if (const std::optional<NodeId> id = find(name)) {
    return *id;
  }
  std::vector<std::string> names;
  for (const Node& node : nodes_) {
    const auto scope = std::find_if(scopes_.begin(), scopes_.end(), [&](const Scope& candidate) {
      return node.name.starts_with(candidate.name + "/");
    });
    names.push_back(scope == scopes_.end() ? node.name : node.name.substr(scope->name.size() + 1));
  }
  throw Error("[graph] expected the name of a layer of \"" + name_ + "\"; received \"" + std::string(name) +
              "\"" + did_you_mean(name, names) + "; `headstart summary --expand` lists them");
}

void Graph::set_all_trainable(bool trainable) {
  for (Node& node : nodes_) {
    node.trainable = trainable;
  }
}

int Graph::set_trainable_under(std::string_view prefix, bool trainable) {
  int matched = 0;
  for (Node& node : nodes_) {
    if (is_under_in_any_scope(node.name, prefix, scopes_)) {
      node.trainable = trainable;
      ++matched;
    }
  }
  return matched;
}

void Graph::set_trainable_from(std::string_view name) {
  const std::vector<NodeId> order = keras_order(*this);
  auto first = std::find_if(order.begin(), order.end(),
                            [&](NodeId id) { return is_under_in_any_scope(node(id).name, name, scopes_); });
  if (first == order.end()) {
    first = std::find(order.begin(), order.end(), require(name));
  }
  for (auto id = order.begin(); id != order.end(); ++id) {
    set_trainable(*id, id >= first);
  }
}

std::vector<std::vector<NodeId>> Graph::consumers() const {
  std::vector<std::vector<NodeId>> users(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const NodeId input : nodes_[i].inputs) {
      users[static_cast<std::size_t>(input)].push_back(static_cast<NodeId>(i));
    }
  }
  return users;
}

const Activation* activation_of(const Op& op) {
  return std::visit(
      Overloaded{
          [](const OneOf<Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D, Dense,
                         ActivationLayer> auto& o) { return &o.activation; },
          [](const OneOf<Input, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D,
                         ZeroPadding2D, BatchNormalization, LayerNormalization, Scale, Normalization,
                         SelfAttention, WindowAttention, ClassToken, PositionEmbedding, Cropping2D,
                         ChannelShuffle, ChannelSlice, GroupNormalization, LocalResponseNormalization,
                         UpSampling2D, Add, Multiply, Concatenate, Flatten, Reshape, Dropout,
                         Rescaling> auto&) -> const Activation* { return nullptr; }},
      op);
}

OutputActivation output_activation(const Graph& graph) {
  const auto of = [](const Activation& activation) {
    switch (activation.kind) {
      case Activation::Kind::sigmoid:
        return OutputActivation::sigmoid;
      case Activation::Kind::softmax:
        return OutputActivation::softmax;
      case Activation::Kind::linear:
      case Activation::Kind::relu:
      case Activation::Kind::relu6:
      case Activation::Kind::leaky_relu:
      case Activation::Kind::elu:
      case Activation::Kind::tanh:
      case Activation::Kind::swish:
      case Activation::Kind::hard_sigmoid:
      case Activation::Kind::hard_swish:
      case Activation::Kind::gelu:
      case Activation::Kind::gelu_tanh:
        break;
    }
    return OutputActivation::none;
  };
  const Activation* activation = activation_of(graph.node(graph.output()).op);
  return activation != nullptr ? of(*activation) : OutputActivation::none;
}

}  // namespace headstart
