#include "explain/explore_separate.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/overloaded.h"

namespace headstart {
namespace {

struct Builder {
  const Graph& source;
  Graph graph{source.name()};
  std::set<std::string> taken{};                               // by the source's nodes and the new ones
  std::vector<std::pair<std::string, std::string>> renamed{};  // parameters: before, after

  std::string fresh_name(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 1; !taken.insert(name).second; ++i) {
      name = wanted + "_" + std::to_string(i);
    }
    return name;
  }

  NodeId add(const std::string& name, Op op, std::vector<NodeId> inputs, bool trainable) {
    const NodeId id = graph.add(name, std::move(op), std::move(inputs));
    graph.set_trainable(id, trainable);
    return id;
  }
};

const char* name_of(Activation::Kind kind) {
  switch (kind) {
    case Activation::Kind::linear:
      return "linear";
    case Activation::Kind::relu:
      return "relu";
    case Activation::Kind::relu6:
      return "relu6";
    case Activation::Kind::leaky_relu:
      return "leaky_relu";
    case Activation::Kind::elu:
      return "elu";
    case Activation::Kind::sigmoid:
      return "sigmoid";
    case Activation::Kind::tanh:
      return "tanh";
    case Activation::Kind::softmax:
      return "softmax";
    case Activation::Kind::swish:
      return "swish";
    case Activation::Kind::hard_sigmoid:
      return "hard_sigmoid";
    case Activation::Kind::hard_swish:
      return "hard_swish";
    case Activation::Kind::gelu:
    case Activation::Kind::gelu_tanh:
      return "gelu";
  }
  return "activation";
}

// Adds the linear layer and, unless it is linear already, its activation.
NodeId add_parted(Builder& builder, const Node& node, Op linear, std::vector<NodeId> inputs,
                  const Activation& activation) {
  const NodeId id = builder.add(node.name, std::move(linear), std::move(inputs), node.trainable);
  if (activation.kind == Activation::Kind::linear) {
    return id;
  }
  return builder.add(builder.fresh_name(node.name + "_" + name_of(activation.kind)),
                     ActivationLayer{activation}, {id}, node.trainable);
}

NodeId add_separable(Builder& builder, const Node& node, const SeparableConv2D& conv, NodeId input) {
  const std::string depthwise = builder.fresh_name(node.name + "_depthwise");
  builder.renamed.emplace_back(node.name + "/depthwise_kernel", depthwise + "/kernel");
  builder.renamed.emplace_back(node.name + "/pointwise_kernel", node.name + "/kernel");
  const NodeId middle = builder.add(depthwise,
                                    DepthwiseConv2D{.kernel = conv.kernel,
                                                    .strides = conv.strides,
                                                    .dilation = conv.dilation,
                                                    .padding = conv.padding,
                                                    .depth_multiplier = conv.depth_multiplier,
                                                    .use_bias = false},
                                    {input}, node.trainable);
  return add_parted(builder, node, Conv2D{.filters = conv.filters, .use_bias = conv.use_bias}, {middle},
                    conv.activation);
}

NodeId add_separated(Builder& builder, const Node& node, const std::vector<NodeId>& inputs) {
  return std::visit(
      Overloaded{
          [&](const SeparableConv2D& conv) { return add_separable(builder, node, conv, inputs.front()); },
          [&](const OneOf<Conv2D, Conv2DTranspose, DepthwiseConv2D, Dense> auto& layer) {
            auto linear = layer;
            linear.activation = {};
            return add_parted(builder, node, linear, inputs, layer.activation);
          },
          [&](const auto& other) { return builder.add(node.name, other, inputs, node.trainable); }},
      node.op);
}

// Takes the tensors over.
Parameters rename(Parameters& parameters, const std::vector<std::pair<std::string, std::string>>& renamed) {
  const std::map<std::string, std::string> names(renamed.begin(), renamed.end());
  Parameters result;
  for (auto& entry : parameters) {
    const auto found = names.find(entry.first);
    result.insert(found == names.end() ? entry.first : found->second, std::move(entry.second));
  }
  return result;
}

}  // namespace

SeparatedNetwork separate(const Graph& graph, Parameters parameters) {
  Builder builder{.source = graph};
  for (const auto& node : graph.nodes()) {
    builder.taken.insert(node.name);
  }
  std::vector<NodeId> ids;  // of the source's nodes in the new graph
  ids.reserve(graph.nodes().size());
  for (const auto& node : graph.nodes()) {
    std::vector<NodeId> inputs;
    inputs.reserve(node.inputs.size());
    for (const NodeId input : node.inputs) {
      inputs.push_back(ids[static_cast<std::size_t>(input)]);
    }
    ids.push_back(add_separated(builder, node, inputs));
  }
  builder.graph.set_output(ids[static_cast<std::size_t>(graph.output())]);
  return {.graph = std::move(builder.graph), .parameters = rename(parameters, builder.renamed)};
}

}  // namespace headstart
