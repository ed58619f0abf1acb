#include "weights/onnx.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "weights/onnx_file.h"
#include "weights/places.h"

namespace headstart {
namespace {

// "layer1.0.conv1.weight" -> "layer1.0.conv1"; empty for a name that the exporter made up ("onnx::Conv_193").
std::string_view module_of_parameter(std::string_view name) {
  constexpr std::string_view kKinds[] = {".weight", ".bias", ".running_mean", ".running_var"};
  for (const auto kind : kKinds) {
    if (name.ends_with(kind) && name.find("::") == std::string_view::npos) {
      return name.substr(0, name.size() - kind.size());
    }
  }
  return {};
}

// "/layer1/layer1.0/conv1/Conv" -> "layer1.0.conv1" (PyTorch), "net/conv1/Conv2D" -> "net/conv1" (tf2onnx).
std::string module_of_node(std::string_view name) {
  const auto end = name.rfind('/');
  if (end == std::string_view::npos || end == 0) {
    return {};
  }
  name = name.substr(0, end);
  if (!name.starts_with("/")) {
    return std::string(name);
  }
  std::string module;
  for (std::string_view before; !name.empty();) {
    name.remove_prefix(1);
    const auto part = name.substr(0, name.find('/'));
    name.remove_prefix(part.size());
    // The child of a Sequential says its parent's name again.
    const bool repeats = !before.empty() && part.size() > before.size() && part.starts_with(before) &&
                         part[before.size()] == '.';
    module += repeats ? "" : module.empty() ? "" : ".";
    module += repeats ? part.substr(before.size()) : part;
    before = part;
  }
  return module;
}

Tensor transposed(const Tensor& matrix) {
  const auto rows = matrix.shape()[0];
  const auto columns = matrix.shape()[1];
  Tensor result({columns, rows});
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      result[column * rows + row] = matrix[row * columns + column];
    }
  }
  return result;
}

// Walks the nodes once: names every layer, collects its weights and its place.
class OnnxReader {
 public:
  OnnxReader(const OnnxModel& model, OnnxTensors tensors) : model_(model), tensors_(std::move(tensors)) {
    for (const auto& tensor : model.initializers) {
      add_constant(tensor.name, tensor);
    }
  }

  WeightFile read() {
    result_.format = WeightFormat::onnx;
    result_.producer = std::string(model_.producer.substr(0, 100));
    nodes_.push_back({.kind = PlaceNode::Kind::source});
    for (const auto& node : model_.nodes) {
      read_node(node);
    }
    for (const auto& tensor : model_.initializers) {
      add_remaining(tensor);
    }
    if (result_.layers.empty()) {
      throw Error(fmt::format(
          "[{}] expected weights in the model; received none; export it with its parameters", kOnnxTag));
    }
    const auto places = places_of(nodes_);
    for (const auto& [layer, node] : layer_nodes_) {
      result_.layers[layer].place = places[node];
    }
    return std::move(result_);
  }

 private:
  using Layer = WeightFile::Layer;

  void add_constant(std::string_view name, const OnnxTensor& tensor) {
    if (!name.empty()) {
      constants_[name] = &tensor;
    }
  }

  const OnnxTensor* constant(const OnnxNode& node, std::size_t input) const {
    const auto found = input < node.inputs.size() ? constants_.find(node.inputs[input]) : constants_.end();
    return found != constants_.end() && is_float_tensor(*found->second) ? found->second : nullptr;
  }

  // The node that makes a value; an input of the network is the source.
  std::optional<std::size_t> maker(std::string_view value) const {
    const auto found = makers_.find(value);
    if (found != makers_.end()) {
      return found->second;
    }
    return constants_.contains(value) || value.empty() ? std::nullopt : std::optional<std::size_t>(0);
  }

  void read_node(const OnnxNode& node) {
    if (node.op == "Constant" || node.op == "Identity") {
      if (const auto* tensor = node.op == "Constant" && !node.constants.empty() ? &node.constants[0]
                               : node.inputs.empty()                            ? nullptr
                                                                                : constant(node, 0);
          tensor != nullptr && !node.outputs.empty()) {
        add_constant(node.outputs[0], *tensor);
        return;
      }
    }
    PlaceNode place;
    for (const auto input : node.inputs) {
      if (const auto made_by = maker(input)) {
        place.inputs.push_back(*made_by);
      }
    }
    const auto layer = add_layer(node, place);
    if (layer) {
      layer_nodes_.emplace_back(*layer, nodes_.size());
    } else if (node.op == "MaxPool" || node.op == "AveragePool") {
      const bool single = std::all_of(node.kernel.begin(), node.kernel.end(), [](auto k) { return k == 1; });
      place.kind = single ? PlaceNode::Kind::pass : PlaceNode::Kind::layer;
      place.what = node.op;
    } else if (node.op == "Concat") {
      place.kind = PlaceNode::Kind::concat;
    } else if (node.op == "Add" || node.op == "Mul" || node.op == "Sum") {
      place.kind = PlaceNode::Kind::join;
    }
    for (const auto output : node.outputs) {
      makers_[output] = nodes_.size();
      if (layer) {
        layer_outputs_[output] = *layer;
      }
    }
    nodes_.push_back(std::move(place));
  }

