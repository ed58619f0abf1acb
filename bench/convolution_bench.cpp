// A convolution and the gradient of its kernel, as one oneDNN primitive and by kernels of our own, on one
// thread: Winograd's filtering, which src/engine/winograd_choice.cpp chooses with these figures, and what
// stands in for oneDNN's kernels on CPUs without AVX-512. Arguments: images, side, channels, filters.
//   build/release/bench/convolution_bench --benchmark_filter=56/64
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "engine/byte_product.h"
#include "engine/compiled_for_threads.h"
#include "engine/kernel_gradient.h"
#include "engine/layout.h"
#include "engine/onednn.h"
#include "engine/winograd.h"
#include "engine/winograd_gradient.h"
#include "multiplies.h"

namespace headstart {
namespace {

using onednn::Desc;
using Tag = dnnl::memory::format_tag;

struct Kind {
  DataType type;
  WinogradAxis down{2, 3}, across{2, 3};
};

constexpr WinogradAxis kOne{1, 1};
constexpr Kind f32_of(const WinogradAxis& axis) { return {DataType::f32, axis, axis}; }

WinogradShape shape_of(const benchmark::State& state, const Kind& kind) {
  const bool bf16 = kind.type == DataType::bf16;
  return {.batch = state.range(0),
          .height = state.range(1),
          .width = state.range(1),
          .channels = state.range(2),
          .result_height = state.range(1),
          .result_width = state.range(1),
          .filters = state.range(3),
          .zeros_above = kind.down.taps / 2,
          .zeros_left = kind.across.taps / 2,
          .bf16 = bf16,
          .result_bf16 = bf16,
          .down = kind.down,
          .across = kind.across};
}

std::vector<std::byte> image_of(const WinogradShape& s, std::int64_t channels) {
  return std::vector<std::byte>(static_cast<std::size_t>(s.batch * s.height * s.width * channels) *
                                sizeof(float));
}
std::vector<float> kernel_of(const WinogradShape& s) {
  return std::vector<float>(static_cast<std::size_t>(s.taps() * s.channels * s.filters));
}

// Runs `step` as often as the benchmark asks for, and counts as if every product were multiplied, whatever
// is.
template <typename Step>
void measure(benchmark::State& state, const WinogradShape& s, const Step& step) {
  for (auto _ : state) {
    step();
  }
  const auto products = static_cast<double>(s.taps() * s.batch * s.height * s.width * s.channels * s.filters);
  state.counters["products/s"] = benchmark::Counter(products, benchmark::Counter::kIsIterationInvariantRate);
}

Precision precision_of(const Kind& kind) {
  return kind.type == DataType::bf16 ? Precision::bf16 : Precision::f32;
}

onednn::Window window_of(const WinogradShape& s) {
  const onednn::Dims zeros{s.zeros_above, s.zeros_left};
  return {.kernel = {s.down.taps, s.across.taps},
          .strides = {1, 1},
          .padding_begin = zeros,
          .padding_end = zeros};
}

onednn::LayerDescs descs_of(const WinogradShape& s, DataType type) {
  return {.src = {{s.batch, s.channels, s.height, s.width}, type, Tag::nhwc},
          .weights = {{s.filters, s.channels, s.down.taps, s.across.taps}, type, Tag::any},
          .bias = vector_desc(s.filters),
          .dst = {{s.batch, s.filters, s.height, s.width}, type, Tag::nhwc}};
}

void measure_convolution(benchmark::State& state, const WinogradShape& s, const onednn::LayerDescs& descs,
                         const dnnl::primitive_attr& attr) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto pd =
      onednn::convolution_forward(engine, dnnl::prop_kind::forward_inference, descs, window_of(s), attr);
  const dnnl::convolution_forward convolution(pd);
  dnnl::stream stream(engine);
  const Arguments arguments{{DNNL_ARG_SRC, dnnl::memory(descs.src, engine)},
                            {DNNL_ARG_WEIGHTS, dnnl::memory(pd.weights_desc(), engine)},
                            {DNNL_ARG_BIAS, dnnl::memory(descs.bias, engine)},
                            {DNNL_ARG_DST, dnnl::memory(descs.dst, engine)}};
  measure(state, s, [&] {
    convolution.execute(stream, arguments);
    stream.wait();
  });
}

void Direct(benchmark::State& state, const Kind& kind) {
  if (!multiplies(state, precision_of(kind))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, kind);
  measure_convolution(state, s, descs_of(s, kind.type), {});
}

void Tiled(benchmark::State& state, const Kind& kind) {
  if (!multiplies(state, precision_of(kind))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, kind);
  const auto convolution = WinogradConvolution::make(dnnl::engine(dnnl::engine::kind::cpu, 0), s);
  if (!convolution) {
    state.SkipWithError("no fast product here");
    return;
  }
  const auto src = image_of(s, s.channels);
  auto dst = image_of(s, s.filters);
  const auto kernel = kernel_of(s);
  const std::vector<float> bias(static_cast<std::size_t>(s.filters));
  std::vector<std::byte> weights(convolution->weights_desc().get_size()),
      scratch(convolution->scratch_desc().get_size());
  convolution->load_kernel(kernel.data(), weights.data());
  measure(state, s, [&] {
    convolution->run(src.data(), weights.data(), {.bias = bias.data()}, scratch.data(), dst.data());
  });
}

// What a training step does with a kernel before it can be used, and as a kernel of the way back.
void KernelTransform(benchmark::State& state, const Kind& kind, bool transposed) {
  if (!multiplies(state, precision_of(kind))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, kind);
  const auto convolution = WinogradConvolution::make(dnnl::engine(dnnl::engine::kind::cpu, 0), s, transposed);
  if (!convolution) {
    state.SkipWithError("no fast product here");
    return;
  }
  const auto kernel = kernel_of(s);
  const dnnl::memory weights(convolution->weights_desc(), dnnl::engine(dnnl::engine::kind::cpu, 0));
  for (auto _ : state) {
    convolution->load_kernel(kernel.data(), weights.get_data_handle());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(weights.get_desc().get_size()));
}

void DirectGradient(benchmark::State& state, const Kind& kind) {
  if (!multiplies(state, precision_of(kind))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, kind);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto descs = descs_of(s, kind.type);
  auto diff_descs = descs;
  diff_descs.weights = {{s.filters, s.channels, s.down.taps, s.across.taps}, DataType::f32, Tag::any};
  const auto forward =
      onednn::convolution_forward(engine, dnnl::prop_kind::forward_training, descs, window_of(s), {});
  const auto pd = onednn::convolution_backward_weights(engine, diff_descs, window_of(s), {}, forward);
  const dnnl::convolution_backward_weights gradient(pd);
  dnnl::stream stream(engine);
  const Arguments arguments{{DNNL_ARG_SRC, dnnl::memory(descs.src, engine)},
                            {DNNL_ARG_DIFF_DST, dnnl::memory(descs.dst, engine)},
                            {DNNL_ARG_DIFF_WEIGHTS, dnnl::memory(pd.diff_weights_desc(), engine)},
                            {DNNL_ARG_DIFF_BIAS, dnnl::memory(descs.bias, engine)}};
  measure(state, s, [&] {
    gradient.execute(stream, arguments);
    stream.wait();
  });
}

void TiledGradient(benchmark::State& state, const Kind& kind) {
  if (!multiplies(state, precision_of(kind))) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, kind);
  const auto gradient = WinogradGradient::make(dnnl::engine(dnnl::engine::kind::cpu, 0), s);
  if (!gradient) {
    state.SkipWithError("no fast product here");
    return;
  }
  const auto src = image_of(s, s.channels), diff = image_of(s, s.filters);
  auto kernel = kernel_of(s);
  std::vector<std::byte> scratch(gradient->scratch_desc().get_size());
  measure(state, s, [&] { gradient->run(src.data(), diff.data(), scratch.data(), kernel.data()); });
}

