// What a new head is put on: the base of a model file, as it is.
#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/open_model.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

Model small(bool include_top) {
  const Architecture& row = architecture("mobilenet");
  Model model;
  model.graph = build_architecture(
      row, {.height = 64, .width = 64, .alpha = 0.25, .include_top = include_top, .classes = 3});
  model.parameters = initialize(model.graph, 5);
  model.preprocessing = default_preprocessing(row, model.graph);
  model.class_names = {"a", "b", "c"};
  return model;
}

void expect_same_network(const Model& found, const Model& expected) {
  ASSERT_EQ(found.graph.nodes().size(), expected.graph.nodes().size());
  for (std::size_t i = 0; i < expected.graph.nodes().size(); ++i) {
    EXPECT_EQ(found.graph.nodes()[i].name, expected.graph.nodes()[i].name);
    EXPECT_EQ(found.graph.nodes()[i].inputs, expected.graph.nodes()[i].inputs);
  }
  check_parameters(found.graph, found.parameters);
  for (const auto& [name, tensor] : expected.parameters) {
    EXPECT_TRUE(test::all_close(found.parameters.at(name).values(), tensor.values(), {})) << name;
  }
}

TEST(WithoutHead, GivesTheNestedBaseBack) {
  const Model base = small(false);
  const Model model = with_head(base, {.head = "conv:8:1,gap,dense:4:relu,dense", .classes = 3}, 1);
  const Model found = without_head(model);
  expect_same_network(found, base);
  EXPECT_EQ(found.graph.name(), base.graph.name());
  EXPECT_TRUE(found.class_names.empty());
  EXPECT_EQ(with_head(found, {.head = "gap,dense", .classes = 7}, 1).graph.output_shape(), Shape{7});
}

TEST(WithoutHead, CutsAWholeNetworkBelowItsTop) {
  const Model found = without_head(small(true)), base = small(false);
  EXPECT_EQ(found.graph.output_shape(), base.graph.output_shape());
  EXPECT_EQ(found.graph.nodes().size(), base.graph.nodes().size());
}

TEST(WithoutHead, RefusesAHeadAlone) {
  Model alone;
  alone.graph = Graph("alone");
  const NodeId input = alone.graph.add("input", Input{.shape = {4}}, std::vector<NodeId>{});
  alone.graph.add("dense", Dense{.units = 3}, input);
  alone.parameters = initialize(alone.graph, 1);
  EXPECT_THROW(without_head(alone), Error);
}

}  // namespace
}  // namespace headstart
