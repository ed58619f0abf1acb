// The layer table against what Keras prints.
#include "headstart/summary.h"

#include <gtest/gtest.h>

namespace headstart {
namespace {

Graph base() {
  Graph graph("base");
  NodeId x = graph.add("input_1", Input{{8, 8, 3}}, std::vector<NodeId>{});
  x = graph.add("conv", Conv2D{.filters = 4, .kernel = {3, 3}}, x);
  x = graph.add("bn", BatchNormalization{}, x);
  const NodeId side = graph.add("side", Conv2D{.filters = 4}, x);
  graph.add("add", Add{}, std::vector<NodeId>{x, side});
  return graph;
}

Graph nested_classifier() {
  Graph graph("classifier");
  NodeId x = graph.add("input_1", Input{{8, 8, 3}}, std::vector<NodeId>{});
  x = graph.nest(base(), x);
  x = graph.add("flatten", Flatten{}, x);
  graph.add("dense", Dense{.units = 2}, x);
  return graph;
}

TEST(Summary, OfNothingIsEmpty) { EXPECT_TRUE(summarize(Graph()).rows.empty()); }

TEST(Summary, CountsWhatIsTrained) {
  Graph graph = nested_classifier();
  const Summary all = summarize(graph);
  EXPECT_EQ(all.parameters, 112 + 16 + 20 + 290);
  EXPECT_EQ(all.non_trainable_parameters, 8);
  EXPECT_EQ(all.trainable_parameters, all.parameters - 8);
  EXPECT_EQ(all.trainable_tensors, 8);
  graph.set_trainable_under("base", false);
  const Summary frozen = summarize(graph);
  EXPECT_EQ(frozen.trainable_parameters, 290);
  EXPECT_EQ(frozen.non_trainable_parameters, 148);
  EXPECT_EQ(frozen.trainable_tensors, 2);
}

TEST(Summary, ANestedModelIsOneRow) {
  Graph graph = nested_classifier();
  graph.set_trainable_under("base", false);
  const Summary summary = summarize(graph);
  ASSERT_EQ(summary.rows.size(), 4U);
  EXPECT_EQ(summary.rows[1].name, "base");
  EXPECT_EQ(summary.rows[1].type, "Functional");
  EXPECT_EQ(summary.rows[1].output_shape, (Shape{6, 6, 4}));
  EXPECT_EQ(summary.rows[1].parameters, 148);
  EXPECT_FALSE(summary.rows[1].trainable);
  EXPECT_EQ(summary.rows[1].inputs, std::vector<std::string>{"input_1"});
  EXPECT_EQ(summary.rows[2].inputs, std::vector<std::string>{"base"});
  EXPECT_TRUE(summary.rows[3].trainable);
}

TEST(Summary, ANestedModelAtTheEndHasItsOutputsShape) {
  Graph graph;
  const NodeId input = graph.add("input_1", Input{{8, 8, 3}}, std::vector<NodeId>{});
  graph.nest(base(), input);
  EXPECT_EQ(summarize(graph).rows[1].output_shape, (Shape{6, 6, 4}));
}

TEST(Summary, ExpandedHasEveryLayer) {
  const Summary summary = summarize(nested_classifier(), NestedModels::expanded);
  ASSERT_EQ(summary.rows.size(), 7U);
  EXPECT_EQ(summary.rows[4].name, "base/add");
  EXPECT_EQ(summary.rows[4].inputs, (std::vector<std::string>{"base/bn", "base/side"}));
  EXPECT_EQ(summary.rows[5].inputs, std::vector<std::string>{"base/add"});
}

TEST(Summary, TextReadsAsKeras) {
  const std::string expected =
      "Model: \"classifier\"\n"
      "__________________________________________________________________\n"
      " Layer (type)           Output Shape      Param #   Connected to\n"
      "==================================================================\n"
      " input_1 (InputLayer)   (None, 8, 8, 3)   0\n"
      " base (Functional)      (None, 6, 6, 4)   148       input_1\n"
      " flatten (Flatten)      (None, 144)       0         base\n"
      " dense (Dense)          (None, 2)         290       flatten\n"
      "==================================================================\n"
      "Total params: 438\n"
      "Trainable params: 430\n"
      "Non-trainable params: 8\n"
      "__________________________________________________________________\n";
  EXPECT_EQ(to_text(summarize(nested_classifier())), expected);
}

TEST(Summary, TextHasTheMultiplyAddsWhenAsked) {
  const Summary summary = summarize(nested_classifier());
  EXPECT_EQ(summary.multiply_adds, 36 * 9 * 3 * 4 + 36 * 4 * 4 + 144 * 2);
  const std::string text = to_text(summary, SummaryColumns::with_multiply_adds);
  EXPECT_NE(text.find(" base (Functional)      (None, 6, 6, 4)   148       4,464       input_1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("Param #   Mult-adds   Connected to\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace headstart
