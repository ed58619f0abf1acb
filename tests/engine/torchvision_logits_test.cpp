// The zoo's networks of torchvision's flavour against torchvision itself: logits, and the output of a layer
// in the middle.
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/pytorch_golden.h"
#include "headstart/engine.h"
#include "headstart/zoo.h"
#include "support/formula.h"

namespace headstart {
namespace {

using nlohmann::json;

struct Golden {
  json stored;
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.stored.at("network"); }

std::vector<Golden> goldens() {
  std::vector<Golden> all;
  const json file = test::read_golden("torchvision.json");
  for (const json& stored : file.at("cases")) {
    all.push_back({stored});
  }
  return all;
}

class TorchvisionLogits : public testing::TestWithParam<Golden> {};

double relative_error(const Tensor& actual, const std::vector<double>& expected) {
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(static_cast<double>(actual[static_cast<std::int64_t>(i)]) - expected[i], 2);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(difference / norm);
}

// Rounding of 6e-8 a layer, through up to 120 layers that add it up.
TEST_P(TorchvisionLogits, Agree) {
  const json& golden = GetParam().stored;
  const int size = golden.at("size").get<int>();
  const int batch = golden.at("batch").get<int>();
  const Graph graph =
      build_architecture(architecture(golden.at("network").get<std::string>(), Flavour::torch),
                         {.height = size, .width = size, .classes = golden.at("classes").get<int>()});
  const NodeId layer = graph.require(golden.at("layer").get<std::string>());
  Shape layer_shape = graph.node(layer).shape;
  layer_shape.insert(layer_shape.begin(), batch);
  Tensor output(layer_shape);
  Tensor logits({batch, graph.output_shape()[0]});
  float* outputs[] = {output.data(), logits.data()};
  FrozenProgram program(graph, test::formula_parameters(graph), {layer, graph.output()},
                        {.batch = batch, .precision = Precision::f32, .logits = true});
  program.run(test::formula_images("images", {batch, size, size, 3}).data(),
              std::span<float* const>(outputs));
  EXPECT_TRUE(test::matches_digest(output, golden.at("output"), 1e-5));
  EXPECT_LT(relative_error(logits, golden.at("logits").get<std::vector<double>>()), 2e-5);
}

std::string golden_name(const testing::TestParamInfo<Golden>& info) {
  return info.param.stored.at("network").get<std::string>() + "_" +
         std::to_string(info.param.stored.at("size").get<int>());
}

INSTANTIATE_TEST_SUITE_P(Zoo, TorchvisionLogits, testing::ValuesIn(goldens()), golden_name);

}  // namespace
}  // namespace headstart
