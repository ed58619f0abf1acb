// A batch in slices, a program a core, against one program.
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/engine.h"
#include "headstart/error.h"
#include "headstart/model.h"
#include "headstart/zoo.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

constexpr int kSize = 32;

Graph network() {
  return build_architecture(architecture("mobilenet"),
                            {.height = kSize, .width = kSize, .alpha = 0.25, .include_top = false});
}

std::vector<float> pictures(int batch) {
  Random random(5, RandomPurpose::test, static_cast<std::uint64_t>(batch));
  std::vector<float> values(static_cast<std::size_t>(batch) * kSize * kSize * 3);
  for (float& value : values) {
    value = random.normal();
  }
  return values;
}

// Two outputs after another, of a batch.
template <typename Program>
std::vector<float> outputs_of(const Graph& graph, int batch, const FrozenProgram::Options& options) {
  const std::vector<NodeId> nodes{graph.find("conv_pw_3_relu").value(), graph.output()};
  Program program(graph, initialize(graph, 4), nodes, options);
  const auto images = pictures(batch);
  const std::int64_t first = batch * element_count(graph.node(nodes[0]).shape);
  std::vector<float> values(static_cast<std::size_t>(first + batch * element_count(graph.output_shape())));
  const std::vector<float*> destinations{values.data(), values.data() + first};
  program.run(images.data(), destinations);
  return values;
}

TEST(SlicedProgram, EqualsOneProgram) {
  const Graph graph = network();
  for (const int batch : {1, 2, 3, 7, 8, 16, 20}) {
    const FrozenProgram::Options options{.batch = batch};
    EXPECT_TRUE(test::all_close(outputs_of<SlicedProgram>(graph, batch, options),
                                outputs_of<FrozenProgram>(graph, batch, options),
                                {.atol = 1e-5, .rtol = 1e-5}))
        << batch;
  }
}

TEST(SlicedProgram, GivesTheSameBytesWithAnyThreads) {
  const Graph graph = network();
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (!is_supported(precision)) {
      continue;
    }
    const FrozenProgram::Options options{.batch = 16, .precision = precision};
    set_engine_threads(1);
    const auto one = outputs_of<SlicedProgram>(graph, 16, options);
    set_engine_threads(2);
    const auto two = outputs_of<SlicedProgram>(graph, 16, options);
    set_engine_threads(0);
    EXPECT_TRUE(test::all_close(one, two, {})) << to_string(precision);
  }
}

// Padding that no convolution takes over has a place where zeros stay; two programs at once need one each.
TEST(SlicedProgram, ProgramsShareWeightsAlone) {
  constexpr int kWide = 128, kBatch = 16;
  Graph graph("padded");
  graph.add("input", Input{{kWide, kWide, 3}}, std::vector<NodeId>{});
  graph.add("pad", ZeroPadding2D{.top = 1, .bottom = 1, .left = 1, .right = 1}, 0);
  graph.add("pool", MaxPooling2D{.pool = {3, 3}, .strides = {1, 1}}, 1);
  constexpr std::int64_t kPixels = std::int64_t{3} * kWide * kWide;
  std::vector<float> images;
  for (int i = 0; i < kBatch; ++i) {
    images.insert(images.end(), kPixels, static_cast<float>(i + 1));
  }
  set_engine_threads(2);
  SlicedProgram program(graph, initialize(graph, 1), {graph.output()}, {.batch = kBatch});
  set_engine_threads(0);
  for (int run = 0; run < 20; ++run) {
    std::vector<float> results(images.size());
    float* destination = results.data();
    program.run(images.data(), std::span(&destination, 1));
    ASSERT_EQ(results, images) << run;
  }
}

TEST(SlicedProgram, RefusesOtherNumbersOfTensors) {
  const Graph graph = network();
  SlicedProgram program(graph, initialize(graph, 4), {graph.output()}, {.batch = 8});
  const auto images = pictures(8);
  EXPECT_THROW(program.run(images.data(), {}), Error);
}

}  // namespace
}  // namespace headstart
