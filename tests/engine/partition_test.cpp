// The partition against its definition: a frozen value cannot change from step to step, and nothing else is
// frozen.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "headstart/engine.h"
#include "reference/cases.h"
#include "reference/interpreter.h"
#include "reference/random_graph.h"

namespace headstart {
namespace {

using reference::Array;

Graph graph_of(const std::string& name) {
  for (const auto& each : reference::composed_cases()) {
    if (each.name == name) {
      return each.graph;
    }
  }
  throw std::logic_error("no case " + name);
}

std::vector<std::string> boundary_names(const Graph& graph, BatchNormMode mode) {
  std::vector<std::string> names;
  for (const NodeId id : partition(graph, mode).boundary) {
    names.push_back(graph.node(id).name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(Partition, CutInsideAResidualBlockHasTwoBoundaryTensors) {
  EXPECT_EQ(boundary_names(graph_of("cut_inside_a_residual_block"), BatchNormMode::training),
            (Names{"stem_relu", "relu_1"}));
}

TEST(Partition, BoundaryMayBeAFrozenShortcut) {
  EXPECT_EQ(boundary_names(graph_of("boundary_value_is_a_frozen_shortcut"), BatchNormMode::training),
            (Names{"x", "sum_relu"}));
}

TEST(Partition, TrainableFromTheStartHasTheInputAsBoundary) {
  EXPECT_EQ(boundary_names(graph_of("small_cnn"), BatchNormMode::frozen), (Names{"scale"}));
  EXPECT_EQ(boundary_names(graph_of("residual_block"), BatchNormMode::frozen), (Names{"input"}));
}

TEST(Partition, DropoutBeforeTheFirstTrainableLayerBelongsToTheTrainablePart) {
  Graph graph("head");
  graph.add("input", Input{{2, 2, 3}}, std::vector<NodeId>{});
  graph.add("flatten", Flatten{}, 0);
  const NodeId dropout = graph.add("dropout", Dropout{.rate = 0.5F}, 1);
  graph.add("dense", Dense{.units = 2}, dropout);
  EXPECT_EQ(boundary_names(graph, BatchNormMode::training), (Names{"flatten"}));
  graph.set_trainable(dropout, false);
  EXPECT_EQ(boundary_names(graph, BatchNormMode::training), (Names{"dropout"}));
}

TEST(Partition, ANormWithoutParametersIsFrozenOnlyWithItsStatistics) {
  Graph graph("bare");
  graph.add("input", Input{{2, 2, 3}}, std::vector<NodeId>{});
  const NodeId norm = graph.add("norm", BatchNormalization{.scale = false, .center = false}, 0);
  graph.add("flatten", Flatten{}, norm);
  graph.add("dense", Dense{.units = 2}, norm + 1);
  EXPECT_EQ(boundary_names(graph, BatchNormMode::frozen), (Names{"flatten"}));
  EXPECT_EQ(boundary_names(graph, BatchNormMode::training), (Names{"input"}));
}

// What may change between two steps for the sample in front: the trainable parameters, the dropout masks, and
// the other samples of its batch.
struct StepState {
  reference::ParameterArrays parameters;
  Array input;
  reference::Options options;
};

bool is_active_dropout(const Node& node) {
  return std::holds_alternative<Dropout>(node.op) && node.trainable;
}

StepState state_of_a_step(const Graph& graph, BatchNormMode mode, std::uint64_t step) {
  StepState state{
      .parameters = reference::to_arrays(reference::random_parameters(graph, 1)), .input = {}, .options = {}};
  state.options.batch_norm = mode;
  const auto moved = reference::to_arrays(reference::random_parameters(graph, 100 + step));
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    for (const auto& spec : parameter_specs(graph, id)) {
      if (node.trainable && spec.trainable) {
        state.parameters[node.name + "/" + spec.name] = moved.at(node.name + "/" + spec.name);
      }
    }
    if (is_active_dropout(node)) {
      state.options.dropout_masks[id] = reference::to_array(reference::random_tensor(
          reference::with_batch(3, node.shape), 1000 * step + static_cast<std::uint64_t>(id)));
    }
  }
  state.input =
      reference::to_array(reference::random_tensor(reference::with_batch(3, graph.input_shape()), 50 + step));
  const Array first = reference::to_array(reference::random_tensor(graph.input_shape(), 9));
  std::ranges::copy(first.values, state.input.values.begin());
  return state;
}

bool first_sample_equal(const Array& a, const Array& b) {
  const auto count = a.size() / a.shape.front();
  return std::equal(a.values.begin(), a.values.begin() + count, b.values.begin());
}

std::set<NodeId> needed_for_output(const Graph& graph) {
  std::set<NodeId> needed{graph.output()};
  for (NodeId id = graph.output(); id >= 0; --id) {
    if (needed.contains(id)) {
      needed.insert(graph.node(id).inputs.begin(), graph.node(id).inputs.end());
    }
  }
  return needed;
}

class RandomPartition : public testing::TestWithParam<int> {};

TEST_P(RandomPartition, FrozenIsExactlyWhatCannotChange) {
  const Graph graph =
      reference::random_graph(static_cast<std::uint64_t>(GetParam()), {.nodes = 16, .dropout_rate = 0.4F});
  for (const auto mode : {BatchNormMode::frozen, BatchNormMode::training}) {
    const Partition parts = partition(graph, mode);
    ASSERT_EQ(parts.frozen.size(), graph.nodes().size());
    const StepState one = state_of_a_step(graph, mode, 1);
    const StepState two = state_of_a_step(graph, mode, 2);
    const auto trace_one = reference::forward(graph, one.parameters, one.input, one.options);
    const auto trace_two = reference::forward(graph, two.parameters, two.input, two.options);
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      EXPECT_EQ(parts.frozen[i], first_sample_equal(trace_one.values[i], trace_two.values[i]))
          << graph.nodes()[i].name;
    }
  }
}

TEST_P(RandomPartition, BoundaryIsWhatTheTrainablePartReads) {
  const Graph graph =
      reference::random_graph(static_cast<std::uint64_t>(GetParam()), {.nodes = 16, .dropout_rate = 0.4F});
  const Partition parts = partition(graph, BatchNormMode::training);
  const std::set<NodeId> needed = needed_for_output(graph);
  std::set<NodeId> expected;
  for (const NodeId id : needed) {
    for (const NodeId input : graph.node(id).inputs) {
      if (!parts.frozen[static_cast<std::size_t>(id)] && parts.frozen[static_cast<std::size_t>(input)]) {
        expected.insert(input);
      }
    }
  }
  if (parts.frozen[static_cast<std::size_t>(graph.output())]) {
    expected = {graph.output()};
  }
  EXPECT_EQ(parts.boundary, std::vector<NodeId>(expected.begin(), expected.end()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPartition, testing::Range(0, 60));

}  // namespace
}  // namespace headstart
