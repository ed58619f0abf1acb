// Lowering of a graph to an inference program.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/byte_product.h"
#include "engine/channel_norm.h"
#include "engine/emitter.h"
#include "engine/folding.h"
#include "engine/fusion.h"
#include "engine/int8_plan.h"
#include "engine/layout.h"
#include "engine/ranges.h"
#include "engine/winograd.h"
#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// The emitted program: what to bind before a run, and what to call when parameters have changed.
struct LoweredInference {
  std::vector<Value> sources;  // external, f32
  std::vector<Value> outputs;  // external, f32
  std::vector<std::function<void(const Parameters&)>> loaders;
};

// Layers with weights are emitted with all that was fused into them, where their last node stands.
class FrozenLowering {
 public:
  // `observer`, when it is not null, counts the values of every layer that a range can be asked for.
  FrozenLowering(Emitter& emitter, const Graph& graph, const Parameters& parameters,
                 const std::vector<NodeId>& outputs, const FrozenProgram::Options& options,
                 RangeObserver* observer = nullptr);
  LoweredInference lower();

 private:
  const Node& node_at(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  // The value as it was computed; in the program's floating-point type; as int8. The last two are converted
  // for their first reader.
  const Value& stored(NodeId id) const { return values_[static_cast<std::size_t>(id)]; }
  const Value& value_of(NodeId id);
  const Value& int8_of(NodeId id);
  const Value& input_of(const Node& node) { return value_of(node.inputs[0]); }
  // The input of a node that passes values on: as int8 where the node's own value is.
  const Value& passed_input(NodeId id, std::size_t input = 0);
  const Shape& shape_of(NodeId id) const { return node_at(id).shape; }
  onednn::Desc desc_of(const Shape& shape) const { return activation_desc(shape, batch_, type_); }
  Value result_value(NodeId id);
  Value new_value(NodeId id);
  Value view(const Value& value, const Shape& shape) const;

  void lower_sources();
  Value lower_node(NodeId id);
  void convert(const std::string& name, const Value& from, const Value& to);
  // How `bytes` stand for values of a type.
  static ByteLayout byte_layout(const Value& bytes, DataType other = DataType::f32);
  void observe(const std::string& name, const Value& value);

  // frozen_layers.cpp: layers with kernels
  struct WeightNames {
    std::string kernel;
    std::string bias;              // empty: none
    std::string kernel_scale{};    // not empty: the kernel's filters are normalised to these norms
    const Node* affine = nullptr;  // folded into both
  };
  static FoldedWeights folded(const WeightNames& names, std::int64_t filters, const Parameters& parameters);
  struct Int8Weights {
    FoldedWeights weights;       // the kernel in whole numbers
    std::vector<float> factors;  // what one step of a channel's sums stands for
  };
  Int8Weights int8_weights(const WeightNames& names, const LayerShape& shape, float src_scale) const;
  struct PaddedNode {
    NodeId input = -1;
    ZeroPadding2D zeros{};  // of an absorbed ZeroPadding2D
  };
  PaddedNode padded_node(const FusedLayer& layer) const;
  struct PaddedInput {
    Value value{};
    Shape shape{};
    ZeroPadding2D zeros{};
  };
  Value lower_layer(const FusedLayer& layer);
  PaddedInput padded_input(const FusedLayer& layer);
  const Value& operand(const FusedLayer& layer, NodeId input);
  DataType weights_type(const Value& src) const { return is_int8(src) ? DataType::s8 : type_; }
  void mark_done(NodeId id);
  struct Destination {
    Value value{};
    std::optional<Value> summand{};  // what stands there before
    NodeId add = -1;                 // whose summand that is
  };
  Destination destination(const FusedLayer& layer, const Value& src);
  // What a convolution by tiles does with a sum before it is stored.
  struct TiledEnding {
    WinogradEnding ending{};
    std::optional<FollowUp> addition{};
    std::optional<Value> summand{};  // of the addition
  };
  bool may_overwrite(const FusedLayer& layer, const Value& summand, const Value& result) const;
  bool is_read_later(const FusedLayer& layer, int buffer) const;
  // What a layer's kernel does with its sums, and the curve that it leaves to a step behind.
  struct Ending {
    Activation activation{};
    std::vector<FollowUp> follow_ups{};
    std::optional<RowActivation> curve{};
  };
  Ending ending(const FusedLayer& layer) const;
  template <typename Emit>
  Value ended(const FusedLayer& layer, const Destination& destination, const Emit& emit);
  void emit_curve(const std::string& name, const RowActivation& curve, const Value& src, const Value& dst);
  dnnl::primitive_attr post_operations(const FusedLayer& layer, const Ending& ending,
                                       const Destination& destination, Arguments& arguments);
  bool adds_wrongly(const FusedLayer& layer, const Ending& ending, const Destination& own,
                    const LayerShape& shape, const Value& src);
  static std::pair<Ending, std::vector<FollowUp>> split_at_addition(const Ending& ending);
  Value added(const FusedLayer& layer, const std::vector<FollowUp>& follow_ups, Value result);
  Activation own_activation(const FusedLayer& layer) const;
  std::string label(const FusedLayer& layer) const;
  Value convolution(const FusedLayer& layer, const ConvolutionGeometry& geometry, const PaddedInput& input,
                    const WeightNames& names);
  std::optional<TiledEnding> tiled_ending(const FusedLayer& layer) const;
  bool tiles_beat_int8(const FusedLayer& layer) const;
  // Whether it did it.
  bool convolution_by_tiles(const FusedLayer& layer, const LayerShape& shape, const Value& src,
                            const Destination& destination, const WeightNames& names);
  void emit_by_tiles(const std::string& name, const std::shared_ptr<WinogradConvolution>& convolution,
                     const LayerShape& shape, const Value& src, const Value& dst, const WeightNames& names,
                     const TiledEnding& tiled);
  // frozen_bytes.cpp
  struct BytesEnding {
    ByteEnding ending{};
    NodeId summand = -1;  // none
  };
  std::optional<BytesEnding> bytes_ending(const FusedLayer& layer) const;
  // Its result, where it goes by a product of bytes.
  std::optional<Value> convolution_of_bytes(const FusedLayer& layer, const ConvolutionGeometry& geometry,
                                            const PaddedInput& input, const WeightNames& names);
  Value separable(const FusedLayer& layer, const SeparableConv2D& op, WeightNames names);
  Value transposed(const Node& node, const Conv2DTranspose& op);
  // `kind`: what `bench` calls the step.
  void emit_layer(const std::string& name, const char* kind, const LayerShape& shape, const Value& src,
                  const Value& dst, const WeightNames& names, dnnl::primitive_attr attr, Arguments arguments);
  Value dense(const FusedLayer& layer, const Dense& op, const WeightNames& names);
  void add_weights(const LayerShape& shape, const onednn::Desc& packed, const WeightNames& names,
                   bool has_bias, Arguments& arguments);
  void add_int8_weights(const LayerShape& shape, const onednn::Desc& packed, Int8Weights weights,
                        Arguments& arguments);

  // frozen_ops.cpp: everything else
  Value pool(NodeId id, dnnl::algorithm algorithm, const onednn::Window& window);
  Value pad(NodeId id, const ZeroPadding2D& op);
  Value eltwise(const std::string& name, const Value& src, const onednn::Eltwise& eltwise);
  Value activate(const std::string& name, const Value& src, const Activation& activation);
  Value loaded(const onednn::Desc& desc, std::function<std::vector<float>(const Parameters&)> values);
  Value loaded(const onednn::Desc& desc, const std::string& parameter);
  Value constant(const onednn::Desc& desc, float value);
  struct ScaleAndShift {
    Value scale{}, shift{};
  };
  ScaleAndShift affine(const Node& node, bool has_gamma, bool has_beta);
  Value scale_and_shift(NodeId id);
  Value scale_and_shift(const Node& node, const Value& src, const ScaleAndShift& affine,
                        const RowActivation& activation);
  Value normalize_rows(const Node& node, const LayerNormalization& op);
  Value normalize_groups(const Node& node, const GroupNormalization& op);
  Value normalize_locally(const Node& node, const LocalResponseNormalization& op);
  Value upsample(const Node& node, const UpSampling2D& op);
  Value attend(const Node& node, const SelfAttention& op);
  Value attend_windows(const Node& node, const WindowAttention& op);
  Value prepend_token(const Node& node);
  Value add_position(const Node& node);
  Value copied(const Node& node, const onednn::Desc& from, const onednn::Desc& to);
  Value shuffle(const Node& node, const ChannelShuffle& op);
  Value binary(const std::string& name, dnnl::algorithm algorithm, const Value& a, const Value& b);
  Value fold_binary(const Node& node, dnnl::algorithm algorithm);
  Value multiply(NodeId id);
  Value gate(NodeId id);
  Value concatenate(const Node& node, const std::vector<Value>& srcs, const Value& dst, int axis);

  Emitter& emitter_;
  const Parameters& parameters_;
  const ValueRanges* ranges_;
  RangeObserver* observer_;
  std::vector<Node> nodes_;
  std::vector<NodeId> outputs_, sources_;
  std::int64_t batch_;
  DataType type_;
  std::vector<bool> needed_;
  std::vector<bool> done_;  // computed by the steps so far, fused nodes included
  std::vector<Value> values_;
  std::vector<bool> is_source_{}, must_exist_{};
  std::vector<std::vector<NodeId>> consumers_{};
  Fusion fusion_{};
  std::vector<std::optional<NodeId>> padding_{};
  std::vector<std::optional<NodeId>> row_activations_{};
  Int8Plan int8_{};
  std::vector<std::optional<Value>> as_float_{}, as_int8_{};  // converted copies
  LoweredInference result_{};
};

}  // namespace headstart
