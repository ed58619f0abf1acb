// Dropout of whole channels and whole samples: what shares a mask, and that the backward pass uses it.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/program_support.h"

namespace headstart {
namespace {

using Granularity = Dropout::Granularity;

constexpr int kSamples = 64;
const Shape kShape{3, 4, 16};

// A trainable norm that does nothing, then the dropout: the output is the mask times the input.
struct Network {
  explicit Network(Granularity granularity, Precision precision = Precision::f32) : graph("dropout") {
    graph.add("input", Input{kShape}, std::vector<NodeId>{});
    graph.add("scale", Scale{}, 0);
    graph.add("dropout", Dropout{.rate = 0.25F, .granularity = granularity}, 1);
    parameters.insert("scale/gamma", Tensor({16}));
    std::ranges::fill(parameters.at("scale/gamma").values(), 1.0F);
    std::ranges::fill(ones.values(), 1.0F);
    program.emplace(graph, parameters,
                    TrainingProgram::Options{.batch = kSamples, .precision = precision, .dropout_seed = 5});
  }

  const Tensor& forward(const Tensor& input, std::uint64_t step = 0) {
    const float* pointer = input.data();
    return program->forward(std::span(&pointer, 1), step);
  }

  Graph graph;
  Parameters parameters;
  Tensor ones{reference::with_batch(kSamples, kShape)};
  std::optional<TrainingProgram> program;
};

// Which element of the drawn mask decides over element i of the value.
std::int64_t owner(Granularity granularity, std::int64_t i) {
  const std::int64_t sample = i / element_count(kShape);
  switch (granularity) {
    case Granularity::element:
      return i;
    case Granularity::channel:
      return sample * kShape.back() + i % kShape.back();
    case Granularity::sample:
      return sample;
  }
  return -1;
}

class DropoutGranularity : public testing::TestWithParam<Granularity> {};

TEST_P(DropoutGranularity, DropsWhatBelongsTogether) {
  for (const auto precision : test::floating_precisions()) {
    Network network(GetParam(), precision);
    const Tensor mask = network.forward(network.ones);
    std::map<std::int64_t, float> drawn;
    for (std::int64_t i = 0; i < mask.size(); ++i) {
      EXPECT_TRUE(mask[i] == 0.0F || std::abs(mask[i] - 1.0F / 0.75F) < 4e-3F) << mask[i];
      EXPECT_EQ(drawn.try_emplace(owner(GetParam(), i), mask[i]).first->second, mask[i]);
    }
    const auto dropped = std::ranges::count_if(drawn, [](const auto& entry) { return entry.second == 0.0F; });
    const auto count = static_cast<double>(drawn.size());
    // Five standard deviations.
    EXPECT_NEAR(static_cast<double>(dropped) / count, 0.25, 5.0 * std::sqrt(0.25 * 0.75 / count));
    const Tensor next = network.forward(network.ones, 1);
    EXPECT_FALSE(std::ranges::equal(mask.values(), next.values()));
  }
}

TEST_P(DropoutGranularity, BackwardUsesTheForwardMask) {
  Network network(GetParam());
  const Tensor mask = network.forward(network.ones);
  const Tensor input = reference::random_tensor(network.ones.shape(), 1);
  const Tensor diff = reference::random_tensor(network.ones.shape(), 2);
  network.forward(input);
  network.program->backward(diff.data());
  std::vector<float> expected(16);
  for (std::int64_t i = 0; i < mask.size(); ++i) {
    expected[static_cast<std::size_t>(i % 16)] += mask[i] * input[i] * diff[i];
  }
  // Sums of 768 products of values near 1.
  EXPECT_TRUE(test::all_close(network.program->gradients().at("scale/gamma").values(), expected,
                              {.atol = 1e-3, .rtol = 1e-5}));
}

INSTANTIATE_TEST_SUITE_P(Engine, DropoutGranularity,
                         testing::Values(Granularity::element, Granularity::channel, Granularity::sample));

}  // namespace
}  // namespace headstart
