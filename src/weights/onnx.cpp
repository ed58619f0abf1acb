#include "weights/onnx.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "weights/onnx_file.h"
#include "weights/onnx_names.h"
#include "weights/places.h"
#include "weights/torchvision_names.h"

namespace headstart {
namespace {

// "layer1.0.conv1.weight" -> "layer1.0.conv1"; empty for a name that the exporter made up ("onnx::Conv_193").
std::string module_of_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 4> kKinds{"weight", "bias", "running_mean", "running_var"};
  auto [layer, kind] = torch_name(name);
  const bool known = std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
  return known && name.find("::") == std::string_view::npos ? std::move(layer) : "";
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
    origins_.push_back(nullptr);
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

  // A value that a node makes of constants alone is one too, where its shape or order is what it does.
  bool add_derived_constant(const OnnxNode& node) {
    if (node.outputs.empty()) {
      return false;
    }
    if (node.op == "Constant" && !node.constants.empty()) {
      add_constant(node.outputs[0], node.constants[0]);
      return true;
    }
    const auto* tensor = constant(node, 0);
    const bool swaps = node.op == "Transpose" && tensor != nullptr && tensor->shape.size() == 2 &&
                       (node.permutation.empty() || node.permutation[0] == 1);
    if (tensor == nullptr || !(node.op == "Identity" || node.op == "Expand" || swaps)) {
      return false;
    }
    add_constant(node.outputs[0], *tensor);
    if (transposed_.contains(node.inputs[0]) != swaps) {
      transposed_.insert(node.outputs[0]);
    }
    return true;
  }

  void read_node(const OnnxNode& node) {
    if (add_derived_constant(node)) {
      return;
    }
    PlaceNode place;
    for (const auto input : node.inputs) {
      const auto made_by = maker(input);
      if (made_by && node.op != "Shape") {
        place.inputs.push_back(*made_by);
      }
    }
    const auto layer = add_layer(node, place);
    if (layer) {
      layer_nodes_.emplace_back(*layer, nodes_.size());
    } else {
      place.kind = kind_of(node);
      place.what = place.kind == PlaceNode::Kind::layer ? node.op : "";
    }
    for (const auto output : node.outputs) {
      makers_[output] = nodes_.size();
      if (layer) {
        layer_outputs_[output] = *layer;
      }
    }
    nodes_.push_back(std::move(place));
    origins_.push_back(&node);
  }

  // Of nodes without weights.
  static PlaceNode::Kind kind_of(const OnnxNode& node) {
    using enum PlaceNode::Kind;
    if (node.op == "MaxPool" || node.op == "AveragePool") {
      const bool single = std::all_of(node.kernel.begin(), node.kernel.end(), [](auto k) { return k == 1; });
      return single ? pass : layer;
    }
    if (node.op == "GlobalAveragePool" || node.op == "GlobalMaxPool" || node.op == "ReduceMean") {
      return whole;
    }
    return node.op == "Concat"                                        ? concat
           : node.op == "Add" || node.op == "Mul" || node.op == "Sum" ? join
                                                                      : pass;
  }

  // The index of the layer that this node is; sets what its place says of it.
  std::optional<std::size_t> add_layer(const OnnxNode& node, PlaceNode& place) {
    if (node.op == "Add" || node.op == "Mul" || node.op == "Concat") {
      return add_layer_of_constant(node, place);
    }
    const auto* weight = constant(node, 1);
    if (weight == nullptr) {
      return std::nullopt;
    }
    const auto rank = weight->shape.size();
    const auto& s = weight->shape;
    const bool product = (node.op == "Gemm" && !node.transpose_a) || node.op == "MatMul";
    if (node.op == "Conv" && rank == 4) {
      set_layer(place, "Conv", s);
      return new_layer(node, {{"weight", 1}, {"bias", 2}});
    }
    if (product && rank == 2) {
      const bool as_torch = transposed_.contains(node.inputs[1]) != (node.op == "Gemm" && node.transpose_b);
      set_layer(place, "Dense", as_torch ? s : Shape{s[1], s[0]});
      return new_layer(node, {{as_torch ? "weight" : "transposed weight", 1}, {"bias", 2}});
    }
    if (node.op == "BatchNormalization" && rank == 1) {
      set_norm(place, "Norm", s[0]);
      const auto layer =
          new_layer(node, {{"weight", 1}, {"bias", 2}, {"running_mean", 3}, {"running_var", 4}});
      result_.layers[layer].epsilon = node.epsilon;
      return layer;
    }
    if (node.op == "LayerNormalization" && rank == 1) {
      set_norm(place, "LayerNorm", s[0]);
      return new_layer(node, {{"weight", 1}, {"bias", 2}});
    }
    return std::nullopt;
  }

