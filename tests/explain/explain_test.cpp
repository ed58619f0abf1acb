// Maps of evidence by hand: layers found, one sigmoid unit, zeros, planted squares, names of classes.
#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/explain.h"
#include "headstart/explain_pictures.h"
#include "headstart/head.h"
#include "headstart/open_model.h"
#include "headstart/zoo.h"
#include "support/formula.h"
#include "support/tolerance.h"

namespace headstart {
namespace {

Model fresh(const std::string& name, int size, bool top = true) {
  Model model;
  model.graph = build_architecture(
      architecture(name), {.height = size, .width = size, .include_top = top, .classes = top ? 5 : 0});
  model.parameters = test::formula_parameters(model.graph);
  model.preprocessing.height = model.preprocessing.width = size;
  return model;
}

// Input (H, W, 1) -> the mean of each half -> two units, each for the light in one half; or one unit, right
// against left.
Model halves(bool one_unit) {
  Model model;
  Graph& graph = model.graph;
  graph.add("input", Input{{8, 8, 1}}, std::vector<NodeId>{});
  graph.add("pixels", Conv2D{.filters = 1, .kernel = {1, 1}, .use_bias = false}, 0);
  graph.add("flat", Flatten{}, 1);
  graph.add("scores", Dense{.units = one_unit ? 1 : 2, .use_bias = false}, 2);
  Tensor pixels({1, 1, 1, 1});
  pixels[0] = 1.0F;
  model.parameters.insert("pixels/kernel", std::move(pixels));
  const int units = one_unit ? 1 : 2;
  Tensor kernel({64, units});
  for (int i = 0; i < 64; ++i) {
    const bool right = i % 8 >= 4;
    if (one_unit) {
      kernel[i] = right ? 0.1F : -0.1F;
    } else {
      kernel[i * 2 + (right ? 1 : 0)] = 0.1F;
    }
  }
  model.parameters.insert("scores/kernel", std::move(kernel));
  model.preprocessing = with_mode({.height = 8, .width = 8, .channels = 1}, "unit");
  return model;
}

Tensor light(float value) {
  Tensor image({1, 8, 8, 1});
  std::ranges::fill(image.values(), value);
  return image;
}

float at(const HeatMap& map, int y, int x) { return map.values[y * map.values.shape()[1] + x]; }

TEST(EvidenceLayer, IsTheLastWithASpatialExtent) {
  const auto name = [](const Model& model) { return model.graph.node(evidence_layer(model.graph)).name; };
  EXPECT_EQ(name(fresh("vgg16", 64, false)), "block5_pool");
  EXPECT_EQ(name(fresh("vgg16", 32, false)), "block5_conv3") << "the last pool is one pixel here";
  EXPECT_EQ(name(fresh("mobilenet", 32)), "conv_pw_11_relu") << "not the zeros around it";
  EXPECT_EQ(name(fresh("mobilenet", 64)), "conv_pw_13_relu") << "not the 1x1 layers behind the pooling";
  EXPECT_EQ(name(fresh("vit_b_32", 64)), "encoder.layers.encoder_layer_11.ln_1");
}

TEST(EvidenceLayer, IsFoundInANestedBase) {
  const Model base = fresh("mobilenet", 64, false);
  HeadOptions head;
  head.classes = 3;
  const Model model = with_head(base, head, 0);
  EXPECT_EQ(model.graph.node(evidence_layer(model.graph)).shape, (Shape{2, 2, 1024}));
  const auto made = explain_tensor(model, test::formula_images("images", {2, 64, 64, 3}), {});
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[1].classes.front().map.values.shape(), (Shape{2, 2}));
}

TEST(EvidenceLayer, IsRefusedWithoutASpatialExtent) {
  const Model model = fresh("vgg16", 32);
  EXPECT_THROW(explain_tensor(model, light(1.0F), {.layer = "fc1"}), Error);
  EXPECT_THROW(explain_tensor(model, light(1.0F), {.layer = "block9"}), Error);
}

// HiResCAM of a linear network is exactly what each pixel adds to the logit.
TEST(Evidence, OneSigmoidUnitSpeaksForTheSecondClassAndAgainstTheFirst) {
  const Model model = halves(true);
  for (const int index : {0, 1}) {
    const auto made = explain_tensor(
        model, light(0.5F), {.method = ExplainMethod::hirescam, .layer = "pixels", .classes = {index}});
    const HeatMap& map = made.front().classes.front().map;
    EXPECT_FLOAT_EQ(at(map, 3, 1), index == 0 ? 1.0F : 0.0F);
    EXPECT_FLOAT_EQ(at(map, 3, 6), index == 1 ? 1.0F : 0.0F);
    EXPECT_NEAR(map.maximum, 0.05F, 1e-6F);
  }
}

TEST(Evidence, NothingForAClassIsAMapOfZeros) {
  const auto made = explain_tensor(halves(false), light(0.0F), {.top = 2});
  for (const auto& each : made.front().classes) {
    EXPECT_TRUE(each.map.is_zero());
    EXPECT_TRUE(std::ranges::all_of(each.map.values.values(), [](float value) { return value == 0.0F; }));
  }
}

TEST(Evidence, NotANumberIsNoEvidence) {
  Tensor map({1, 3}, std::vector<float>{NAN, -1.0F, 2.0F});
  const HeatMap made = normalized(map);
  EXPECT_EQ(made.values[0], 0.0F);
  EXPECT_EQ(made.values[1], 0.0F);
  EXPECT_EQ(made.values[2], 1.0F);
  map[1] = INFINITY;
  EXPECT_THROW(normalized(map), Error);
}

TEST(Evidence, RefusesValuesAndGradientsThatDoNotFit) {
  const auto refuses = [](ExplainMethod method, const Tensor& values, const Tensor& gradients) {
    EXPECT_THROW(layer_evidence(method, values, gradients), Error);
  };
  for (const auto method :
       {ExplainMethod::gradcam, ExplainMethod::gradcam_plus_plus, ExplainMethod::hirescam}) {
    refuses(method, Tensor({3, 3, 8}), Tensor({2, 2, 4}));
    refuses(method, Tensor({3, 3}), Tensor({3, 3}));
    refuses(method, Tensor(), Tensor());
  }
  refuses(ExplainMethod::eigencam, Tensor({3, 3}), Tensor());
  EXPECT_NO_THROW(layer_evidence(ExplainMethod::eigencam, Tensor({3, 3, 8}), Tensor()));
}

TEST(Evidence, OcclusionFindsThePlantedSquare) {
  Model model = halves(false);
  // Only the light at (2..3, 5..6) counts for class 1.
  Tensor& kernel = model.parameters.at("scores/kernel");
  std::ranges::fill(kernel.values(), 0.0F);
  for (const int pixel : {2 * 8 + 5, 2 * 8 + 6, 3 * 8 + 5, 3 * 8 + 6}) {
    kernel[pixel * 2 + 1] = 1.0F;
  }
  const auto made = explain_tensor(model, light(2.0F),
                                   {.method = ExplainMethod::occlusion, .classes = {1, 0}, .square = 2});
  const HeatMap& map = made.front().classes[0].map;
  ASSERT_EQ(map.values.shape(), (Shape{8, 8}));
  const auto largest = std::ranges::max_element(map.values.values()) - map.values.values().begin();
  EXPECT_TRUE(largest / 8 >= 2 && largest / 8 <= 3 && largest % 8 >= 5 && largest % 8 <= 6) << largest;
  EXPECT_EQ(at(map, 7, 0), 0.0F);
  EXPECT_TRUE(made.front().classes[1].map.is_zero()) << "gray takes nothing away from the other class";
}

// Every way to a map says the same of how strange a picture is as `class_table` does.
TEST(Evidence, SaysHowStrangeAPictureIs) {
  const Model base = fresh("mobilenet", 64, false);
  Model model = with_head(base, {.head = "gap,dropout:0.2,dense", .classes = 3}, 0);
  const Tensor images = test::formula_images("images", {4, 64, 64, 3});
  const FeatureSource source = feature_source(model.graph).value();
  const auto values = Predictor(model, {source.node}, Precision::f32).run(images).front();
  Acceptance acceptance =
      fit_acceptance(unit_features(values.values(), 4, source.channels), std::vector<int>{0, 1, 2, 0}, 3);
  acceptance.node = model.graph.node(source.node).name;
  acceptance.limits = {0.5, 1.0, 2.0};
  model.acceptance = acceptance;
  const auto expected =
      class_table(model, Predictor(model, nodes_for_classes(model, {}), Precision::f32, 32, true).run(images))
          .strangeness;
  for (const auto method : {ExplainMethod::gradcam, ExplainMethod::occlusion}) {
    const auto made = explain_tensor(model, images, {.method = method, .precision = Precision::f32});
    for (std::size_t i = 0; i < made.size(); ++i) {
      EXPECT_NEAR(made[i].strangeness.value(), expected[i], 1e-4F * expected[i] + 1e-4F) << to_string(method);
      EXPECT_EQ(made[i].unknown(), is_unknown(made[i].strangeness.value()));
    }
  }
  EXPECT_FALSE(explain_tensor(model, images, {.accept_all = true}).front().strangeness);
  auto known = explain_tensor(model, images, {.precision = Precision::f32});
  for (auto& each : known) {
    each.strangeness = 2.0F;
  }
  EXPECT_TRUE(evidence_by_class(known).empty()) << "what is unknown is an example of no class";
}

TEST(Evidence, EveryBatchSizeGivesTheSame) {
  const Model model = fresh("mobilenet", 32);
  const Tensor images = test::formula_images("images", {11, 32, 32, 3});
  const auto together = explain_tensor(model, images, {.precision = Precision::f32});
  ASSERT_EQ(together.size(), 11U);
  const auto values = images.values();
  const Tensor last({1, 32, 32, 3}, values.last(values.size() / 11));
  const auto alone = explain_tensor(model, last, {.precision = Precision::f32});
  EXPECT_EQ(alone.front().classes.front().ranked.index, together[10].classes.front().ranked.index);
  EXPECT_TRUE(test::all_close(alone.front().classes.front().map.values.values(),
                              together[10].classes.front().map.values.values(), {.atol = 1e-4}));
}

TEST(Classes, AreFoundByNameIdAndIndex) {
  Model model = halves(false);
  model.class_names = {"African_elephant", "tusker"};
  model.class_ids = {"n02504458", "n01871265"};
  EXPECT_EQ(find_class(model, "African_elephant"), 0);
  EXPECT_EQ(find_class(model, "n01871265"), 1);
  EXPECT_EQ(find_class(model, "1"), 1);
  for (const char* wrong : {"tuskr", "2", "-1", ""}) {
    EXPECT_THROW(find_class(model, wrong), Error) << wrong;
  }
  try {
    find_class(model, "elefant");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean African_elephant?"), std::string::npos);
  }
  EXPECT_THROW(explain_tensor(model, light(1.0F), {.classes = {2}}), Error);
}

TEST(Overlay, FollowsHowThePictureWasFitted) {
  const Preprocessing squash{.height = 10, .width = 10};
  const auto whole = fitted_window(40, 20, squash);
  EXPECT_EQ(whole.left, 0.0);
  EXPECT_EQ(whole.width, 40.0);
  const Preprocessing crop{.height = 10, .width = 10, .fit = ResizeFit::crop, .resize_to = 20};
  const auto middle = fitted_window(40, 20, crop);  // 40x20 stays, the middle 10x10 is seen
  EXPECT_EQ(middle.left, 15.0);
  EXPECT_EQ(middle.top, 5.0);
  EXPECT_EQ(middle.width, 10.0);
  const Preprocessing pad{.height = 10, .width = 10, .fit = ResizeFit::pad};
  const auto around = fitted_window(40, 20, pad);  // 10x5 in the middle of 10x10, 4 pixels of the photo each
  EXPECT_EQ(around.left, 0.0);
  EXPECT_EQ(around.height, 40.0);
  EXPECT_LE(around.top, -8.0);
}

TEST(Overlay, PaintsWhereTheMapIsAndDarkensWhatWasNotSeen) {
  Image photo{.width = 40, .height = 20, .pixels = std::vector<std::uint8_t>(40 * 20 * 3, 100)};
  HeatMap map{.values = Tensor({1, 2}, std::vector<float>{0.0F, 1.0F}), .maximum = 1.0F};
  const Preprocessing crop{.height = 10, .width = 10, .fit = ResizeFit::crop, .resize_to = 20};
  const Image over = overlaid(photo, map, fitted_window(40, 20, crop), {.colormap = "gray", .alpha = 0.5});
  const auto red = [&](int y, int x) {
    return static_cast<int>(over.pixels[static_cast<std::size_t>((y * 40 + x) * 3)]);
  };
  EXPECT_EQ(red(10, 16), 50) << "half black";
  EXPECT_EQ(red(10, 24), 178) << "half white";
  EXPECT_EQ(red(10, 5), 35) << "not seen";
  EXPECT_THROW(check_overlay({.colormap = "jett"}), Error);
  EXPECT_THROW(check_overlay({.alpha = 1.5}), Error);
}

TEST(ByClass, TellsBorderFromMiddle) {
  Tensor even({10, 10}), border({10, 10}), middle({10, 10});
  for (int y = 0; y < 10; ++y) {
    for (int x = 0; x < 10; ++x) {
      const bool edge = y == 0 || x == 0 || y == 9 || x == 9;
      even[y * 10 + x] = 1.0F;
      border[y * 10 + x] = edge ? 1.0F : 0.0F;
      middle[y * 10 + x] = edge ? 0.0F : 1.0F;
    }
  }
  EXPECT_NEAR(border_share(even), 0.36, 1e-6);
  EXPECT_NEAR(border_share(border), 1.0, 1e-6);
  EXPECT_NEAR(border_share(middle), 0.0, 1e-6);
  const auto explanation = [](int index, const Tensor& map, float maximum) {
    return Explanation{.classes = {{.ranked = {index, 1.0F}, .map = {.values = map, .maximum = maximum}}}};
  };
  const std::vector<Explanation> all{explanation(1, border, 1.0F), explanation(0, middle, 1.0F),
                                     explanation(1, border, 1.0F), explanation(1, even, 0.0F), Explanation{}};
  const auto classes = evidence_by_class(all);
  ASSERT_EQ(classes.size(), 2U);
  EXPECT_EQ(classes[1].pictures, 2) << "a map of zeros is left out";
  EXPECT_GT(classes[1].border, kBorderWarning);
  EXPECT_LT(classes[0].border, kBorderWarning);
}

}  // namespace
}  // namespace headstart