void ProductGradient(benchmark::State& state, const Kind& kind) {
  const CompiledForThreads one(1);
  const auto s = shape_of(state, kind);
  const KernelGradient gradient({.batch = s.batch,
                                 .channels = s.channels,
                                 .height = s.height,
                                 .width = s.width,
                                 .result_height = s.result_height,
                                 .result_width = s.result_width,
                                 .kernel_height = s.down.taps,
                                 .kernel_width = s.across.taps,
                                 .stride_down = 1,
                                 .stride_right = 1,
                                 .zeros_above = s.zeros_above,
                                 .zeros_left = s.zeros_left},
                                s.filters, 1);
  const std::vector<float> src(static_cast<std::size_t>(s.batch * s.height * s.width * s.channels)),
      diff(static_cast<std::size_t>(s.batch * s.height * s.width * s.filters));
  std::vector<float> kernel = kernel_of(s), room(static_cast<std::size_t>(gradient.room()));
  measure(state, s, [&] { gradient.run(src.data(), diff.data(), room.data(), kernel.data()); });
}

// A 1x1 convolution of bytes with a swish behind it.
void DirectBytes(benchmark::State& state) {
  if (!multiplies(state, Precision::int8)) {
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, f32_of(kOne));
  dnnl::post_ops post_ops;
  onednn::append_eltwise(post_ops, {.algorithm = dnnl::algorithm::eltwise_swish, .alpha = 1.0F});
  onednn::append_eltwise(post_ops, {.algorithm = dnnl::algorithm::eltwise_linear, .alpha = 20.0F});
  dnnl::primitive_attr attr;
  attr.set_post_ops(post_ops);
  measure_convolution(state, s, descs_of(s, DataType::s8), attr);
}

void ProductOfBytes(benchmark::State& state) {
  if (!ByteProduct::is_for_this_cpu()) {
    state.SkipWithError("oneDNN's kernels are used on this CPU");
    return;
  }
  const CompiledForThreads one(1);
  const auto s = shape_of(state, f32_of(kOne));
  const ByteProduct product(
      {.rows = s.batch * s.height * s.width, .channels = s.channels, .filters = s.filters});
  const auto filters = static_cast<std::size_t>(s.filters);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::memory packed(bytes_desc(product.packed_bytes()), engine);
  product.pack(kernel_of(s), std::vector<float>(filters, 1.0F), {}, packed.get_data_handle());
  const auto rows = image_of(s, s.channels);
  auto result = image_of(s, s.filters);
  const ByteEnding ending{.first = kSwish, .result_layout = {.scale = 0.05F}};
  measure(state, s, [&] { product.run(rows.data(), packed.get_data_handle(), ending, result.data()); });
}