  // One constant with one value that is computed.
  std::optional<std::size_t> add_layer_of_constant(const OnnxNode& node, PlaceNode& place) {
    const std::size_t at = constant(node, 0) == nullptr ? 1 : 0;
    const auto* tensor = constant(node, at);
    if (node.inputs.size() != 2 || tensor == nullptr || constant(node, 1 - at) != nullptr) {
      return std::nullopt;
    }
    const auto& s = tensor->shape;
    const bool row = s.size() == 3 && s[0] == 1;  // of tokens
    const auto channels = element_count(s);
    if (node.op == "Add" && add_bias(node.inputs[1 - at], *tensor)) {
      return std::nullopt;
    }
    if (node.op == "Add" && row && s[1] > 1) {
      set_norm(place, "Positions", s[2]);
    } else if (node.op == "Concat" && row && s[1] == 1) {
      set_norm(place, "Token", s[2]);
    } else if (node.op == "Mul" && channels > 1 && *std::max_element(s.begin(), s.end()) == channels) {
      set_norm(place, is_normalised(node.inputs[1 - at]) ? "LayerNorm" : "Scale", channels);
    } else {
      return std::nullopt;
    }
    return new_layer(node, {{"weight", at}});
  }

  static void set_layer(PlaceNode& place, const char* kind, const Shape& shape) {
    place.kind = PlaceNode::Kind::layer;
    place.what = place_of_weight(kind, shape);
  }
  static void set_norm(PlaceNode& place, const char* kind, std::int64_t channels) {
    place.kind = PlaceNode::Kind::norm;
    place.what = place_of_weight(kind, {channels});
  }

  // The input of the node that makes a value, when that is a node of this kind.
  std::string_view through(std::string_view op, std::string_view value, std::size_t input) const {
    const auto found = makers_.find(value);
    const auto* node = found == makers_.end() ? nullptr : origins_[found->second];
    return node != nullptr && node->op == op && input < node->inputs.size() ? node->inputs[input] : "";
  }

  // (x - mean(x)) / deviation: exporters take layer normalisation apart before operator set 17.
  bool is_normalised(std::string_view value) const {
    return !through("ReduceMean", through("Sub", through("Div", value, 0), 1), 0).empty();
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

  // The exporter makes a Linear over several axes a product and a sum; so it ends a layer normalisation too.
  bool add_bias(std::string_view value, const OnnxTensor& bias) {
    const auto found = layer_outputs_.find(value);
    if (found == layer_outputs_.end() || bias.shape.size() != 1) {
      return false;
    }
    auto& layer = result_.layers[found->second];
    const auto& weight = result_.tensors.at(layer.weights[0]).shape();
    if (layer.kinds != std::vector<std::string>{"weight"} || weight.size() > 2 ||
        weight[0] != bias.shape[0]) {
      return false;
    }
    if (auto module = module_of_parameter(bias.name); !module.empty()) {
      layer.name = std::move(module);
    }
    add_weight(layer, bias, "bias");
    return true;
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
  std::vector<const OnnxNode*> origins_;                          // null for the network's input
  std::set<std::string_view> transposed_;                         // constants that a node swaps the axes of
  std::vector<std::pair<std::size_t, std::size_t>> layer_nodes_;  // index in result_.layers, in nodes_
  std::set<const OnnxTensor*> used_;
  std::map<std::string_view, std::size_t> remaining_layers_;
};

// A file of our own: the parameters under their names.
WeightFile read_own(const OnnxModel& model, OnnxTensors tensors) {
  WeightFile result{.format = WeightFormat::onnx, .producer = std::string(model.producer)};
  for (const auto& tensor : model.initializers) {
    std::string name(tensor.name);
    if (is_float_tensor(tensor) && !name.starts_with(kOnnxConstantPrefix) && !result.tensors.contains(name)) {
      result.tensors.insert(std::move(name), tensors.read(tensor));
    }
  }
  return result;
}

}  // namespace

WeightFile read_onnx(const SharedBytes& file, const Sibling& sibling) {
  const auto model = parse_onnx(file);
  if (model.producer == kOnnxProducer) {
    return read_own(model, OnnxTensors(file, sibling));
  }
  return OnnxReader(model, OnnxTensors(file, sibling)).read();
}

}  // namespace headstart
