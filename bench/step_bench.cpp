// Programs of whole networks: the inference program of a base, and a training step with its loss and
// optimizer.
//   build/release/bench/step_bench --benchmark_filter=cnn_150
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "headstart/engine.h"
#include "headstart/losses.h"
#include "headstart/model.h"
#include "headstart/optimizer.h"
#include "headstart/zoo.h"

namespace headstart {
namespace {

struct Case {
  const char* network;
  int size;
  int batch;
  bool top;
};

Graph graph_of(const Case& c) {
  return build_architecture(architecture(c.network),
                            {.height = c.size, .width = c.size, .include_top = c.top});
}

Tensor images_for(const Graph& graph, int batch) {
  Shape shape = graph.input_shape();
  shape.insert(shape.begin(), batch);
  Tensor images(shape);
  for (std::int64_t i = 0; i < images.size(); ++i) {
    images[i] = static_cast<float>(i * 7919 % 255) / 127.5F - 1.0F;
  }
  return images;
}

void count_images(benchmark::State& state, int batch) {
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * batch), benchmark::Counter::kIsRate);
}

void Inference(benchmark::State& state, const Case& c, Precision precision) {
  const Graph graph = graph_of(c);
  FrozenProgram program(graph, initialize(graph, 1), {graph.output()},
                        {.batch = c.batch, .precision = precision});
  const Tensor images = images_for(graph, c.batch);
  Tensor output(Shape{c.batch * element_count(graph.output_shape())});
  float* destination = output.data();
  for (auto _ : state) {
    program.run(images.data(), {&destination, 1});
  }
  count_images(state, c.batch);
}

void TrainingStep(benchmark::State& state, const Case& c, Precision precision) {
  const Graph graph = graph_of(c);
  Parameters parameters = initialize(graph, 1);
  TrainingProgram program(graph, parameters, {.batch = c.batch, .precision = precision});
  Optimizer optimizer({.kind = OptimizerKind::rmsprop, .learning_rate = 1e-4}, program.gradients());
  const Tensor images = images_for(graph, c.batch);
  std::vector<int> labels(static_cast<std::size_t>(c.batch));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<int>(i % 2);
  }
  const Loss loss = loss_for(graph);
  const float* input = images.data();
  std::uint64_t step = 0;
  for (auto _ : state) {
    const Tensor& logits = program.forward({&input, 1}, step++);
    std::vector<float> diff(static_cast<std::size_t>(logits.size()));
    loss_of_labels(loss, logits.values(), labels, {}, diff);
    program.backward(diff.data());
    optimizer.step(parameters, program.gradients());
  }
  count_images(state, c.batch);
}

constexpr Case kSmallCnn{"cnn_150", 150, 20, true};
constexpr Case kVgg16{"vgg16", 150, 20, false};
constexpr Case kMobileNetV2{"mobilenet_v2", 224, 4, false};
constexpr Case kMobileNetV2Whole{"mobilenet_v2", 96, 16, true};

BENCHMARK_CAPTURE(Inference, kVgg16_f32, kVgg16, Precision::f32)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Inference, kVgg16_bf16, kVgg16, Precision::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Inference, kMobileNetV2_f32, kMobileNetV2, Precision::f32)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(Inference, kMobileNetV2_bf16, kMobileNetV2, Precision::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(TrainingStep, kSmallCnn_f32, kSmallCnn, Precision::f32)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(TrainingStep, kSmallCnn_bf16, kSmallCnn, Precision::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(TrainingStep, kMobileNetV2Whole_f32, kMobileNetV2Whole, Precision::f32)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(TrainingStep, kMobileNetV2Whole_bf16, kMobileNetV2Whole, Precision::bf16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace headstart
