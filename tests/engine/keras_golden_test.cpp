// Keras's layers and networks against TensorFlow.js, a Keras implementation apart from ours; the files are
// written by tests/tools/keras_oracle.mjs.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/pytorch_golden.h"
#include "headstart/engine.h"
#include "headstart/zoo.h"
#include "support/formula.h"
#include "support/paths.h"
#include "support/tolerance.h"
#include "weights/keras_config.h"

namespace headstart {
namespace {

using nlohmann::json;

struct Golden {
  json stored;
};

std::vector<Golden> read_cases(const std::string& name) {
  std::ifstream file(test::data_path("keras/" + name));
  std::vector<Golden> cases;
  const json stored = json::parse(file);
  for (const json& each : stored.at("cases")) {
    cases.push_back({each});
  }
  return cases;
}

class KerasLayer : public testing::TestWithParam<Golden> {};
class KerasNetwork : public testing::TestWithParam<Golden> {};

Shape batched(const Shape& shape, int batch) {
  Shape result = shape;
  result.insert(result.begin(), batch);
  return result;
}

// The model in the stored config, or an activation that no config of Keras's says without doubt.
Graph graph_of_case(const json& golden) {
  if (golden.contains("config")) {
    return graph_from_keras_config(golden.at("config").dump());
  }
  const bool swish = golden.at("activation") == "hard_swish";
  Graph graph("model");
  const NodeId x = graph.add("input", Input{golden.at("shape").get<Shape>()}, std::vector<NodeId>{});
  graph.add("layer", ActivationLayer{{swish ? Activation::Kind::hard_swish : Activation::Kind::hard_sigmoid}},
            x);
  return graph;
}

// TensorFlow.js sums in double and rounds to float at the end of a layer; its exponentials are float.
TEST_P(KerasLayer, Agrees) {
  constexpr int kBatch = 2;
  const json& golden = GetParam().stored;
  const Graph graph = graph_of_case(golden);
  Tensor output(batched(graph.output_shape(), kBatch));
  const auto expected = golden.at("output").get<std::vector<float>>();
  ASSERT_EQ(static_cast<std::size_t>(output.size()), expected.size());
  float* outputs[] = {output.data()};
  FrozenProgram program(graph, test::formula_parameters(graph), {graph.output()},
                        {.batch = kBatch, .precision = Precision::f32});
  program.run(test::formula_images("images", batched(graph.input_shape(), kBatch)).data(),
              std::span<float* const>(outputs));
  EXPECT_TRUE(test::all_close(output.values(), expected, {.atol = 2e-6, .rtol = 5e-6}));
}

std::int64_t parameter_count(const Graph& graph) {
  std::int64_t count = 0;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    for (const ParameterSpec& spec : parameter_specs(graph, id)) {
      count += element_count(spec.shape);
    }
  }
  return count;
}

// Both sides round every layer to float: 6e-8 each, through up to 120 layers that add it up. The saturated
// gates of an EfficientNetV2 with random parameters amplify that; TensorFlow.js's own logits move by
// `sensitivity` when the images are off by 3e-7.
TEST_P(KerasNetwork, Agrees) {
  const json& golden = GetParam().stored;
  const int size = golden.at("size").get<int>();
  const int batch = golden.at("batch").get<int>();
  const Graph graph =
      build_architecture(architecture(golden.at("network").get<std::string>()),
                         {.height = size, .width = size, .classes = golden.at("classes").get<int>()});
  EXPECT_EQ(parameter_count(graph), golden.at("parameters").get<std::int64_t>());
  const NodeId layer = graph.require(golden.at("layer").get<std::string>());
  Tensor output(batched(graph.node(layer).shape, batch));
  Tensor logits(batched(graph.output_shape(), batch));
  float* outputs[] = {output.data(), logits.data()};
  FrozenProgram program(graph, test::formula_parameters(graph), {layer, graph.output()},
                        {.batch = batch, .precision = Precision::f32, .logits = true});
  Tensor images = test::formula_images("images", batched(graph.input_shape(), batch));
  for (float& value : images.values()) {
    value *= golden.at("scale").get<float>();
  }
  program.run(images.data(), std::span<float* const>(outputs));
  const auto expected = golden.at("logits").get<std::vector<float>>();
  const float largest = std::abs(*std::max_element(
      expected.begin(), expected.end(), [](float a, float b) { return std::abs(a) < std::abs(b); }));
  const double sensitivity = golden.at("sensitivity").get<double>() / static_cast<double>(largest);
  EXPECT_TRUE(test::matches_digest(output, golden.at("output"), std::max(1e-5, sensitivity)));
  const double allowed = std::max(2e-5, 4.0 * sensitivity) * static_cast<double>(largest);
  EXPECT_TRUE(test::all_close(logits.values(), expected, {.atol = allowed}));
}

std::string layer_name(const testing::TestParamInfo<Golden>& info) {
  return info.param.stored.at("name").get<std::string>();
}

std::string network_name(const testing::TestParamInfo<Golden>& info) {
  return info.param.stored.at("network").get<std::string>() + "_" +
         std::to_string(info.param.stored.at("size").get<int>());
}

INSTANTIATE_TEST_SUITE_P(Keras, KerasLayer, testing::ValuesIn(read_cases("layers.json")), layer_name);
INSTANTIATE_TEST_SUITE_P(Keras, KerasNetwork, testing::ValuesIn(read_cases("networks.json")), network_name);

}  // namespace
}  // namespace headstart
