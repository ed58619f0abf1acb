// Every network of the registry can be explained without naming a layer.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "headstart/explain.h"
#include "headstart/zoo.h"
#include "support/formula.h"

namespace headstart {
namespace {

std::vector<const Architecture*> whole_registry() {
  std::vector<const Architecture*> members;
  for (const auto& each : architectures()) {
    members.push_back(&each);
  }
  return members;
}

// At least 64, and large enough for two pixels in the last layer.
int size_of(const Architecture& which) {
  for (int size = std::max(which.minimum_size, 64);; size += 16) {
    const int whole = which.name.starts_with("vit") ? (size + 31) / 32 * 32 + 32 : size;
    const auto graph = build_architecture(which, {.height = whole, .width = whole, .classes = 5});
    const auto& shape = graph.node(evidence_layer(graph)).shape;
    if (element_count(shape) > shape.back()) {
      return whole;
    }
  }
}

class Registry : public testing::TestWithParam<const Architecture*> {};

TEST_P(Registry, ExplainsByItselfWithAMapThatIsNotConstant) {
  const Architecture& which = *GetParam();
  const bool fixed = which.name.starts_with("vgg") || which.name == "alexnet";
  const int size = fixed && which.flavour == Flavour::torch ? which.input_size : size_of(which);
  Model model;
  model.graph = build_architecture(which, {.height = size, .width = size, .classes = 5});
  model.parameters = test::formula_parameters(model.graph);
  const Shape& input = model.graph.input_shape();
  const auto made = explain_tensor(model, test::formula_images("images", {1, input[0], input[1], input[2]}),
                                   {.top = 5, .precision = Precision::f32});
  // With parameters of no meaning nothing may speak for a class, but something does for one of five.
  bool varies = false;
  for (const auto& each : made.front().classes) {
    const auto [least, most] = std::ranges::minmax_element(each.map.values.values());
    varies = varies || *most > *least;
  }
  EXPECT_TRUE(varies) << model.graph.node(evidence_layer(model.graph)).name;
}

std::string registry_name(const testing::TestParamInfo<const Architecture*>& info) {
  return info.param->name + (info.param->flavour == Flavour::torch ? "_torch" : "_keras");
}

INSTANTIATE_TEST_SUITE_P(Zoo, Registry, testing::ValuesIn(whole_registry()), registry_name);

}  // namespace
}  // namespace headstart
