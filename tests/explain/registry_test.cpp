// Every kind of network of the registry can be explained without naming a layer.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "headstart/explain.h"
#include "headstart/zoo.h"
#include "support/formula.h"

namespace headstart {
namespace {

// One network of each building function's family: the smallest of those whose names differ by numbers only.
std::vector<const Architecture*> family_members() {
  std::vector<const Architecture*> members;
  const auto family = [](const Architecture& each) {
    std::string name = each.name.substr(0, each.name.find_first_of("0123456789"));
    return name + (each.flavour == Flavour::torch ? "/torch" : "/keras");
  };
  for (const auto& each : architectures()) {
    const auto same = std::ranges::find_if(
        members, [&](const Architecture* member) { return family(*member) == family(each); });
    if (same == members.end()) {
      members.push_back(&each);
    } else if (each.parameters < (*same)->parameters) {
      *same = &each;
    }
  }
  return members;
}

// Large enough for two pixels in the last layer, and not more.
int size_of(const Architecture& which) {
  for (int size = std::max(which.minimum_size, 32);; size += 16) {
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
  // With parameters of no meaning nothing may speak for a class; not for all five.
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

INSTANTIATE_TEST_SUITE_P(Zoo, Registry, testing::ValuesIn(family_members()), registry_name);

}  // namespace
}  // namespace headstart
