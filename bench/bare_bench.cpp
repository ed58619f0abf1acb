// The bases of networks as bare oneDNN primitives, and what this machine can do at all: matrix products and
// copies.
//   build/release/bench/bare_bench --benchmark_filter=Bare
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "bare_network.h"
#include "headstart/zoo.h"
#include "multiplies.h"

namespace headstart {
namespace {

using dnnl::memory;
using onednn::Desc;

struct Case {
  const char* network;
  int size;
  int batch;
};

void Bare(benchmark::State& state, const Case& c, DataType type) {
  if (!multiplies(state, type == DataType::bf16 ? Precision::bf16 : Precision::f32)) {
    return;
  }
  const Graph graph =
      build_architecture(architecture(c.network), {.height = c.size, .width = c.size, .include_top = false});
  BareNetwork bare(graph, c.batch, type);
  for (auto _ : state) {
    bare.run();
  }
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * c.batch), benchmark::Counter::kIsRate);
}

constexpr Case kVgg16{"vgg16", 150, 20};
constexpr Case kMobileNetV2{"mobilenet_v2", 224, 4};
BENCHMARK_CAPTURE(Bare, vgg16_f32, kVgg16, DataType::f32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Bare, vgg16_bf16, kVgg16, DataType::bf16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Bare, mobilenet_v2_f32, kMobileNetV2, DataType::f32)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Bare, mobilenet_v2_bf16, kMobileNetV2, DataType::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// n x n matrices, the second one packed as the primitive likes it.
void MatrixProduct(benchmark::State& state, DataType left, DataType right, DataType result) {
  if (left == DataType::bf16 && !multiplies(state, Precision::bf16)) {
    return;
  }
  const std::int64_t n = state.range(0);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const Desc a({n, n}, left, memory::format_tag::ab);
  const Desc b({n, n}, right, memory::format_tag::any);
  const Desc c({n, n}, result, memory::format_tag::ab);
  const auto pd = onednn::matmul(engine, a, b, c, {});
  const auto made = [&](const Desc& desc) {
    memory filled(desc, engine);
    std::memset(filled.get_data_handle(), 0x3C, desc.get_size());
    return filled;
  };
  const std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, made(a)}, {DNNL_ARG_WEIGHTS, made(pd.weights_desc())}, {DNNL_ARG_DST, made(c)}};
  const dnnl::matmul product(pd);
  for (auto _ : state) {
    product.execute(stream, arguments);
    stream.wait();
  }
  state.counters["operations/s"] = benchmark::Counter(
      2.0 * static_cast<double>(n * n * n * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(MatrixProduct, f32, DataType::f32, DataType::f32, DataType::f32)->Arg(2048)->UseRealTime();
BENCHMARK_CAPTURE(MatrixProduct, bf16, DataType::bf16, DataType::bf16, DataType::bf16)
    ->Arg(2048)
    ->UseRealTime();
BENCHMARK_CAPTURE(MatrixProduct, int8, DataType::u8, DataType::s8, DataType::s32)->Arg(2048)->UseRealTime();

// Both cores copy; read and written bytes count.
void Copy(benchmark::State& state) {
  const auto count = static_cast<std::int64_t>(state.range(0)) << 20;
  std::vector<char> from(static_cast<std::size_t>(count), 1), to(static_cast<std::size_t>(count), 2);
  constexpr std::int64_t kBlock = 1 << 20;
  for (auto _ : state) {
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < count; i += kBlock) {
      std::memcpy(to.data() + i, from.data() + i, kBlock);
    }
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(2 * count * static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Copy)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace headstart
