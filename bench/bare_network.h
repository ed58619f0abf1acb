// The yardstick of an inference program: the convolutions, dense layers, poolings and matrix products of a
// network as bare oneDNN primitives one after the other.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/layout.h"
#include "engine/lowering.h"
#include "headstart/graph.h"

namespace headstart {

// Bias and activation are fused, weights packed, two buffers are used in turn. Residual additions, joins and
// norms that are not folded are left out, so no program that computes the network can be faster on the same
// primitives.
class BareNetwork {
 public:
  BareNetwork(const Graph& graph, int batch, DataType type);
  void run();

 private:
  struct BareStep {
    dnnl::primitive primitive;
    std::unordered_map<int, dnnl::memory> arguments;
  };

  void add(NodeId id);
  void convolution(NodeId id, const LayerShape& shape, const Shape& input, const Shape& output, bool active);
  void convolution(NodeId id, const ConvolutionGeometry& geometry);
  void separable(NodeId id, const SeparableConv2D& op);
  void dense(NodeId id, const Dense& op);
  void pooling(NodeId id, dnnl::algorithm algorithm, const onednn::Window& window);
  void attention(NodeId id, const SelfAttention& op);
  void product(const onednn::Desc& a, const onednn::Desc& b, const onednn::Desc& dst);

  dnnl::primitive_attr activation_of_node(NodeId id) const;
  dnnl::memory filled(const onednn::Desc& desc) const;
  std::pair<dnnl::memory, dnnl::memory> turn(const onednn::Desc& src, const onednn::Desc& dst);
  void emit_layer(const dnnl::primitive_desc_base& pd, const onednn::LayerDescs& descs,
                  const onednn::Desc& weights);

  const Graph& graph_;
  std::int64_t batch_;
  DataType type_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<std::optional<NodeId>> padding_;
  std::array<std::vector<std::byte>, 2> buffers_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<BareStep> steps_;
};

}  // namespace headstart
