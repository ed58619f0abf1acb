// The head grammar: layers, names, shapes, and what it refuses.
#include "headstart/head.h"

#include <gtest/gtest.h>

#include "headstart/error.h"

namespace headstart {
namespace {

Graph tiny_base() {
  Graph base("tiny");
  const NodeId input = base.add("input_1", Input{.shape = {8, 8, 3}}, std::vector<NodeId>{});
  const NodeId first = base.add("block1_conv", Conv2D{.filters = 4, .kernel = {3, 3}}, input);
  base.add("block2_conv", Conv2D{.filters = 5, .kernel = {3, 3}}, first);
  return base;
}

Graph with_head(const std::string& head, int classes) {
  return attach_head(tiny_base(), {.head = head, .classes = classes});
}

TEST(Head, TheCoursesHead) {
  const Graph graph = with_head("flatten,dense:256:relu,dropout:0.5,dense", 2);
  ASSERT_EQ(graph.nodes().size(), 7U);
  EXPECT_EQ(graph.nodes()[2].name, "tiny/block2_conv");
  EXPECT_EQ(graph.nodes()[3].name, "flatten");
  EXPECT_EQ(graph.nodes()[4].name, "dense");
  EXPECT_EQ(graph.nodes()[4].shape, Shape({256}));
  EXPECT_EQ(std::get<Dense>(graph.nodes()[4].op).activation.kind, Activation::Kind::relu);
  EXPECT_EQ(std::get<Dropout>(graph.nodes()[5].op).rate, 0.5F);
  EXPECT_EQ(graph.nodes()[6].name, "dense_1");
  EXPECT_EQ(graph.output_shape(), Shape({1}));
  EXPECT_EQ(output_activation(graph), OutputActivation::sigmoid);
}

TEST(Head, SeveralClassesEndInSoftmax) {
  const Graph graph = with_head("gap,dense", 5);
  EXPECT_EQ(graph.output_shape(), Shape({5}));
  EXPECT_EQ(output_activation(graph), OutputActivation::softmax);
  EXPECT_EQ(with_head("gap,dense:softmax", 2).output_shape(), Shape({2}));
  EXPECT_EQ(output_activation(with_head("gap,dense:5:sigmoid", 5)), OutputActivation::sigmoid);
}

TEST(Head, OfMultiLabelDataEndsInASigmoidForEachClass) {
  for (const int classes : {2, 5}) {
    const Graph graph =
        attach_head(tiny_base(), {.head = "gap,dense", .classes = classes, .multi_label = true});
    EXPECT_EQ(graph.output_shape(), Shape({classes}));
    EXPECT_EQ(output_activation(graph), OutputActivation::sigmoid);
  }
  EXPECT_THROW(attach_head(tiny_base(), {.head = "gap,dense:softmax", .classes = 2, .multi_label = true}),
               Error);
  EXPECT_THROW(attach_head(tiny_base(), {.head = "gap,dense:1", .classes = 2, .multi_label = true}), Error);
}

TEST(Head, WordsOfTheLastLayer) {
  const Graph plain = with_head("gap,dense:nobias:weightnorm", 2);
  const auto& sigmoid = std::get<Dense>(plain.node(plain.output()).op);
  EXPECT_EQ(sigmoid.units, 1);
  EXPECT_EQ(sigmoid.activation.kind, Activation::Kind::sigmoid);
  EXPECT_FALSE(sigmoid.use_bias);
  EXPECT_TRUE(sigmoid.weight_normalization);
  const Graph softmax = with_head("gap,dense:5:softmax:nobias", 5);
  EXPECT_FALSE(std::get<Dense>(softmax.node(softmax.output()).op).use_bias);
  EXPECT_THROW(with_head("gap,dense:5:softmax:relu", 5), Error);
}

TEST(Head, WholeNetworkOnAnInput) {
  Graph input("input");
  input.add("input_1", Input{.shape = {28, 28, 1}}, std::vector<NodeId>{});
  const Graph graph = attach_head(
      input, {.head = "conv:32,maxpool,conv:64:3:relu,maxpool:2,flatten,dense:10", .classes = 10});
  EXPECT_EQ(graph.nodes()[1].name, "conv2d");
  EXPECT_EQ(graph.nodes()[2].shape, Shape({13, 13, 32}));
  EXPECT_EQ(graph.output_shape(), Shape({10}));
}

TEST(Head, PaddingStridesAndBias) {
  const Graph graph = with_head(
      "conv:8:1x3:linear:same:nobias,batchnorm,activation:relu,maxpool:2:same:stride1,"
      "sepconv:6:3:relu:same:stride2,depthwise:3:relu6:same,gap,dense",
      2);
  const auto& conv = std::get<Conv2D>(graph.nodes()[3].op);
  EXPECT_EQ(conv.kernel, (Size2{.height = 1, .width = 3}));
  EXPECT_EQ(conv.padding, Padding::same());
  EXPECT_FALSE(conv.use_bias);
  EXPECT_EQ(conv.activation.kind, Activation::Kind::linear);
  EXPECT_EQ(graph.nodes()[3].shape, Shape({4, 4, 8}));
  EXPECT_EQ(graph.nodes()[6].shape, Shape({4, 4, 8}));  // the pooling
  EXPECT_EQ(graph.nodes()[7].shape, Shape({2, 2, 6}));
  EXPECT_EQ(graph.nodes()[8].shape, Shape({2, 2, 6}));
}

TEST(Head, NormalizationsAndTheirVariants) {
  const Graph graph = with_head(
      "conv:8:1:linear:weightnorm,batchnorm:renorm,groupnorm:4,instancenorm,layernorm,"
      "gap,dense:16:relu:nobias:weightnorm,dense",
      3);
  EXPECT_TRUE(std::get<Conv2D>(graph.nodes()[3].op).weight_normalization);
  EXPECT_TRUE(std::get<BatchNormalization>(graph.nodes()[4].op).renorm);
  EXPECT_EQ(std::get<GroupNormalization>(graph.nodes()[5].op).groups, 4);
  EXPECT_EQ(std::get<GroupNormalization>(graph.nodes()[6].op).groups, 8);
  EXPECT_EQ(graph.nodes()[7].name, "layer_normalization");
  EXPECT_FALSE(std::get<Dense>(graph.nodes()[9].op).use_bias);
}

TEST(Head, RefusesWhatCannotBe) {
  for (const char* head : {"",
                           "gap",
                           "gap,",
                           "gap,dens",
                           "dense",
                           "gap,dense:3",
                           "gap,dense:5:relu",
                           "gap,dense:1",
                           "gap,dropout,dense",
                           "gap,dropout:1,dense",
                           "gap,dropout:x,dense",
                           "gap,dense:0:relu,dense",
                           "gap,dense:8:rleu,dense",
                           "flatten,conv:8,dense",
                           "gap:2,dense",
                           "conv,gap,dense",
                           "gap,dense:99999999999,dense",
                           "conv:8:9,gap,dense",
                           "conv:8:3:relu:stride0,gap,dense",
                           "conv:8:3:relu:sam,gap,dense",
                           "conv:8:3x,gap,dense",
                           "groupnorm:3,gap,dense",
                           "gap,dense:8:same,dense",
                           "batchnorm:nobias,gap,dense"}) {
    EXPECT_THROW(with_head(head, 5), Error) << head;
  }
  EXPECT_THROW(with_head("gap,dense", 1), Error);
}

TEST(Head, FreezingTheBase) {
  Graph graph = with_head("gap,dense", 2);
  freeze_base(graph, "tiny", "all");
  EXPECT_FALSE(graph.node(graph.require("block2_conv")).trainable);
  EXPECT_TRUE(graph.node(graph.require("dense")).trainable);
  freeze_base(graph, "tiny", "block2_conv");
  EXPECT_FALSE(graph.node(graph.require("block1_conv")).trainable);
  EXPECT_TRUE(graph.node(graph.require("block2_conv")).trainable);
  freeze_base(graph, "tiny", "none");
  EXPECT_TRUE(graph.node(graph.require("block1_conv")).trainable);
  EXPECT_THROW(freeze_base(graph, "tiny", "block3_conv"), Error);
}

}  // namespace
}  // namespace headstart