  // The index of the layer that this node is; sets what its place says of it.
  std::optional<std::size_t> add_layer(const OnnxNode& node, PlaceNode& place) {
    if (node.op == "Add") {
      add_bias_of_product(node);
      return std::nullopt;
    }
    const auto* weight = constant(node, 1);
    if (weight == nullptr) {
      return std::nullopt;
    }
    const auto rank = weight->shape.size();
    const bool product = (node.op == "Gemm" && !node.transpose_a) || node.op == "MatMul";
    if (node.op == "Conv" && rank == 4) {
      place = {PlaceNode::Kind::layer, place_of_weight("Conv", weight->shape), std::move(place.inputs)};
      return new_layer(node, {{"weight", 1}, {"bias", 2}});
    }
    if (product && rank == 2) {
      const bool as_torch = node.op == "Gemm" && node.transpose_b;
      const auto& s = weight->shape;
      place = {PlaceNode::Kind::layer, place_of_weight("Dense", as_torch ? s : Shape{s[1], s[0]}),
               std::move(place.inputs)};
      return new_layer(node, {{as_torch ? "weight" : "transposed weight", 1}, {"bias", 2}});
    }
    if (node.op == "BatchNormalization" && rank == 1) {
      place = {PlaceNode::Kind::norm, place_of_weight("Norm", weight->shape), std::move(place.inputs)};
      return new_layer(node, {{"weight", 1}, {"bias", 2}, {"running_mean", 3}, {"running_var", 4}});
    }
    return std::nullopt;
  }

  struct Part {
    std::string_view kind;
    std::size_t input;
  };

  std::size_t new_layer(const OnnxNode& node, const std::vector<Part>& parts) {
    std::string name;
    for (const auto& part : parts) {
      if (constant(node, part.input) != nullptr && name.empty()) {
        name = module_of_parameter(constant(node, part.input)->name);
      }
    }
    name = name.empty() ? module_of_node(node.name) : name;
    if (name.empty()) {
      name = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
    }
    Layer layer{.name = name};
    for (const auto& part : parts) {
      if (const auto* tensor = constant(node, part.input)) {
        add_weight(layer, *tensor, part.kind);
      }
    }
    result_.layers.push_back(std::move(layer));
    return result_.layers.size() - 1;
  }

  void add_weight(Layer& layer, const OnnxTensor& tensor, std::string_view kind) {
    std::string key(tensor.name.empty() ? layer.name : tensor.name);
    const bool transpose = kind == "transposed weight";
    key += transpose ? " (transposed)" : "";
    if (!result_.tensors.contains(key)) {
      auto values = tensors_.read(tensor);
      result_.tensors.insert(key, transpose ? transposed(values) : std::move(values));
    }
    used_.insert(&tensor);
    layer.weights.push_back(key);
    layer.kinds.emplace_back(transpose ? "weight" : kind);
  }

  // The exporter makes a Linear over several axes a product and a sum.
  void add_bias_of_product(const OnnxNode& node) {
    for (std::size_t i = 0; i < 2 && node.inputs.size() == 2; ++i) {
      const auto* bias = constant(node, i);
      const auto product = layer_outputs_.find(node.inputs[1 - i]);
      if (bias != nullptr && product != layer_outputs_.end() && bias->shape.size() == 1) {
        auto& layer = result_.layers[product->second];
        const auto& weight = result_.tensors.at(layer.weights[0]);
        if (layer.kinds == std::vector<std::string>{"weight"} && weight.shape().size() == 2 &&
            weight.shape()[0] == bias->shape[0]) {
          if (const auto module = module_of_parameter(bias->name); !module.empty()) {
            layer.name = module;
          }
          add_weight(layer, *bias, "bias");
        }
      }
    }
  }

  // Parameters that no layer above took: of normalisations that the exporter took apart, of tokens, ...
  void add_remaining(const OnnxTensor& tensor) {
    if (used_.contains(&tensor) || !is_float_tensor(tensor) || tensor.shape.empty() ||
        result_.tensors.contains(std::string(tensor.name))) {
      return;
    }
    const auto dot = tensor.name.rfind('.');
    const auto name = dot == std::string_view::npos ? std::string_view{} : tensor.name.substr(0, dot);
    const auto kind = dot == std::string_view::npos ? tensor.name : tensor.name.substr(dot + 1);
    const auto [found, fresh] = remaining_layers_.emplace(name, result_.layers.size());
    if (fresh) {
      result_.layers.push_back({.name = std::string(name)});
    }
    add_weight(result_.layers[found->second], tensor, kind);
  }

  const OnnxModel& model_;
  OnnxTensors tensors_;
  WeightFile result_;
  std::map<std::string_view, const OnnxTensor*> constants_;
  std::map<std::string_view, std::size_t> makers_;         // value to index in nodes_
  std::map<std::string_view, std::size_t> layer_outputs_;  // value to index in result_.layers
  std::vector<PlaceNode> nodes_;
  std::vector<std::pair<std::size_t, std::size_t>> layer_nodes_;  // index in result_.layers, in nodes_
  std::set<const OnnxTensor*> used_;
  std::map<std::string_view, std::size_t> remaining_layers_;
};

}  // namespace

WeightFile read_onnx(const SharedBytes& file, const Sibling& sibling) {
  const auto model = parse_onnx(file);
  return OnnxReader(model, OnnxTensors(file, sibling)).read();
}

}  // namespace headstart
