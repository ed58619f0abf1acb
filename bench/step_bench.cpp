// Programs of whole networks: the inference program of a base, a training step with its loss and optimizer;
// and parts of a step by themselves: norms, poolings, gradients of special kernels, optimizers.
//   build/release/bench/step_bench --benchmark_filter=cnn_150
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "engine/channel_norm.h"
#include "engine/depthwise_gradient.h"
#include "engine/onednn.h"
#include "engine/pooling.h"
#include "engine/stem_gradient.h"
#include "headstart/engine.h"
#include "headstart/losses.h"
#include "headstart/model.h"
#include "headstart/optimizer.h"
#include "headstart/zoo.h"
#include "images_for.h"
#include "multiplies.h"

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

void count_images(benchmark::State& state, int batch) {
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * batch), benchmark::Counter::kIsRate);
}

void Inference(benchmark::State& state, const Case& c, Precision precision) {
  if (!multiplies(state, precision)) {
    return;
  }
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
  if (!multiplies(state, precision)) {
    return;
  }
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

// A megabyte or so of values, as in the middle of a ResNet.
struct NormBuffers {
  explicit NormBuffers(const benchmark::State& state)
      : bf16(state.range(1) == 1),
        swish(state.range(2) == 1),
        rows(6272),
        width(state.range(0)),
        terms(static_cast<std::size_t>(4 * width), 1.0F) {
    for (auto& buffer : buffers) {
      buffer.assign(static_cast<std::size_t>(rows * width), 0.5F);
    }
  }
  Rows at(std::size_t buffer) { return {buffers[buffer].data(), bf16, rows, width}; }
  ChannelNormalization normalization() {
    return {.mean = terms.data(),
            .variance = terms.data() + width,
            .scale = terms.data() + 2 * width,
            .shift = terms.data() + 3 * width,
            .epsilon = 1e-3F,
            .activation = swish ? kSwish : RowActivation{.low = 0.0F}};
  }
  bool bf16, swish;
  std::int64_t rows, width;
  std::vector<float> terms;
  std::array<std::vector<float>, 4> buffers;
};

void NormForward(benchmark::State& state) {
  NormBuffers b(state);
  std::vector<float> mean(static_cast<std::size_t>(b.width)), variance(mean);
  for (auto _ : state) {
    channel_moments(b.at(0), mean.data(), variance.data());
    normalize_channels(b.at(0), b.normalization(), {}, b.at(1));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(NormForward)
    ->ArgNames({"channels", "bf16", "swish"})
    ->ArgsProduct({{64, 728}, {0, 1}, {0, 1}})
    ->UseRealTime();

void NormBackward(benchmark::State& state) {
  NormBuffers b(state);
  std::vector<float> diff_scale(static_cast<std::size_t>(b.width)), diff_shift(diff_scale);
  for (auto _ : state) {
    normalize_channels_backward(
        b.at(0), b.at(2), b.normalization(), true,
        {.diff_src = b.at(3), .diff_scale = diff_scale.data(), .diff_shift = diff_shift.data()});
    benchmark::ClobberMemory();
  }
}
BENCHMARK(NormBackward)
    ->ArgNames({"channels", "bf16", "swish"})
    ->ArgsProduct({{64, 728}, {0, 1}, {0, 1}})
    ->UseRealTime();

void DepthwiseGradient(benchmark::State& state) {
  const SlidingShape shape{.batch = 8,
                           .channels = 672,
                           .height = 14,
                           .width = 14,
                           .result_height = 14,
                           .result_width = 14,
                           .kernel_height = 5,
                           .kernel_width = 5,
                           .zeros_above = 2,
                           .zeros_left = 2};
  const std::vector<float> values(8 * 14 * 14 * 672, 0.5F);
  std::vector<float> gradient(25 * 672), room(static_cast<std::size_t>(depthwise_gradient_room(shape)));
  for (auto _ : state) {
    depthwise_kernel_gradient(values.data(), values.data(), state.range(0) == 1, shape, room.data(),
                              gradient.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(DepthwiseGradient)->ArgName("bf16")->Arg(0)->Arg(1)->UseRealTime();

// A network's first pooling, forwards and back, by loops of our own and by oneDNN.
constexpr SlidingShape kPooling{.batch = 8,
                                .channels = 64,
                                .height = 112,
                                .width = 112,
                                .result_height = 56,
                                .result_width = 56,
                                .kernel_height = 3,
                                .kernel_width = 3,
                                .stride_down = 2,
                                .stride_right = 2,
                                .zeros_above = 1,
                                .zeros_left = 1};
constexpr std::size_t kPooled = std::size_t{8} * 64 * 112 * 112, kResults = kPooled / 4;

void MaxPooling(benchmark::State& state) {
  const std::vector<float> src(kPooled, 0.5F);
  std::vector<float> dst(kResults), diff_src(kPooled);
  std::vector<std::uint8_t> places(kResults);
  for (auto _ : state) {
    max_pooling(kPooling, false, src.data(), dst.data(), places.data());
    max_pooling_backward(kPooling, false, dst.data(), places.data(), diff_src.data());
  }
}
BENCHMARK(MaxPooling)->Unit(benchmark::kMillisecond)->UseRealTime();

void MaxPoolingByOneDnn(benchmark::State& state) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const onednn::Desc src({8, 64, 112, 112}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc);
  const onednn::Desc dst({8, 64, 56, 56}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc);
  const onednn::Window window{
      .kernel = {3, 3}, .strides = {2, 2}, .padding_begin = {1, 1}, .padding_end = {0, 0}};
  const auto forward = onednn::pooling_forward(engine, dnnl::prop_kind::forward_training,
                                               dnnl::algorithm::pooling_max, src, dst, window, {});
  const auto backward =
      onednn::pooling_backward(engine, dnnl::algorithm::pooling_max, src, dst, window, {}, forward);
  const dnnl::pooling_forward pool(forward);
  const dnnl::pooling_backward pass(backward);
  const dnnl::memory from(src, engine), to(dst, engine), workspace(forward.workspace_desc(), engine);
  for (auto _ : state) {
    pool.execute(stream, {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}, {DNNL_ARG_WORKSPACE, workspace}});
    pass.execute(stream,
                 {{DNNL_ARG_DIFF_DST, to}, {DNNL_ARG_DIFF_SRC, from}, {DNNL_ARG_WORKSPACE, workspace}});
    stream.wait();
  }
}
BENCHMARK(MaxPoolingByOneDnn)->Unit(benchmark::kMillisecond)->UseRealTime();

// The gradient of the small CNN's first kernel.
void StemGradient(benchmark::State& state) {
  const SlidingShape shape{.batch = 20,
                           .channels = 3,
                           .height = 150,
                           .width = 150,
                           .result_height = 148,
                           .result_width = 148,
                           .kernel_height = 3,
                           .kernel_width = 3};
  constexpr std::int64_t kFilters = 32;
  const std::vector<float> src(std::size_t{20} * 150 * 150 * 3, 0.5F),
      diff(std::size_t{20} * 148 * 148 * 32, 0.25F);
  std::vector<float> room(static_cast<std::size_t>(stem_gradient_room(shape, kFilters))),
      gradient(27 * kFilters);
  for (auto _ : state) {
    stem_gradient(shape, kFilters, src.data(), diff.data(), room.data(), gradient.data());
  }
}
BENCHMARK(StemGradient)->Unit(benchmark::kMillisecond)->UseRealTime();

void Update(benchmark::State& state, OptimizerKind kind) {
  Parameters parameters, gradients;
  for (int i = 0; i < 8; ++i) {
    parameters.insert(std::to_string(i), Tensor(Shape{512, 512}));
    gradients.insert(std::to_string(i), Tensor(Shape{512, 512}));
  }
  Optimizer optimizer({.kind = kind, .learning_rate = 1e-4}, parameters);
  for (auto _ : state) {
    optimizer.step(parameters, gradients);
  }
  state.counters["parameters/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * 8 * 512 * 512,
                                                      benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(Update, sgd, OptimizerKind::sgd)->UseRealTime();
BENCHMARK_CAPTURE(Update, rmsprop, OptimizerKind::rmsprop)->UseRealTime();
BENCHMARK_CAPTURE(Update, adam, OptimizerKind::adam)->UseRealTime();
BENCHMARK_CAPTURE(Update, adamw, OptimizerKind::adamw)->UseRealTime();

}  // namespace
}  // namespace headstart
