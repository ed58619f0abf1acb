// Lowering of a graph's trainable part to forward and backward steps.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/emitter.h"
#include "engine/layout.h"
#include "engine/lowering.h"
#include "engine/sliding.h"
#include "engine/winograd.h"
#include "engine/winograd_choice.h"
#include "headstart/engine.h"
#include "headstart/graph.h"
#include "headstart/parameters.h"

namespace headstart {

// External memory of the program that is one parameter or one gradient.
struct ParameterBinding {
  std::string name;
  Value value{};
};

// External memory of the program for what is kept of a watched node.
struct WatchBinding {
  NodeId id = -1;
  Value value{}, gradient{};
};

// Where the product of a wide layer is summed, and the boundary tensor that it is of, if it is of one.
struct WideLayer {
  dnnl::memory sums{};
  std::optional<std::size_t> boundary{};
};

// A gradient that stays the product of two values.
struct FactoredGradient {
  std::string name;
  dnnl::memory source{}, diff{};
  std::int64_t rows = 0, inputs = 0, outputs = 0;
  WideLayer wide{};
};

// What changes from step to step and is read by functions of the program.
struct TrainingState {
  Parameters* parameters = nullptr;
  std::uint64_t step = 0;
  bool has_sums = false;  // of wide layers of the boundary, since the last update
};

// Forward steps are emitted in graph order; each node leaves behind a function that emits its backward steps.
class TrainingLowering {
 public:
  TrainingLowering(Emitter& emitter, const Graph& graph, const TrainingState& state,
                   const TrainingProgram::Options& options);

  void lower_forward();   // from the boundary to the logits
  void lower_backward();  // from the logits' gradient to the parameters'

  bool in_program(std::size_t i) const { return needed_[i] && !partition_.frozen[i]; }
  const std::vector<NodeId>& boundary() const { return partition_.boundary; }
  const std::vector<Value>& boundary_values() const { return boundary_values_; }
  const std::vector<ParameterBinding>& parameters() const { return parameters_; }
  const std::vector<ParameterBinding>& gradients() const { return gradients_; }
  const std::vector<FactoredGradient>& factored() const { return factored_; }
  const std::vector<WatchBinding>& watched() const { return watched_; }
  const Value& logits() const { return logits_; }
  const Value& diff_logits() const { return diff_logits_; }

 private:
  using Backward = std::function<void(const Value& diff)>;

  // One primitive with weights of a node.
  struct Layer {
    enum class Kind { convolution, transposed, dense };
    NodeId id = -1;
    NodeId input = -1;  // whose gradient is wanted; -1: `on_diff_src` takes it
    LayerShape shape{};
    Kind kind = Kind::convolution;
    Value src{};
    onednn::Desc dst_desc{};
    DataType result_type = DataType::f32;
    std::string kernel{};
    std::string bias{};          // empty: none
    std::string kernel_scale{};  // of a normalised kernel
    Value normalized{};          // that kernel
    std::optional<Activation> fused{};
    Backward on_diff_src{};
  };

