// The yardstick of the inference program: a chain's convolutions (bias and activation fused) and poolings as
// bare oneDNN primitives one after the other, packed weights, two buffers in turn. Residual additions are
// left out.
//   build/release/bench/bare_bench
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/onednn.h"
#include "headstart/zoo.h"

namespace headstart {
namespace {

using dnnl::memory;
using onednn::Desc;
using onednn::Dims;

struct BareStep {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
};

class BareNetwork {
 public:
  BareNetwork(const Graph& graph, int batch, memory::data_type type)
      : graph_(graph), batch_(batch), type_(type) {
    std::size_t largest = 0;
    for (const Node& node : graph.nodes()) {
      largest = std::max(largest, image(node.shape).get_size());
    }
    // Written once: pages that were never written are all one page, and quicker to read than real data.
    for (auto& buffer : buffers_) {
      buffer.assign(largest, std::byte{0x3C});
    }
    for (NodeId id = 1; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
      if (const auto* conv = std::get_if<Conv2D>(&graph.node(id).op)) {
        convolution(id, *conv, 1);
      } else if (const auto* depthwise = std::get_if<DepthwiseConv2D>(&graph.node(id).op)) {
        convolution(id, *depthwise, graph.node(id).shape.back());
      } else if (const auto* pool = std::get_if<MaxPooling2D>(&graph.node(id).op)) {
        pooling(id, *pool);
      }
    }
  }

  void run() {
    for (auto& step : steps_) {
      step.primitive.execute(stream_, step.arguments);
    }
    stream_.wait();
  }

 private:
  Desc image(const Shape& shape) const {
    return {{batch_, shape[2], shape[0], shape[1]}, type_, memory::format_tag::nhwc};
  }

  memory filled(const Desc& desc) const {
    memory made(desc, engine_);
    std::fill_n(static_cast<std::byte*>(made.get_data_handle()), desc.get_size(), std::byte{0x3C});
    return made;
  }

  std::pair<memory, memory> turn(const Desc& src, const Desc& dst) {
    std::swap(buffers_[0], buffers_[1]);
    return {memory(src, engine_, buffers_[0].data()), memory(dst, engine_, buffers_[1].data())};
  }

  // The op's own ReLU, or the ReLU6 behind the batch norm that follows.
  void append_activation(dnnl::post_ops& post_ops, NodeId id, const Activation& own) const {
    const auto behind = static_cast<std::size_t>(id) + 2;
    if (own.kind == Activation::Kind::relu) {
      onednn::append_eltwise(post_ops, {dnnl::algorithm::eltwise_relu});
    } else if (behind < graph_.nodes().size() &&
               std::holds_alternative<ActivationLayer>(graph_.nodes()[behind].op)) {
      onednn::append_eltwise(post_ops, {dnnl::algorithm::eltwise_clip_v2, 0.0F, 6.0F});
    }
  }

  template <typename Convolution>
  void convolution(NodeId id, const Convolution& op, std::int64_t groups) {
    const Node& node = graph_.node(id);
    const Node* input = &graph_.node(node.inputs[0]);
    const Shape& padded = input->shape;
    AxisPadding vertical =
        resolve_padding(op.padding, true, padded[0], op.kernel.height, op.strides.height, 1);
    AxisPadding horizontal =
        resolve_padding(op.padding, false, padded[1], op.kernel.width, op.strides.width, 1);
    if (const auto* pad = std::get_if<ZeroPadding2D>(&input->op)) {
      vertical = {.before = vertical.before + pad->top, .after = vertical.after + pad->bottom};
      horizontal = {.before = horizontal.before + pad->left, .after = horizontal.after + pad->right};
      input = &graph_.node(input->inputs[0]);
    }
    const std::int64_t inputs = input->shape[2] / groups;
    const std::int64_t outputs = node.shape[2] / groups;
    const Dims kernel{op.kernel.height, op.kernel.width};
    const Dims weights = groups == 1 ? Dims{outputs, inputs, kernel[0], kernel[1]}
                                     : Dims{groups, outputs, inputs, kernel[0], kernel[1]};
    const onednn::LayerDescs descs{
        .src = image(input->shape),
        .weights = Desc(weights, type_, memory::format_tag::any),
        .bias = Desc({node.shape[2]}, memory::data_type::f32, memory::format_tag::a),
        .dst = image(node.shape)};
    const onednn::Window window{.kernel = kernel,
                                .strides = {op.strides.height, op.strides.width},
                                .padding_begin = {vertical.before, horizontal.before},
                                .padding_end = {vertical.after, horizontal.after}};
    dnnl::post_ops post_ops;
    append_activation(post_ops, id, op.activation);
    dnnl::primitive_attr attr;
    attr.set_post_ops(post_ops);
    const auto pd =
        onednn::convolution_forward(engine_, dnnl::prop_kind::forward_inference, descs, window, attr);
    const auto [src, dst] = turn(descs.src, descs.dst);
    steps_.push_back({dnnl::primitive(pd.get()),
                      {{DNNL_ARG_SRC, src},
                       {DNNL_ARG_WEIGHTS, filled(pd.weights_desc())},
                       {DNNL_ARG_BIAS, filled(descs.bias)},
                       {DNNL_ARG_DST, dst}}});
  }

  void pooling(NodeId id, const MaxPooling2D& op) {
    const Desc src_desc = image(graph_.node(graph_.node(id).inputs[0]).shape);
    const Desc dst_desc = image(graph_.node(id).shape);
    const onednn::Window window{.kernel = {op.pool.height, op.pool.width},
                                .strides = {op.strides.height, op.strides.width}};
    const auto pd = onednn::pooling_forward(engine_, dnnl::prop_kind::forward_inference,
                                            dnnl::algorithm::pooling_max, src_desc, dst_desc, window, {});
    const auto [src, dst] = turn(src_desc, dst_desc);
    steps_.push_back({dnnl::primitive(pd.get()), {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}}});
  }

  const Graph& graph_;
  std::int64_t batch_;
  memory::data_type type_;
  std::array<std::vector<std::byte>, 2> buffers_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<BareStep> steps_;
};

void run_bare(benchmark::State& state, const std::string& network, int size, int batch,
              memory::data_type type) {
  const Graph graph =
      build_architecture(architecture(network), {.height = size, .width = size, .include_top = false});
  BareNetwork bare(graph, batch, type);
  for (auto _ : state) {
    bare.run();
  }
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * batch), benchmark::Counter::kIsRate);
}

void BareVgg16At150(benchmark::State& state, memory::data_type type) {
  run_bare(state, "vgg16", 150, 20, type);
}
void BareMobileNetV2At224(benchmark::State& state, memory::data_type type) {
  run_bare(state, "mobilenet_v2", 224, 4, type);
}

BENCHMARK_CAPTURE(BareVgg16At150, f32, memory::data_type::f32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(BareVgg16At150, bf16, memory::data_type::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(BareMobileNetV2At224, f32, memory::data_type::f32)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(BareMobileNetV2At224, bf16, memory::data_type::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace headstart
