// A network as data: nodes in topological order, shapes inferred on insertion.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headstart/op.h"
#include "headstart/tensor.h"

namespace headstart {

using NodeId = int;

struct Node {
  std::string name;  // unique; a nested model's nodes carry its scope: "vgg16/block5_conv1"
  Op op;
  std::vector<NodeId> inputs;
  Shape shape;  // of one sample, without the batch dimension
  bool trainable = true;
};

// A nested model kept as one layer in the outer summary (Keras: Sequential([conv_base, ...])).
struct Scope {
  std::string name;  // "vgg16"; its nodes' names begin with "vgg16/"
  std::string type;  // "Functional"
};

// One image in, one tensor out. `nodes` is in topological order; the first is the Input.
class Graph {
 public:
  explicit Graph(std::string name = "model") : name_(std::move(name)) {}

  // Appends a node and infers its shape. Throws Error naming the layer when the name is taken, an input does
  // not exist or the shapes do not fit (for example an input smaller than a valid convolution's kernel).
  NodeId add(std::string name, Op op, std::vector<NodeId> inputs);
  NodeId add(std::string name, Op op, NodeId input) {
    return add(std::move(name), std::move(op), std::vector<NodeId>{input});
  }
  // Keras's automatic name: "conv2d", "conv2d_1", ... within this graph.
  std::string automatic_name(const Op& op) const;

  // Appends all nodes of `inner` but its Input as the scope `inner.name()`; returns the node of its output.
  // Throws Error when `inner` is empty or the input does not fit.
  NodeId nest(const Graph& inner, NodeId input);

  // Declares that the nodes called `scope.name` + "/..." are a nested model (for readers of files; `nest`
  // does it itself). Throws Error when the name is empty or taken.
  void add_scope(Scope scope);

  const std::string& name() const { return name_; }
  void rename(std::string name) { name_ = std::move(name); }
  const std::vector<Node>& nodes() const { return nodes_; }
  // Those that take a node throw Error for one that is not there, as the shapes of an empty graph do.
  const Node& node(NodeId id) const { return nodes_[index_of(id)]; }
  const std::vector<Scope>& scopes() const { return scopes_; }
  NodeId output() const { return output_; }  // the last node added unless set
  void set_output(NodeId id) { output_ = static_cast<NodeId>(index_of(id)); }
  const Shape& input_shape() const { return node(0).shape; }
  const Shape& output_shape() const { return node(output_).shape; }

  // Exact name, or a unique name inside a scope ("block5_conv1" for "vgg16/block5_conv1").
  std::optional<NodeId> find(std::string_view name) const;
  // As find; throws Error that offers the nearest names.
  NodeId require(std::string_view name) const;

  void set_trainable(NodeId id, bool trainable) { nodes_[index_of(id)].trainable = trainable; }
  void set_all_trainable(bool trainable);
  // Every node of a scope or with a name prefix "layer4." / "vgg16/"; returns how many nodes matched.
  int set_trainable_under(std::string_view prefix, bool trainable);
  // Keras's fine-tuning loop: everything that Keras lists before the first node called `name` (or under the
  // scope or prefix `name`) is frozen, it and everything after it is trainable. Keras lists layers by how far
  // they are from the output, those of parallel branches in turns. Throws as `require`.
  void set_trainable_from(std::string_view name);

  // The users of every node.
  std::vector<std::vector<NodeId>> consumers() const;

 private:
  std::size_t index_of(NodeId id) const {
    const auto index = static_cast<std::size_t>(id);
    if (index >= nodes_.size()) {
      refuse(id);
    }
    return index;
  }
  [[noreturn]] void refuse(NodeId id) const;

  std::string name_;
  std::vector<Node> nodes_;
  std::vector<Scope> scopes_;
  NodeId output_ = -1;
};

// Output shape of an op for the shapes of its inputs; throws Error without the layer's name.
Shape infer_shape(const Op& op, const std::vector<Shape>& inputs);

// Keras's class name: "Conv2D", "InputLayer", "Activation", ...
std::string type_name(const Op& op);

// Padding in elements before and after, for one axis (resolves `same`).
struct AxisPadding {
  int before = 0, after = 0;
};
AxisPadding resolve_padding(const Padding& padding, bool vertical, std::int64_t input, int kernel, int stride,
                            int dilation);

// Of a Conv2DTranspose along one axis: what is cut from the whole before its first row or column, and the
// output's extent.
struct TransposedAxis {
  int cut = 0;
  std::int64_t output = 0;
};
TransposedAxis resolve_transposed(const Conv2DTranspose& op, bool vertical, std::int64_t input);

// The activation inside a layer, or null.
const Activation* activation_of(const Op& op);

// The activation at the end of a network that turns logits into probabilities: that of a last layer with
// weights, or of a last Activation layer.
enum class OutputActivation { none, sigmoid, softmax };
OutputActivation output_activation(const Graph& graph);

struct ParameterSpec {
  enum class Initializer {
    zeros,
    constant,
    normal,
    glorot_uniform,
    kernel_norm,  // the norm of every filter of the node's "kernel"
  };
  std::string name;  // suffix: "kernel"
  Shape shape;
  bool trainable = true;  // false: moving statistics
  Initializer initializer = Initializer::zeros;
  std::int64_t fan_in = 0, fan_out = 0;
  float value = 0.0F;  // of `constant`; the deviation of `normal`
};

// Parameters of one node, in Keras's order (trainable first); empty for most ops.
std::vector<ParameterSpec> parameter_specs(const Graph& graph, NodeId id);

}  // namespace headstart
