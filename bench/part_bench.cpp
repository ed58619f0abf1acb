// Parts of training by themselves: a batch in slices, bytes, memory for time, gradients left as products,
// masks.
//   build/release/bench/part_bench --benchmark_filter=Kernel
#include <benchmark/benchmark.h>

#include <vector>

#include "core/random.h"
#include "engine/kernels.h"
#include "headstart/acceptance.h"
#include "headstart/engine.h"
#include "headstart/losses.h"
#include "headstart/model.h"
#include "headstart/optimizer.h"
#include "headstart/outer_product.h"
#include "headstart/zoo.h"
#include "images_for.h"
#include "multiplies.h"

namespace headstart {
namespace {

constexpr int kBatch = 16;

Graph base() {
  return build_architecture(architecture("mobilenet_v2"), {.height = 96, .width = 96, .include_top = false});
}

void count_images(benchmark::State& state) {
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kBatch), benchmark::Counter::kIsRate);
}

// One program for the batch, and a program a core for slices of it.
template <typename Program>
void Batch(benchmark::State& state) {
  const Graph graph = base();
  Program program(graph, initialize(graph, 1), {graph.output()}, {.batch = kBatch});
  const Tensor images = images_for(graph, kBatch);
  Tensor output(Shape{kBatch * element_count(graph.output_shape())});
  float* destination = output.data();
  for (auto _ : state) {
    program.run(images.data(), {&destination, 1});
  }
  count_images(state);
}
BENCHMARK_TEMPLATE(Batch, FrozenProgram)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_TEMPLATE(Batch, SlicedProgram)->Unit(benchmark::kMillisecond)->UseRealTime();

void Int8(benchmark::State& state) {
  if (!multiplies(state, Precision::int8)) {
    return;
  }
  const Graph graph = base();
  const Parameters parameters = initialize(graph, 1);
  const Tensor images = images_for(graph, kBatch);
  const auto measured = measure_ranges(graph, parameters, {graph.output()}, images);
  SlicedProgram program(graph, parameters, {graph.output()},
                        {.batch = kBatch, .precision = Precision::int8, .ranges = &measured.ranges});
  Tensor output(Shape{kBatch * element_count(graph.output_shape())});
  float* destination = output.data();
  for (auto _ : state) {
    program.run(images.data(), {&destination, 1});
  }
  count_images(state);
}
BENCHMARK(Int8)->Unit(benchmark::kMillisecond)->UseRealTime();

// Freezing compiles: what a change of the cut costs before the first picture.
void Compile(benchmark::State& state) {
  const Graph graph = base();
  const Parameters parameters = initialize(graph, 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(FrozenProgram(graph, parameters, {graph.output()}, {.batch = kBatch}));
  }
}
BENCHMARK(Compile)->Unit(benchmark::kMillisecond)->UseRealTime();

// Forward and backward with so many percent of the memory for activations.
void Recomputation(benchmark::State& state) {
  const Graph graph = base();
  Parameters parameters = initialize(graph, 1);
  const auto whole = TrainingProgram(graph, parameters, {.batch = kBatch}).activation_bytes();
  TrainingProgram program(graph, parameters,
                          {.batch = kBatch, .activation_limit = whole / 100 * state.range(0)});
  const Tensor images = images_for(graph, kBatch);
  const float* input = images.data();
  const std::vector<float> diff(static_cast<std::size_t>(kBatch * element_count(graph.output_shape())),
                                1e-4F);
  std::uint64_t step = 0;
  for (auto _ : state) {
    program.forward({&input, 1}, step++);
    program.backward(diff.data());
  }
  state.counters["MB"] = static_cast<double>(program.activation_bytes()) / 1e6;
  state.counters["again"] = program.recomputed_share();
  count_images(state);
}
BENCHMARK(Recomputation)->Arg(100)->Arg(50)->Unit(benchmark::kMillisecond)->UseRealTime();

// A wide dense layer's kernel, VGG's flattened pictures to 256 units: its gradient read from memory, without
// what it took to write it, and as the product that it is.
void KernelUpdate(benchmark::State& state, bool factored) {
  constexpr std::int64_t kRows = 20, kInputs = 8192, kOutputs = 256;
  const std::vector<float> source(kRows * kInputs, 0.5F), diff(kRows * kOutputs, 0.25F);
  const OuterProduct product{.parameter = "kernel",
                             .source = source.data(),
                             .diff = diff.data(),
                             .rows = kRows,
                             .inputs = kInputs,
                             .outputs = kOutputs};
  Parameters parameters, gradients, none;
  parameters.insert("kernel", Tensor(Shape{kInputs, kOutputs}));
  gradients.insert("kernel", Tensor(Shape{kInputs, kOutputs}));
  Optimizer optimizer({.kind = OptimizerKind::rmsprop, .learning_rate = 1e-4}, parameters);
  for (auto _ : state) {
    if (factored) {
      optimizer.step(parameters, none, 1.0, {&product, 1});
      continue;
    }
    optimizer.step(parameters, gradients);
  }
  state.counters["parameters/s"] = benchmark::Counter(
      static_cast<double>(state.iterations() * kInputs * kOutputs), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(KernelUpdate, read, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(KernelUpdate, factored, true)->Unit(benchmark::kMillisecond)->UseRealTime();

// (batch, classes): ImageNet's.
void CrossEntropy(benchmark::State& state) {
  constexpr std::size_t kRows = 32, kClasses = 1000;
  const std::vector<float> logits(kRows * kClasses, 0.1F);
  const std::vector<int> labels(kRows, 7);
  std::vector<float> diff(logits.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(loss_of_labels(Loss::sparse_categorical_crossentropy, logits, labels, {}, diff));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(CrossEntropy)->Unit(benchmark::kMicrosecond);

// A batch of 32 of MobileNetV2's features.
void DropoutMask(benchmark::State& state) {
  constexpr std::int64_t kValues = 32 * 1280;
  std::vector<float> mask(kValues);
  std::uint64_t step = 0;
  for (auto _ : state) {
    fill_dropout_mask(mask.data(), kValues, 0.2F, false, {.seed = 1, .step = step++, .layer = 1});
  }
  state.counters["values/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kValues), benchmark::Counter::kIsRate);
}
BENCHMARK(DropoutMask)->Unit(benchmark::kMicrosecond)->UseRealTime();

// What tells unknown photos, of 500 photos in five classes.
void AcceptanceFit(benchmark::State& state) {
  constexpr std::int64_t kPhotos = 500, kFeatures = 1280;
  Tensor features({kPhotos, kFeatures});
  Random(1, RandomPurpose::test).uniform(0.0F, 1.0F, features.values());
  std::vector<int> labels(kPhotos);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<int>(i % 5);
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(fit_acceptance(features, labels, 5));
  }
}
BENCHMARK(AcceptanceFit)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace headstart
