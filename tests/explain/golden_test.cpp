// Maps of evidence against an independent computation in PyTorch: a VGG, a ResNet, a DenseNet and vision
// transformers with parameters by the formula.
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "headstart/explain.h"
#include "headstart/zoo.h"
#include "support/formula.h"
#include "support/paths.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

using nlohmann::json;

// Values from 0 to 1 after sums over up to 2048 channels in f32; a gradient of cancelling terms keeps fewer
// digits than its terms.
constexpr double kTolerance = 1e-4;

std::vector<json> cases() {
  std::ifstream file(test::data_path("torch/torchvision_maps.json"));
  return json::parse(file).at("cases").get<std::vector<json>>();
}

std::string case_name(const testing::TestParamInfo<json>& info) {
  return info.param.at("network").get<std::string>();
}

class PytorchMaps : public testing::TestWithParam<json> {
 protected:
  PytorchMaps() {
    const json& golden = GetParam();
    const int size = golden.at("size").get<int>();
    model_.graph =
        build_architecture(architecture(golden.at("network").get<std::string>(), Flavour::torch),
                           {.height = size, .width = size, .classes = golden.at("classes").get<int>()});
    model_.parameters = test::formula_parameters(model_.graph);
    images_ = test::formula_images("images", {golden.at("batch").get<int>(), size, size, 3});
  }

  void expect_map(const HeatMap& map, const json& expected, const std::string& what) const {
    const auto values = expected.get<std::vector<float>>();
    EXPECT_TRUE(test::all_close(map.values.values(), values, {.atol = kTolerance})) << what;
  }

  Model model_;
  Tensor images_;
};

TEST_P(PytorchMaps, EqualPyTorchAtTheLayerThatIsFoundByItself) {
  const json& images = GetParam().at("images");
  std::vector<int> classes;
  for (const json& golden : images) {
    classes.push_back(golden.at("class").get<int>());
  }
  for (const auto* name : {"gradcam", "gradcam++", "hirescam", "eigencam"}) {
    const auto made = explain_tensor(
        model_, images_,
        {.method = explain_method_from(name), .classes = classes, .precision = Precision::f32});
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto image = images[i].at("image").get<std::size_t>();
      const auto what =
          std::string(name) + ", image " + std::to_string(image) + ", class " + images[i].at("class").dump();
      ASSERT_EQ(made.at(image).classes.size(), classes.size());
      EXPECT_EQ(made[image].classes[i].ranked.index, classes[i]);
      expect_map(made[image].classes[i].map, images[i].at("maps").at(name), what);
    }
  }
}

TEST_P(PytorchMaps, AsksAboutTheMostProbableClassesByItself) {
  const auto made = explain_tensor(model_, images_, {.top = 2, .precision = Precision::f32});
  for (const json& golden : GetParam().at("images")) {
    const auto& explanation = made.at(golden.at("image").get<std::size_t>());
    ASSERT_EQ(explanation.classes.size(), 2U);
    EXPECT_EQ(explanation.classes[0].ranked.index, explanation.ranking[0].index);
    EXPECT_EQ(explanation.classes[1].ranked.index, explanation.ranking[1].index);
    for (const auto& each : explanation.classes) {
      if (each.ranked.index == golden.at("class").get<int>()) {
        expect_map(each.map, golden.at("maps").at("gradcam"), golden.at("class").dump());
      }
    }
  }
}

TEST_P(PytorchMaps, RolloutEqualsPyTorch) {
  const auto roll_out = [&] {
    return explain_tensor(model_, images_, {.method = ExplainMethod::rollout, .precision = Precision::f32});
  };
  if (!GetParam().contains("rollout")) {
    EXPECT_THROW(roll_out(), std::runtime_error);
    return;
  }
  const auto made = roll_out();
  for (std::size_t i = 0; i < made.size(); ++i) {
    expect_map(made[i].classes.front().map, GetParam().at("rollout").at(i), std::to_string(i));
  }
}

INSTANTIATE_TEST_SUITE_P(Torchvision, PytorchMaps, testing::ValuesIn(cases()), case_name);

}  // namespace
}  // namespace headstart
