// The work of single ops by hand, and of whole networks as others state it.
#include "headstart/multiply_adds.h"

#include <gtest/gtest.h>

#include "headstart/summary.h"
#include "headstart/zoo.h"

namespace headstart {
namespace {

std::int64_t of_op(const Shape& input, const Op& op) {
  Graph graph("one");
  const NodeId x = graph.add("input_1", Input{.shape = input}, std::vector<NodeId>{});
  return multiply_adds(graph, graph.add("op", op, x));
}

TEST(MultiplyAdds, OfOpsFollowFromTheirShapes) {
  EXPECT_EQ(of_op({8, 8, 3}, Conv2D{.filters = 4, .kernel = {3, 3}}), 6 * 6 * 9 * 3 * 4);
  EXPECT_EQ(of_op({8, 8, 6}, Conv2D{.filters = 4, .kernel = {1, 5}, .strides = {2, 2}, .groups = 2}),
            4 * 2 * 5 * 3 * 4);
  EXPECT_EQ(of_op({4, 4, 3}, Conv2DTranspose{.filters = 5, .kernel = {2, 2}, .strides = {2, 2}}),
            4 * 4 * 4 * 3 * 5);
  EXPECT_EQ(of_op({8, 8, 3}, DepthwiseConv2D{.kernel = {3, 3}, .depth_multiplier = 2}), 6 * 6 * 9 * 3 * 2);
  EXPECT_EQ(of_op({8, 8, 3}, SeparableConv2D{.filters = 7, .kernel = {3, 3}}), 6 * 6 * 3 * (9 + 7));
  EXPECT_EQ(of_op({10}, Dense{.units = 3}), 30);
  EXPECT_EQ(of_op({5, 10}, Dense{.units = 3}), 5 * 30);
  EXPECT_EQ(of_op({5, 3 * 8}, SelfAttention{.heads = 2}), 2 * 5 * 5 * 8);
  EXPECT_EQ(of_op({8, 8, 3 * 8}, WindowAttention{.heads = 2, .window = 4}), 2 * 64 * 16 * 8);
  EXPECT_EQ(of_op({8, 8, 3}, BatchNormalization{}), 0);
  EXPECT_EQ(of_op({8, 8, 3}, MaxPooling2D{}), 0);
}

double billions(const char* network, Flavour flavour) {
  const Graph graph = build_architecture(architecture(network, flavour), {});
  return static_cast<double>(summarize(graph).multiply_adds) / 1e9;
}

// torchvision's table of weights ("GFLOPS"), to its digits.
TEST(MultiplyAdds, OfNetworksAreTorchvisions) {
  EXPECT_NEAR(billions("alexnet", Flavour::torch), 0.71, 0.006);
  EXPECT_NEAR(billions("vgg16", Flavour::torch), 15.47, 0.006);
  EXPECT_NEAR(billions("googlenet", Flavour::torch), 1.5, 0.006);
  EXPECT_NEAR(billions("inception_v3", Flavour::torch), 5.71, 0.006);
  EXPECT_NEAR(billions("resnet50", Flavour::torch), 4.09, 0.006);
  EXPECT_NEAR(billions("densenet121", Flavour::torch), 2.83, 0.006);
  EXPECT_NEAR(billions("mobilenet_v2", Flavour::torch), 0.3, 0.006);
  EXPECT_NEAR(billions("efficientnet_b0", Flavour::torch), 0.39, 0.006);
  EXPECT_NEAR(billions("vit_b_16", Flavour::torch), 17.56, 0.006);
}

// The courses' figure for the base without its classifier.
TEST(MultiplyAdds, OfABaseFollowFromItsInput) {
  const auto base = [](int size) {
    const Graph graph =
        build_architecture(architecture("vgg16"), {.height = size, .width = size, .include_top = false});
    return static_cast<double>(summarize(graph).multiply_adds) / 1e9;
  };
  EXPECT_NEAR(base(150), 6.62, 0.005);
  EXPECT_NEAR(base(224), 15.35, 0.005);
  EXPECT_NEAR(base(300), 27.11, 0.005);
}

// Howard et al., MobileNets, 2017, table 4: 569 million; Chollet's Xception is stated as 8.4 billion.
TEST(MultiplyAdds, OfNetworksAreThoseOfTheirPapers) {
  EXPECT_NEAR(billions("mobilenet", Flavour::keras), 0.569, 0.001);
  EXPECT_NEAR(billions("xception", Flavour::keras), 8.4, 0.05);
}

}  // namespace
}  // namespace headstart
