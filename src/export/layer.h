// What lowering a layer to ONNX works on: its inputs in the order of axes that it wants, its parameters, the
// graph that is being put together.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "export/onnx_builder.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// ONNX's image ops take (N, C, H, W); products over channels and rows of tokens want the channels last, as we
// do everywhere. An image is kept in the order in which it was made, and transposed (once) where the other
// one is asked for. Values that are no image have the channels last.
enum class AxisOrder { channels_first, channels_last };

struct OnnxValue {
  std::string name;
  AxisOrder order = AxisOrder::channels_last;
};

class Layer {
 public:
  Layer(OnnxBuilder& builder, const Graph& graph, const Parameters& parameters, NodeId id,
        std::vector<OnnxValue>& values, std::vector<std::string>& transposed)
      : out(builder),
        graph_(graph),
        parameters_(parameters),
        id_(id),
        values_(values),
        transposed_(transposed) {}

  OnnxBuilder& out;

  const Node& node() const { return graph_.node(id_); }
  std::size_t inputs() const { return node().inputs.size(); }
  // Of one sample, (H, W, C) whatever the order.
  const Shape& shape(std::size_t input = 0) const { return graph_.node(node().inputs.at(input)).shape; }

  const OnnxValue& input(std::size_t input = 0) const { return values_.at(index(input)); }
  std::string in_order(AxisOrder order, std::size_t input = 0);
  std::string channels_first(std::size_t input = 0) { return in_order(AxisOrder::channels_first, input); }
  std::string channels_last(std::size_t input = 0) { return in_order(AxisOrder::channels_last, input); }
  // For several inputs that have to agree: channels first where one of them is.
  AxisOrder common_order() const;

  bool has(const char* suffix) const { return parameters_.contains(name_of(suffix)); }
  const Tensor& tensor(const char* suffix) const { return parameters_.at(name_of(suffix)); }
  // A parameter under its name with its values under another shape.
  std::string parameter(const char* suffix, Shape shape);
  // The same with values that are made of it.
  std::string parameter(const char* suffix, Shape shape, std::function<Tensor()> values);
  // One number a channel, to be combined with a value of this order.
  std::string channel_parameter(const char* suffix, const OnnxValue& value);
  std::string channel_constant(const std::vector<float>& numbers, const OnnxValue& value);

 private:
  std::size_t index(std::size_t input) const { return static_cast<std::size_t>(node().inputs.at(input)); }
  std::string name_of(const char* suffix) const { return node().name + "/" + suffix; }
  Shape channel_shape(std::int64_t channels, const OnnxValue& value) const;

  const Graph& graph_;
  const Parameters& parameters_;
  NodeId id_;
  std::vector<OnnxValue>& values_;        // by node
  std::vector<std::string>& transposed_;  // by node: the value in its other order, where it was asked for
};

// "Transpose" from one order of an image's axes to the other.
std::string transpose_image(OnnxBuilder& out, const std::string& value, AxisOrder to);
std::string transpose(OnnxBuilder& out, const std::string& value, std::vector<std::int64_t> permutation);
// The batch is 0 (as it is) or, where it is not in front as it was, -1.
std::string reshape(OnnxBuilder& out, const std::string& value, const std::vector<std::int64_t>& shape);

// The activation of a value of `axes` axes, the batch among them.
std::string activate(OnnxBuilder& out, const std::string& value, const Activation& activation,
                     std::int64_t channel_axis);

}  // namespace headstart
