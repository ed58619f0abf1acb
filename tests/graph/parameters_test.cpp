// Parameter declarations and fresh values.
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/model.h"

namespace headstart {
namespace {

using Initializer = ParameterSpec::Initializer;

Graph every_kind() {
  Graph graph;
  NodeId x = graph.add("input", Input{{8, 8, 4}}, std::vector<NodeId>{});
  x = graph.add("conv", Conv2D{.filters = 6, .kernel = {3, 5}, .groups = 2}, x);
  x = graph.add("depthwise", DepthwiseConv2D{.kernel = {3, 3}, .depth_multiplier = 2, .use_bias = false}, x);
  x = graph.add("separable", SeparableConv2D{.filters = 5, .kernel = {2, 2}}, x);
  x = graph.add("bn", BatchNormalization{.scale = false}, x);
  x = graph.add("flatten", Flatten{}, x);
  graph.add("fc", Dense{.units = 3}, x);
  return graph;
}

TEST(ParameterSpecs, NamesShapesAndFans) {
  const Graph graph = every_kind();
  const auto conv = parameter_specs(graph, 1);
  ASSERT_EQ(conv.size(), 2U);
  EXPECT_EQ(conv[0].name, "kernel");
  EXPECT_EQ(conv[0].shape, (Shape{3, 5, 2, 6}));
  EXPECT_EQ(conv[0].fan_in, 3 * 5 * 2);
  EXPECT_EQ(conv[0].fan_out, 3 * 5 * 6);
  EXPECT_EQ(conv[0].initializer, Initializer::glorot_uniform);
  EXPECT_EQ(conv[1].name, "bias");
  EXPECT_EQ(conv[1].shape, (Shape{6}));

  const auto depthwise = parameter_specs(graph, 2);
  ASSERT_EQ(depthwise.size(), 1U);
  EXPECT_EQ(depthwise[0].shape, (Shape{3, 3, 6, 2}));
  EXPECT_EQ(depthwise[0].fan_in, 9 * 6);
  EXPECT_EQ(depthwise[0].fan_out, 9 * 2);

  const auto separable = parameter_specs(graph, 3);
  ASSERT_EQ(separable.size(), 3U);
  EXPECT_EQ(separable[0].name, "depthwise_kernel");
  EXPECT_EQ(separable[1].name, "pointwise_kernel");
  EXPECT_EQ(separable[1].shape, (Shape{1, 1, 12, 5}));
  EXPECT_EQ(separable[2].shape, (Shape{5}));

  const auto normalization = parameter_specs(graph, 4);
  ASSERT_EQ(normalization.size(), 3U);
  EXPECT_EQ(normalization[0].name, "beta");
  EXPECT_EQ(normalization[1].name, "moving_mean");
  EXPECT_EQ(normalization[2].name, "moving_variance");
  EXPECT_TRUE(normalization[0].trainable);
  EXPECT_FALSE(normalization[1].trainable);
  EXPECT_EQ(normalization[2].initializer, Initializer::constant);
  EXPECT_EQ(normalization[2].value, 1.0F);

  EXPECT_TRUE(parameter_specs(graph, 0).empty());
  EXPECT_TRUE(parameter_specs(graph, 5).empty());
  EXPECT_EQ(parameter_specs(graph, 6)[0].shape.back(), 3);
}

TEST(Initialize, GlorotUniformHasItsRangeAndVariance) {
  Graph graph;
  const NodeId x = graph.add("input", Input{{300}}, std::vector<NodeId>{});
  graph.add("fc", Dense{.units = 200}, x);
  const Parameters parameters = initialize(graph, 7);
  const double limit = std::sqrt(6.0 / 500.0);
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : parameters.at("fc/kernel").values()) {
    ASSERT_LE(std::abs(value), limit);
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  // 60,000 values: the standard error of the mean is limit / sqrt(3 * 60000), of the variance below 1 %.
  EXPECT_NEAR(sum / 60000.0, 0.0, 5.0 * limit / std::sqrt(180000.0));
  EXPECT_NEAR(squares / 60000.0, limit * limit / 3.0, 0.03 * limit * limit / 3.0);
  for (const float value : parameters.at("fc/bias").values()) {
    EXPECT_EQ(value, 0.0F);
  }
}

TEST(Initialize, DependsOnTheSeedAndTheNameAlone) {
  const Graph graph = every_kind();
  const Parameters first = initialize(graph, 1);
  const Parameters again = initialize(graph, 1);
  const Parameters other = initialize(graph, 2);
  EXPECT_NE(first.at("fc/kernel")[0], other.at("fc/kernel")[0]);
  for (const auto& [name, tensor] : first) {
    const Tensor& same = again.at(name);
    EXPECT_EQ(
        std::memcmp(tensor.data(), same.data(), static_cast<std::size_t>(tensor.size()) * sizeof(float)), 0)
        << name;
  }
  Graph alone;
  const NodeId x = alone.add("input", Input{{8, 8, 4}}, std::vector<NodeId>{});
  alone.add("conv", Conv2D{.filters = 6, .kernel = {3, 5}, .groups = 2}, x);
  EXPECT_EQ(initialize(alone, 1).at("conv/kernel")[5], first.at("conv/kernel")[5]);
  EXPECT_EQ(first.at("bn/moving_variance")[0], 1.0F);
}

TEST(CheckParameters, SaysWhatDiffers) {
  const Graph graph = every_kind();
  EXPECT_NO_THROW(check_parameters(graph, initialize(graph, 1)));
  Parameters wrong;
  for (const auto& [name, tensor] : initialize(graph, 1)) {
    if (name != "conv/bias") {
      wrong.insert(name, name == "fc/bias" ? Tensor(Shape{4}) : tensor);
    }
  }
  try {
    check_parameters(graph, wrong);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("conv/bias is missing"), std::string::npos) << message;
    EXPECT_NE(message.find("fc/bias has shape (4) in place of (3)"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace headstart