constexpr Kind kBf16{DataType::bf16}, kF32{DataType::f32};
constexpr Kind f32_row_of(const WinogradAxis& axis) { return {DataType::f32, kOne, axis}; }

void shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({2, 56, 32, 64})->Args({2, 56, 64, 64})->Args({2, 28, 128, 128})->Args({2, 14, 256, 256});
  bench->Args({4, 18, 512, 512})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(Direct, bf16, kBf16)->Apply(shapes);
BENCHMARK_CAPTURE(Tiled, bf16_2, kBf16)->Apply(shapes);
BENCHMARK_CAPTURE(Direct, f32, kF32)->Apply(shapes);
BENCHMARK_CAPTURE(Tiled, f32_2, kF32)->Apply(shapes);
BENCHMARK_CAPTURE(Tiled, f32_4, f32_of({4, 3}))->Apply(shapes);
BENCHMARK_CAPTURE(Tiled, f32_6, f32_of({6, 3}))->Apply(shapes);

// InceptionV3's other kernels.
void small_shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({2, 35, 48, 64})->Args({2, 17, 128, 192})->Args({2, 17, 192, 192})->Args({2, 8, 384, 384});
  bench->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(Direct, f32_5x5, f32_of({4, 5}))->Apply(small_shapes);
BENCHMARK_CAPTURE(Tiled, f32_5x5_4, f32_of({4, 5}))->Apply(small_shapes);
BENCHMARK_CAPTURE(Direct, f32_1x7, f32_row_of({4, 7}))->Apply(small_shapes);
BENCHMARK_CAPTURE(Tiled, f32_1x7_4, f32_row_of({4, 7}))->Apply(small_shapes);
BENCHMARK_CAPTURE(Tiled, f32_1x7_6, f32_row_of({6, 7}))->Apply(small_shapes);
BENCHMARK_CAPTURE(Direct, f32_1x3, f32_row_of({4, 3}))->Apply(small_shapes);
BENCHMARK_CAPTURE(Tiled, f32_1x3_2, f32_row_of({2, 3}))->Apply(small_shapes);
BENCHMARK_CAPTURE(Tiled, f32_1x3_4, f32_row_of({4, 3}))->Apply(small_shapes);

void training_shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({8, 56, 64, 64})->Args({8, 28, 128, 128})->Args({8, 14, 256, 256})->Args({8, 18, 512, 512});
  bench->Args({8, 7, 512, 512})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(KernelTransform, bf16_2, kBf16, false)->Apply(training_shapes);
BENCHMARK_CAPTURE(KernelTransform, f32_2, kF32, false)->Apply(training_shapes);
BENCHMARK_CAPTURE(KernelTransform, f32_4_transposed, f32_of({4, 3}), true)->Apply(training_shapes);
BENCHMARK_CAPTURE(DirectGradient, bf16, kBf16)->Apply(training_shapes);
BENCHMARK_CAPTURE(TiledGradient, bf16_2, kBf16)->Apply(training_shapes);
BENCHMARK_CAPTURE(DirectGradient, f32, kF32)->Apply(training_shapes);
BENCHMARK_CAPTURE(TiledGradient, f32_2, kF32)->Apply(training_shapes);
BENCHMARK_CAPTURE(TiledGradient, f32_4, f32_of({4, 3}))->Apply(training_shapes);
BENCHMARK_CAPTURE(TiledGradient, f32_6, f32_of({6, 3}))->Apply(training_shapes);
BENCHMARK_CAPTURE(ProductGradient, f32, kF32)->Apply(training_shapes);

// ResNet50's and MobileNetV2's 1x1 convolutions.
void training_shapes_1x1(benchmark::internal::Benchmark* bench) {
  bench->Args({8, 56, 64, 256})->Args({8, 28, 512, 128})->Args({8, 14, 256, 1024})->Args({8, 7, 2048, 512});
  bench->Args({8, 56, 144, 24})->Args({8, 7, 320, 1280})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(DirectGradient, f32_1x1, f32_of(kOne))->Apply(training_shapes_1x1);
BENCHMARK_CAPTURE(ProductGradient, f32_1x1, f32_of(kOne))->Apply(training_shapes_1x1);

// EfficientNetB0's expansions.
void expansions(benchmark::internal::Benchmark* bench) {
  bench->Args({2, 112, 16, 96})->Args({2, 56, 24, 144})->Args({2, 28, 40, 240})->Args({2, 14, 112, 672});
  bench->Args({2, 7, 192, 1152})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(DirectBytes)->Apply(expansions);
BENCHMARK(ProductOfBytes)->Apply(expansions);

}  // namespace
}  // namespace headstart
