// The yardstick of the inference program: the convolutions of VGG16's base (bias and ReLU fused) and its
// poolings as bare oneDNN primitives one after the other, packed weights, fixed buffers.
//   build/release/bench/bare_bench
#include <benchmark/benchmark.h>

#include <vector>

#include "engine/onednn.h"

namespace headstart {
namespace {

using dnnl::memory;
using onednn::Desc;

struct BareStep {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
};

class BareVgg16 {
 public:
  BareVgg16(int size, int batch, memory::data_type type) : batch_(batch), type_(type) {
    std::int64_t extent = size;
    std::int64_t channels = 3;
    memory value = make(image(channels, extent));
    for (const auto& [filters, layers] :
         std::vector<std::pair<int, int>>{{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}) {
      for (int i = 0; i < layers; ++i) {
        value = convolution(value, channels, filters, extent);
        channels = filters;
      }
      value = pooling(value, channels, extent);
      extent /= 2;
    }
  }

  void run() {
    for (auto& step : steps_) {
      step.primitive.execute(stream_, step.arguments);
    }
    stream_.wait();
  }

 private:
  Desc image(std::int64_t channels, std::int64_t extent) const {
    return {{batch_, channels, extent, extent}, type_, memory::format_tag::nhwc};
  }
  memory make(const Desc& desc) const { return {desc, engine_}; }

  memory convolution(const memory& src, std::int64_t channels, std::int64_t filters, std::int64_t extent) {
    dnnl::post_ops post_ops;
    onednn::append_eltwise(post_ops, {dnnl::algorithm::eltwise_relu});
    dnnl::primitive_attr attr;
    attr.set_post_ops(post_ops);
    const onednn::LayerDescs descs{.src = src.get_desc(),
                                   .weights = Desc({filters, channels, 3, 3}, type_, memory::format_tag::any),
                                   .bias = Desc({filters}, memory::data_type::f32, memory::format_tag::a),
                                   .dst = image(filters, extent)};
    const onednn::Window window{
        .kernel = {3, 3}, .strides = {1, 1}, .padding_begin = {1, 1}, .padding_end = {1, 1}};
    const auto pd =
        onednn::convolution_forward(engine_, dnnl::prop_kind::forward_inference, descs, window, attr);
    const memory dst = make(pd.dst_desc());
    steps_.push_back({dnnl::primitive(pd.get()),
                      {{DNNL_ARG_SRC, src},
                       {DNNL_ARG_WEIGHTS, make(pd.weights_desc())},
                       {DNNL_ARG_BIAS, make(descs.bias)},
                       {DNNL_ARG_DST, dst}}});
    return dst;
  }

  memory pooling(const memory& src, std::int64_t channels, std::int64_t extent) {
    const memory dst = make(image(channels, extent / 2));
    const onednn::Window window{.kernel = {2, 2}, .strides = {2, 2}};
    const auto pd =
        onednn::pooling_forward(engine_, dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_max,
                                src.get_desc(), dst.get_desc(), window, {});
    steps_.push_back({dnnl::primitive(pd.get()), {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}}});
    return dst;
  }

  std::int64_t batch_;
  memory::data_type type_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<BareStep> steps_;
};

void BareVgg16At150(benchmark::State& state, memory::data_type type) {
  constexpr int kBatch = 20;
  BareVgg16 network(150, kBatch, type);
  for (auto _ : state) {
    network.run();
  }
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kBatch), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(BareVgg16At150, f32, memory::data_type::f32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(BareVgg16At150, bf16, memory::data_type::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace headstart