  const Node& node_at(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  const Shape& shape_of(NodeId id) const { return node_at(id).shape; }
  const Value& value_of(NodeId id) const { return values_[static_cast<std::size_t>(id)]; }
  onednn::Desc desc_of(const Shape& shape) const { return activation_desc(shape, batch_, type_); }
  bool wants_gradient(NodeId id) const { return needs_gradient_[static_cast<std::size_t>(id)]; }
  void find_sum_activations(const std::vector<std::vector<NodeId>>& consumers,
                            const std::vector<bool>& must_exist);
  void find_normalized_sums();
  void find_gradients_needed();
  void find_watched();
  bool is_watched(std::size_t i) const { return watch_of_[i].has_value(); }
  void keep_value(std::size_t i);
  void keep_gradient(std::size_t i);

  Value parameter(const std::string& name, const onednn::Desc& desc);
  Value gradient(const std::string& name, const onednn::Desc& desc);
  void add_gradient(NodeId id, const Value& diff);
  Value view(const Value& value, const Shape& shape) const;
  void on_backward(NodeId id, Backward backward) {
    backward_[static_cast<std::size_t>(id)] = std::move(backward);
  }

  Value lower_node(NodeId id);

  // training_layers.cpp: layers with kernels
  struct PaddedInput {
    NodeId node = -1;
    ZeroPadding2D zeros{};
  };
  PaddedInput padded_input(NodeId convolution) const;
  Value convolution(NodeId id, const ConvolutionGeometry& geometry, bool use_bias,
                    const Activation& activation, bool weight_normalization);
  Value transposed(NodeId id, const Conv2DTranspose& op);
  Value separable(NodeId id, const SeparableConv2D& op);
  Value dense(NodeId id, const Dense& op);
  Value activated_layer(Layer layer, const Activation& activation);
  Value layer_forward(const Layer& layer);
  void layer_backward(const Layer& layer, const Value& diff);
  void backward_data(const Layer& layer, const Value& diff);
  void emit_backward_data(const Layer& layer, const Value& diff, const Value& diff_src);
  void backward_weights(const Layer& layer, const Value& diff);
  template <typename Work>
  void own_backward_weights(const Layer& layer, const Value& diff, std::int64_t room, double multiplications,
                            const Work& work);
  static bool is_plain(const Layer& layer);
  bool stem_backward_weights(const Layer& layer, const Value& diff);
  bool backward_weights_by_gemm(const Layer& layer, const Value& diff, const std::string& implementation);
  bool backward_weights_by_product(const Layer& layer, const Value& diff, const std::string& implementation);
  bool is_centred_next(NodeId id) const;
  Layer without_centred_bias(const Layer& layer);
  bool convolution_backward_weights(const Layer& layer, const Value& diff, const std::string& implementation);
  void emit_bias_gradient(const Layer& layer, const Value& diff);
  bool is_plain_depthwise(const Layer& layer) const;
  void depthwise_backward_weights(const Layer& layer, const Value& diff);
  void transposed_backward_weights(const Layer& layer, const Value& diff);
  onednn::LayerDescs plain_descs(const Layer& layer) const;
  dnnl::memory packed_weights(const Layer& layer, const onednn::Desc& packed);
  Value master_weights(const Layer& layer);
  void normalize_kernel(Layer& layer, bool weight_normalization);
  void normalize_kernel_backward(const Layer& layer, const Value& diff);

  // training_wide.cpp
  bool is_factored(const Layer& layer) const;
  Value wide_forward(const Layer& layer);
  void keep_factors(const Layer& layer, const Value& diff);

  // training_tiles.cpp
  struct TiledPass {
    std::shared_ptr<WinogradConvolution> convolution{};
    Value src{}, dst{};
    std::optional<Value> bias{}, clipped{};
    WinogradEnding ending{};
  };
  Value tiled_kernel(const Layer& layer, const std::shared_ptr<WinogradConvolution>& convolution);
  void emit_by_tiles(const Layer& layer, const std::string& kind, const TiledPass& pass);
  std::optional<WinogradShape> tiled_shape(const Layer& layer, const Value& src, const Value& dst,
                                           TiledWork work) const;
  // Whether they did it.
  bool forward_by_tiles(const Layer& layer, const Value& dst);
  bool backward_data_by_tiles(const Layer& layer, const Value& diff, const Value& diff_src);
  bool backward_weights_by_tiles(const Layer& layer, const Value& diff);

  // An activation inside a layer whose result has a single reader. That one may take the gradient through it,
  // where this costs less: then the layer is given the gradient of what it computed before.
  struct InnerActivation {
    Activation activation{};
    onednn::Eltwise by_result{};
    bool is_done = false;
    std::optional<Value> pooled{};  // that gradient before a max pooling spread it, with the same sums
  };
  void offer_activation(NodeId id, const Activation& activation);
  InnerActivation* offered_activation(NodeId id);
  bool is_activation_done(NodeId id);

  // A result and how its gradient becomes the source's.
  struct Activated {
    Value result{};
    std::function<Value(const Value& diff)> backward{};
  };

  // training_normalization.cpp
  // Scale and shift of a node, and where their gradients go; constants where the node has none.
  struct Affine {
    Value scale{}, shift{};
    bool has_gamma = false, has_beta = false;
    // Where the gradients go in place of those of gamma and beta.
    std::optional<Value> diff_scale{}, diff_shift{};
  };
  Affine affine(const Node& node, bool has_gamma, bool has_beta);
  struct AffineGradients {
    Value scale{}, shift{};
  };
  AffineGradients affine_gradients(NodeId id, const Affine& affine);
  Value constant(const std::vector<float>& values);
  Value constant(std::int64_t count, float value);
  struct ChannelStatistics {
    Value mean{}, variance{};
    bool of_batch = false;  // computed by the primitive
  };
  ChannelStatistics unit_statistics(std::int64_t channels);  // as if nothing had to be normalised
  // (x - mean) / sqrt(variance + epsilon) * scale + shift
  struct ChannelNorm {
    ChannelStatistics statistics{};
    Affine affine{};
    float epsilon = 0.0F;
  };
  void emit_statistics(NodeId id, const Value& src, const ChannelStatistics& statistics);
  Activated normalized_channels(NodeId id, const Value& src, const ChannelNorm& norm,
                                const RowActivation& activation, const std::optional<Value>& summand);
  Value normalize_channels(NodeId id, const ChannelNorm& norm);
  Activated normalized_rows(NodeId id, const Value& src, const onednn::Desc& rows, float epsilon,
                            const std::optional<Affine>& affine);
  Value normalize_groups(NodeId id, const GroupNormalization& op);
  Value normalize_locally(NodeId id, const LocalResponseNormalization& op);
  Value normalize(NodeId id, const BatchNormalization& op);
  Value renormalize(NodeId id, const BatchNormalization& op, const ChannelStatistics& batch);
  void renormalize_gradients(NodeId id, const BatchNormalization& op, const Affine& corrected, const Value& r,
                             const Value& d);
  void update_statistics(const Node& node, const BatchNormalization& op, const Value& mean,
                         const Value& variance);
  Value scale(NodeId id);
  Value rescale(NodeId id);
  Value standardize(NodeId id);
  Value normalize_rows(NodeId id, const LayerNormalization& op);

  // training_tokens.cpp
  Value attend(NodeId id, const SelfAttention& op);
  Value attend_windows(NodeId id, const WindowAttention& op);
  Value prepend_token(NodeId id);
  Value add_position(NodeId id);
  void gradient_of_shared_rows(NodeId id, const char* parameter, const Value& rows);

  // training_ops.cpp: everything else
  Value pool(NodeId id, dnnl::algorithm algorithm, const onednn::Window& window);
  Value average_image(NodeId id);
  Value max_pool(NodeId id, const SlidingShape& shape);
  Value pad(NodeId id, const ZeroPadding2D& op);
  Value part(NodeId id, const onednn::Desc& block);
  Value shuffle(NodeId id, const ChannelShuffle& op);
  Value upsample(NodeId id, const UpSampling2D& op);
  Value joined(const std::string& node, const std::vector<Value>& srcs, const Shape& shape, int axis);
  Activated activated(const std::string& node, const Value& src, const Activation& activation);
  Activated softmax(const std::string& node, const Value& src);
  Value activate(NodeId id, const Activation& activation);
  Value eltwise(const std::string& node, const Value& src, const onednn::Eltwise& eltwise);
  Value eltwise_backward(const std::string& node, const Value& data, const Value& diff,
                         const onednn::Eltwise& eltwise, int data_argument);
  Value sum_over_image(const std::string& node, const Value& src, const Shape& shape);
  Value binary(const std::string& node, dnnl::algorithm algorithm, const Value& a, const Value& b,
               const dnnl::primitive_attr& attr);
  Value add(NodeId id);
  Activated normalized_sum(NodeId norm, const Node& sum, const RowActivation& activation);
  Value sum_of(const Node& node, std::optional<NodeId> activation);
  Value multiply(NodeId id);
  struct GateGradientValues {
    Value of_values{}, of_gates{};
  };
  GateGradientValues gate_gradients_of(NodeId id, const Value& values, const Value& gates, const Value& diff);
  Value concatenate(NodeId id);
  Value dropout(NodeId id, const Dropout& op);
  Value same(NodeId id);

  Emitter& emitter_;
  const Graph& graph_;
  const TrainingState& state_;
  TrainingProgram::Options options_;
  std::vector<Node> nodes_;
  Partition partition_;
  std::int64_t batch_;
  DataType type_;
  std::vector<bool> needed_;
  std::vector<bool> needs_gradient_{};
  std::vector<std::optional<NodeId>> padding_{};
  std::vector<std::optional<NodeId>> row_activations_{};
  std::vector<std::optional<NodeId>> sum_activations_{};  // by Add: its only consumer, which it computes too
  std::vector<std::optional<NodeId>>
      summed_norms_{};  // by Add: the batch norm among its inputs that it computes
  std::vector<bool> absorbed_{};
  std::vector<std::optional<NodeId>> only_readers_{};  // by node, where there is one and nothing else asks
  std::vector<std::optional<InnerActivation>> inner_activations_{};
  std::vector<WatchBinding> watched_{};
  std::vector<std::optional<std::size_t>> watch_of_{};  // by node: its place in watched_
  std::vector<Value> values_;
  std::vector<Backward> backward_;
  std::vector<std::optional<Value>> diffs_;
  std::vector<std::optional<ChannelNorm>> waiting_norms_{};  // by batch norm that a sum computes
  std::vector<Value> boundary_values_{};
  std::vector<ParameterBinding> parameters_{}, gradients_{};
  std::map<NodeId, WideLayer> wide_{};
  std::vector<FactoredGradient> factored_{};
  Value logits_{}, diff_logits_{};
};

}  // namespace headstart
