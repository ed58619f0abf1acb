// A 3x3 convolution and the gradient of its kernel, as one oneDNN primitive and by Winograd's filtering, on
// one thread: what the choice between them (src/engine/winograd_choice.cpp) is measured with. Arguments:
// images, side, channels, filters.
//   build/release/bench/convolution_bench --benchmark_filter=56/64
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "engine/compiled_for_threads.h"
#include "engine/layout.h"
#include "engine/onednn.h"
#include "engine/winograd.h"
#include "engine/winograd_gradient.h"
#include "multiplies.h"

namespace headstart {
namespace {

using onednn::Desc;
using Tag = dnnl::memory::format_tag;

WinogradShape shape_of(const benchmark::State& state, DataType type, int tile) {
  const bool bf16 = type == DataType::bf16;
  return {.batch = state.range(0),
          .height = state.range(1),
          .width = state.range(1),
          .channels = state.range(2),
          .result_height = state.range(1),
          .result_width = state.range(1),
          .filters = state.range(3),
          .zeros_above = 1,
          .zeros_left = 1,
          .bf16 = bf16,
          .result_bf16 = bf16,
          .tile = tile};
}

std::vector<std::byte> image_of(const WinogradShape& s, std::int64_t channels) {
  return std::vector<std::byte>(static_cast<std::size_t>(s.batch * s.height * s.width * channels) *
                                sizeof(float));
}

// As if every one of 9 were multiplied, whatever is.
void count_products(benchmark::State& state, const WinogradShape& s) {
  const auto products = static_cast<double>(9 * s.batch * s.height * s.width * s.channels * s.filters);
  state.counters["products/s"] = benchmark::Counter(products, benchmark::Counter::kIsIterationInvariantRate);
}

Precision precision_of(DataType type) { return type == DataType::bf16 ? Precision::bf16 : Precision::f32; }

const onednn::Window kWindow{
    .kernel = {3, 3}, .strides = {1, 1}, .padding_begin = {1, 1}, .padding_end = {1, 1}};

onednn::LayerDescs descs_of(const WinogradShape& s, DataType type) {
  return {.src = {{s.batch, s.channels, s.height, s.width}, type, Tag::nhwc},
          .weights = {{s.filters, s.channels, 3, 3}, type, Tag::any},
          .bias = vector_desc(s.filters),
          .dst = {{s.batch, s.filters, s.height, s.width}, type, Tag::nhwc}};
}

void Direct(benchmark::State& state, DataType type) {
  if (!multiplies(state, precision_of(type))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, type, 2);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto descs = descs_of(s, type);
  const auto pd = onednn::convolution_forward(engine, dnnl::prop_kind::forward_inference, descs, kWindow, {});
  const dnnl::convolution_forward convolution(pd);
  dnnl::stream stream(engine);
  const Arguments arguments{{DNNL_ARG_SRC, dnnl::memory(descs.src, engine)},
                            {DNNL_ARG_WEIGHTS, dnnl::memory(pd.weights_desc(), engine)},
                            {DNNL_ARG_BIAS, dnnl::memory(descs.bias, engine)},
                            {DNNL_ARG_DST, dnnl::memory(descs.dst, engine)}};
  for (auto _ : state) {
    convolution.execute(stream, arguments);
    stream.wait();
  }
  count_products(state, s);
}

void Tiled(benchmark::State& state, DataType type, int tile) {
  if (!multiplies(state, precision_of(type))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, type, tile);
  const auto convolution = WinogradConvolution::make(dnnl::engine(dnnl::engine::kind::cpu, 0), s);
  if (!convolution) {
    state.SkipWithError("no fast product here");
    return;
  }
  const auto src = image_of(s, s.channels);
  auto dst = image_of(s, s.filters);
  std::vector<float> kernel(static_cast<std::size_t>(9 * s.channels * s.filters)),
      bias(static_cast<std::size_t>(s.filters));
  std::vector<std::byte> room(convolution->kernel_scratch_desc().get_size()),
      weights(convolution->weights_desc().get_size()), scratch(convolution->scratch_desc().get_size());
  convolution->load_kernel(kernel.data(), room.data(), weights.data());
  for (auto _ : state) {
    convolution->run(src.data(), weights.data(), {.bias = bias.data()}, scratch.data(), dst.data());
  }
  count_products(state, s);
}

void DirectGradient(benchmark::State& state, DataType type) {
  if (!multiplies(state, precision_of(type))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, type, 2);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto descs = descs_of(s, type);
  auto diff_descs = descs;
  diff_descs.weights = {{s.filters, s.channels, 3, 3}, DataType::f32, Tag::any};
  const auto forward =
      onednn::convolution_forward(engine, dnnl::prop_kind::forward_training, descs, kWindow, {});
  const auto pd = onednn::convolution_backward_weights(engine, diff_descs, kWindow, {}, forward);
  const dnnl::convolution_backward_weights gradient(pd);
  dnnl::stream stream(engine);
  const Arguments arguments{{DNNL_ARG_SRC, dnnl::memory(descs.src, engine)},
                            {DNNL_ARG_DIFF_DST, dnnl::memory(descs.dst, engine)},
                            {DNNL_ARG_DIFF_WEIGHTS, dnnl::memory(pd.diff_weights_desc(), engine)},
                            {DNNL_ARG_DIFF_BIAS, dnnl::memory(descs.bias, engine)}};
  for (auto _ : state) {
    gradient.execute(stream, arguments);
    stream.wait();
  }
  count_products(state, s);
}

void TiledGradient(benchmark::State& state, DataType type, int tile) {
  if (!multiplies(state, precision_of(type))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, type, tile);
  const auto gradient = WinogradGradient::make(dnnl::engine(dnnl::engine::kind::cpu, 0), s);
  if (!gradient) {
    state.SkipWithError("no fast product here");
    return;
  }
  const auto src = image_of(s, s.channels), diff = image_of(s, s.filters);
  std::vector<float> kernel(static_cast<std::size_t>(9 * s.channels * s.filters));
  std::vector<std::byte> scratch(gradient->scratch_desc().get_size());
  for (auto _ : state) {
    gradient->run(src.data(), diff.data(), scratch.data(), kernel.data());
  }
  count_products(state, s);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({2, 56, 32, 64})->Args({2, 56, 64, 64})->Args({2, 28, 128, 128})->Args({2, 14, 256, 256});
  bench->Args({4, 18, 512, 512})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(Direct, bf16, DataType::bf16)->Apply(shapes);
BENCHMARK_CAPTURE(Tiled, bf16_2, DataType::bf16, 2)->Apply(shapes);
BENCHMARK_CAPTURE(Direct, f32, DataType::f32)->Apply(shapes);
BENCHMARK_CAPTURE(Tiled, f32_2, DataType::f32, 2)->Apply(shapes);
BENCHMARK_CAPTURE(Tiled, f32_4, DataType::f32, 4)->Apply(shapes);

void training_shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({8, 56, 64, 64})->Args({8, 28, 128, 128})->Args({8, 14, 256, 256})->Args({8, 18, 512, 512});
  bench->Args({8, 7, 512, 512})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(DirectGradient, bf16, DataType::bf16)->Apply(training_shapes);
BENCHMARK_CAPTURE(TiledGradient, bf16_2, DataType::bf16, 2)->Apply(training_shapes);
BENCHMARK_CAPTURE(DirectGradient, f32, DataType::f32)->Apply(training_shapes);
BENCHMARK_CAPTURE(TiledGradient, f32_2, DataType::f32, 2)->Apply(training_shapes);
BENCHMARK_CAPTURE(TiledGradient, f32_4, DataType::f32, 4)->Apply(training_shapes);

}  // namespace
}  // namespace headstart
