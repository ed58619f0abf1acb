// Building, finding, nesting and freezing.
#include "headstart/graph.h"

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/summary.h"
#include "support/error_message.h"

namespace headstart {
namespace {

Graph small_base() {
  Graph graph("base");
  NodeId x = graph.add("input_1", Input{{8, 8, 3}}, std::vector<NodeId>{});
  x = graph.add("block1_conv1", Conv2D{.filters = 4, .kernel = {3, 3}, .padding = Padding::same()}, x);
  x = graph.add("block2_conv1", Conv2D{.filters = 4, .kernel = {3, 3}, .padding = Padding::same()}, x);
  graph.add("block2_bn", BatchNormalization{}, x);
  return graph;
}

Graph classifier() {
  Graph graph("classifier");
  NodeId x = graph.add("input_1", Input{{8, 8, 3}}, std::vector<NodeId>{});
  x = graph.nest(small_base(), x);
  x = graph.add("flatten", Flatten{}, x);
  graph.add("dense", Dense{.units = 1, .activation = {Activation::Kind::sigmoid}}, x);
  return graph;
}

TEST(Graph, NestKeepsTheScope) {
  const Graph graph = classifier();
  ASSERT_EQ(graph.scopes().size(), 1U);
  EXPECT_EQ(graph.scopes()[0].name, "base");
  EXPECT_EQ(graph.nodes().size(), 6U);
  EXPECT_EQ(graph.node(2).name, "base/block2_conv1");
  EXPECT_EQ(graph.output_shape(), (Shape{1}));
  EXPECT_EQ(graph.find("base/block2_conv1"), 2);
  EXPECT_EQ(graph.find("block2_conv1"), 2);
  EXPECT_EQ(graph.find("conv1"), std::nullopt);
  EXPECT_EQ(graph.node(graph.find("flatten").value()).inputs, (std::vector<NodeId>{3}));
}

TEST(Graph, NestFollowsTheInnerOutput) {
  Graph inner = small_base();
  inner.set_output(1);
  Graph graph;
  const NodeId input = graph.add("input_1", Input{{8, 8, 3}}, std::vector<NodeId>{});
  EXPECT_EQ(graph.nest(inner, input), 1);
  EXPECT_EQ(graph.output(), 1);
}

TEST(Graph, NestRefusesAnotherInputShape) {
  Graph graph;
  const NodeId input = graph.add("input_1", Input{{9, 8, 3}}, std::vector<NodeId>{});
  EXPECT_THROW(graph.nest(small_base(), input), Error);
}

TEST(Graph, NodesThatAreNotThereAreErrors) {
  Graph empty;
  EXPECT_THROW(empty.input_shape(), Error);
  EXPECT_THROW(empty.output_shape(), Error);
  EXPECT_THROW(empty.node(0), Error);
  Graph graph("one");
  graph.add("input", Input{{4}}, std::vector<NodeId>{});
  for (const NodeId id : {-1, 1, 99}) {
    EXPECT_THROW(graph.node(id), Error) << id;
    EXPECT_THROW(graph.set_trainable(id, false), Error) << id;
    EXPECT_THROW(graph.set_output(id), Error) << id;
  }
  EXPECT_EQ(graph.output(), 0);
  EXPECT_THROW(graph.nest(empty, 0), Error);
}

TEST(Graph, NestsItself) {
  Graph graph("twice");
  graph.add("input", Input{{4}}, std::vector<NodeId>{});
  for (int i = 0; i < 7; ++i) {
    graph.add("dense" + std::to_string(i), Dense{.units = 4}, i);
  }
  EXPECT_EQ(graph.nest(graph, graph.output()), 14);
  EXPECT_EQ(graph.node(14).name, "twice/dense6");
  EXPECT_EQ(graph.node(8).inputs, std::vector<NodeId>{7});
}

TEST(Graph, BadNodesAreErrorsThatNameTheLayer) {
  Graph graph = small_base();
  EXPECT_NE(test::message_of([&] { graph.add("block2_bn", Flatten{}, 0); }).find("block2_bn"),
            std::string::npos);
  EXPECT_NE(test::message_of([&] { graph.add("late", Flatten{}, 9); }).find("late"), std::string::npos);
  EXPECT_NE(test::message_of([&] { graph.add("fc", Dense{.units = 0}, 0); }).find("fc"), std::string::npos);
  EXPECT_THROW(graph.add("input_2", Input{{3}}, std::vector<NodeId>{}), Error);
  EXPECT_THROW(Graph().add("flatten", Flatten{}, std::vector<NodeId>{}), Error);
  EXPECT_EQ(graph.nodes().size(), 4U);
}

TEST(Graph, HugeShapesAreErrors) {
  Graph graph;
  EXPECT_THROW(graph.add("input_1", Input{{1LL << 40, 1LL << 40, 3}}, std::vector<NodeId>{}), Error);
  EXPECT_THROW(graph.add("input_1", Input{{-1, 8, 3}}, std::vector<NodeId>{}), Error);
}

TEST(Graph, RequireOffersNearNames) {
  const Graph graph = classifier();
  EXPECT_NE(test::message_of([&] { graph.require("block2_conv"); }).find("block2_conv1"), std::string::npos);
  EXPECT_THROW(Graph(graph).set_trainable_from("blok2"), Error);
}

TEST(Graph, TrainableFlags) {
  Graph graph = classifier();
  EXPECT_EQ(graph.set_trainable_under("base", false), 3);
  EXPECT_FALSE(graph.node(1).trainable);
  EXPECT_TRUE(graph.node(5).trainable);
  EXPECT_EQ(graph.set_trainable_under("base/block2", true), 0);
  graph.set_trainable_from("block2_conv1");
  EXPECT_FALSE(graph.node(1).trainable);
  EXPECT_TRUE(graph.node(2).trainable);
  EXPECT_TRUE(graph.node(5).trainable);
  graph.set_trainable_from("base");
  EXPECT_TRUE(graph.node(1).trainable);
}

TEST(Graph, PrefixesStopAtTheirSeparators) {
  Graph graph;
  NodeId x = graph.add("input", Input{{4}}, std::vector<NodeId>{});
  for (const char* name : {"layer1.0.fc", "layer10.fc", "layer4.0.fc", "layer4.1.fc"}) {
    x = graph.add(name, Dense{.units = 4}, x);
  }
  EXPECT_EQ(graph.set_trainable_under("layer1", false), 1);
  EXPECT_EQ(graph.set_trainable_under("layer1.", false), 1);
  EXPECT_EQ(graph.set_trainable_under("layer4.", false), 2);
  graph.set_trainable_from("layer4");
  EXPECT_FALSE(graph.node(2).trainable);
  EXPECT_TRUE(graph.node(3).trainable);
}

TEST(Graph, AutomaticNamesAreKeras) {
  Graph graph;
  EXPECT_EQ(graph.automatic_name(Input{}), "input_1");
  NodeId x = graph.add(graph.automatic_name(Input{}), Input{{8, 8, 3}}, std::vector<NodeId>{});
  for (const char* expected : {"max_pooling2d", "max_pooling2d_1", "max_pooling2d_2"}) {
    EXPECT_EQ(graph.automatic_name(MaxPooling2D{}), expected);
    x = graph.add(graph.automatic_name(MaxPooling2D{}), MaxPooling2D{}, x);
  }
  EXPECT_EQ(graph.automatic_name(Conv2D{}), "conv2d");
  EXPECT_EQ(graph.automatic_name(DepthwiseConv2D{}), "depthwise_conv2d");
  EXPECT_EQ(graph.automatic_name(GlobalAveragePooling2D{}), "global_average_pooling2d");
  EXPECT_EQ(graph.automatic_name(BatchNormalization{}), "batch_normalization");
  EXPECT_EQ(graph.automatic_name(Dropout{}), "dropout");
  EXPECT_EQ(graph.automatic_name(Dropout{.granularity = Dropout::Granularity::channel}), "spatial_dropout2d");
  EXPECT_EQ(graph.automatic_name(Dropout{.granularity = Dropout::Granularity::sample}), "stochastic_depth");
  EXPECT_EQ(graph.automatic_name(LayerNormalization{}), "layer_normalization");
  EXPECT_EQ(graph.automatic_name(Scale{}), "layer_scale");
  EXPECT_EQ(graph.automatic_name(ActivationLayer{{Activation::Kind::relu6}}), "re_lu");
  EXPECT_EQ(graph.automatic_name(ActivationLayer{{Activation::Kind::leaky_relu}}), "leaky_re_lu");
  EXPECT_EQ(graph.automatic_name(ActivationLayer{{Activation::Kind::elu}}), "elu");
  EXPECT_EQ(graph.automatic_name(ActivationLayer{{Activation::Kind::tanh}}), "activation");
}

TEST(Graph, OutputActivation) {
  EXPECT_EQ(output_activation(classifier()), OutputActivation::sigmoid);
  EXPECT_EQ(output_activation(small_base()), OutputActivation::none);
  Graph graph = small_base();
  graph.add("softmax", ActivationLayer{{Activation::Kind::softmax}}, graph.output());
  EXPECT_EQ(output_activation(graph), OutputActivation::softmax);
}

TEST(Graph, Consumers) {
  Graph graph;
  const NodeId x = graph.add("input", Input{{4}}, std::vector<NodeId>{});
  const NodeId a = graph.add("a", Dense{.units = 4}, x);
  graph.add("sum", Add{}, std::vector<NodeId>{x, a});
  EXPECT_EQ(graph.consumers(), (std::vector<std::vector<NodeId>>{{1, 2}, {2}, {}}));
}

// As Keras has it for a short branch beside a long one, written first (keras.Model.layers).
TEST(Graph, IsTrainedFromALayerOnInKerasOrder) {
  Graph graph("branches");
  const NodeId input = graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  const Conv2D one{.filters = 3, .kernel = {1, 1}};
  const NodeId shortcut = graph.add("shortcut", one, input);
  NodeId x = graph.add("first", one, input);
  x = graph.add("second", one, x);
  x = graph.add("third", one, x);
  graph.add("sum", Add{}, std::vector<NodeId>{x, shortcut});
  graph.set_trainable_from("second");
  const auto trained = [&](const char* name) { return graph.node(graph.require(name)).trainable; };
  EXPECT_FALSE(trained("first"));
  EXPECT_TRUE(trained("second") && trained("third") && trained("shortcut"));
  std::vector<std::string> rows;
  for (const auto& row : summarize(graph).rows) {
    rows.push_back(row.name);
  }
  EXPECT_EQ(rows, (std::vector<std::string>{"input", "first", "second", "third", "shortcut", "sum"}));
  graph.set_trainable_from("shortcut");
  EXPECT_FALSE(trained("third"));
}

}  // namespace
}  // namespace headstart
