// Inside a network: kernels, feature maps, what excites a filter, neighbours, gradients by layer.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "explain/before_activation.h"
#include "headstart/error.h"
#include "headstart/evaluate.h"
#include "headstart/explain_network.h"
#include "headstart/explain_pictures.h"
#include "headstart/zoo.h"
#include "support/formula.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

Model network(const std::string& name, int size, int classes) {
  Model model;
  const auto& which = architecture(name);
  model.graph = build_architecture(which, {.height = size, .width = size, .classes = classes});
  model.parameters = test::formula_parameters(model.graph);
  model.preprocessing = default_preprocessing(which, model.graph);
  return model;
}

Image plain(std::uint8_t red, std::uint8_t blue) {
  Image image{.width = 40, .height = 30, .pixels = {}};
  for (int i = 0; i < 40 * 30; ++i) {
    image.pixels.insert(image.pixels.end(), {red, static_cast<std::uint8_t>(i % 50), blue});
  }
  return image;
}

TEST(Filters, AreInColourWhereTheyReadThePicture) {
  Model model = network("vgg16", 32, 3);
  Tensor& kernel = model.parameters.at("block1_conv1/kernel");
  std::ranges::fill(kernel.values(), 0.0F);
  kernel[0] = 2.0F;  // top left, first channel: blue, for this network reads BGR
  const auto made = filter_pictures(model, "", 5);
  EXPECT_EQ(made.layer, "block1_conv1");
  EXPECT_EQ(made.all, 64);
  ASSERT_EQ(made.filters.size(), 5U);
  const auto& pixels = made.filters.front().pixels;
  EXPECT_EQ(made.filters.front().width, 3);
  EXPECT_EQ(pixels[0], 128) << "zero is medium gray";
  EXPECT_EQ(pixels[2], 255);
  EXPECT_EQ(filter_pictures(model, "block2_conv1", 2).filters.front().width, 8 * 3 + 7)
      << "eight input channels";
  EXPECT_THROW(filter_pictures(model, "fc1", 5), Error);
  EXPECT_THROW(filter_pictures(network("mobilenet", 32, 3), "conv_pw_1", 5), Error) << "1x1";
}

TEST(Activations, AreStretchedAndComeFromEachResolution) {
  const Model model = network("mobilenet", 64, 3);
  const auto layers = feature_maps(model, plain(200, 10), {}, 4);
  ASSERT_EQ(layers.size(), 5U);
  EXPECT_EQ(layers.back().layer, "conv_pw_13_relu");
  for (const auto& layer : layers) {
    ASSERT_EQ(layer.maps.size(), 4U);
    for (const auto& map : layer.maps) {
      const auto [least, most] = std::ranges::minmax_element(map.values());
      EXPECT_GE(*least, 0.0F);
      EXPECT_LE(*most, 1.0F);
    }
  }
  EXPECT_EQ(feature_maps(model, plain(200, 10), {"conv1"}, 4).front().shape, (Shape{32, 32, 32}));
  EXPECT_THROW(feature_maps(model, plain(200, 10), {"conv_preds"}, 4), Error);
}

// How much neighbours differ, beside how much the values differ from their mean; of noise sqrt(2).
double roughness(const Image& image) {
  double mean = 0.0, differences = 0.0, deviations = 0.0;
  for (const auto byte : image.pixels) {
    mean += byte / static_cast<double>(image.pixels.size());
  }
  for (std::size_t i = 0; i + 3 < image.pixels.size(); ++i) {
    differences += std::abs(image.pixels[i + 3] - image.pixels[i]);
    deviations += std::abs(image.pixels[i] - mean);
  }
  return differences / deviations;
}

TEST(Maximize, DrawsShapesRatherThanNoise) {
  const Model model = network("mobilenet", 64, 3);
  Progress silent;
  const auto made = maximize(model, {.units = {0, 1}, .classes = true, .steps = 20}, silent);
  for (const auto& each : made) {
    EXPECT_LT(roughness(each.picture), 1.0) << each.unit;
  }
}

TEST(Maximize, FindsWhatTurnsARectifierOn) {
  Model model;
  Graph graph;
  NodeId x = graph.add("in", Input{{32, 32, 3}}, std::vector<NodeId>{});
  x = graph.add("conv", Conv2D{.filters = 1, .activation = {Activation::Kind::relu}}, x);
  graph.add("relu", ActivationLayer{{Activation::Kind::relu}}, x);
  model.graph = graph;
  model.parameters = test::formula_parameters(graph);
  std::ranges::fill(model.parameters.at("conv/kernel").values(), 1.0F);
  model.parameters.at("conv/bias")[0] = -3 * 150.0F;  // off at medium gray
  model.preprocessing.height = model.preprocessing.width = 32;
  Progress silent;
  for (const char* layer : {"conv", "relu"}) {
    const auto made = maximize(model, {.layer = layer, .units = {0}, .steps = 20}, silent);
    EXPECT_LT(made.front().before, 0.0F) << layer;
    EXPECT_GT(made.front().after, 0.0F) << layer;
  }
}

// A filter that is off at medium gray, then what passes its values on.
Model pooled_rectifier(const Graph& layers) {
  Model model;
  model.graph = layers;
  model.parameters = test::formula_parameters(layers);
  std::ranges::fill(model.parameters.at("conv/kernel").values(), 1.0F);
  model.parameters.at("conv/bias")[0] = -3 * 150.0F;
  model.preprocessing.height = model.preprocessing.width = 32;
  return model;
}

TEST(Maximize, FindsWhatTurnsARectifierOnThatIsPooled) {
  Graph graph;
  NodeId x = graph.add("in", Input{{32, 32, 3}}, std::vector<NodeId>{});
  const NodeId conv = graph.add("conv", Conv2D{.filters = 1}, x);
  x = graph.add("relu", ActivationLayer{{Activation::Kind::relu}}, conv);
  x = graph.add("pool", MaxPooling2D{.pool = {2, 2}, .strides = {2, 2}}, x);
  x = graph.add("joined", Concatenate{}, {x, x});
  graph.add("mean", GlobalAveragePooling2D{}, x);
  const Model model = pooled_rectifier(graph);
  Progress silent;
  for (const char* layer : {"pool", "joined", "mean"}) {
    const auto made = maximize(model, {.layer = layer, .units = {0}, .steps = 20}, silent);
    EXPECT_LT(made.front().before, 0.0F) << layer;
    EXPECT_GT(made.front().after, 0.0F) << layer;
    EXPECT_FALSE(made.front().stuck) << layer;
  }
}

TEST(Maximize, SaysThatNoGradientReachesThePicture) {
  Graph graph;
  NodeId x = graph.add("in", Input{{32, 32, 3}}, std::vector<NodeId>{});
  x = graph.add("conv", Conv2D{.filters = 1, .activation = {Activation::Kind::relu}}, x);
  graph.add("next", Conv2D{.filters = 1}, x);
  const Model model = pooled_rectifier(graph);
  Progress silent;
  const auto made = maximize(model, {.layer = "next", .units = {0}, .steps = 5}, silent);
  EXPECT_TRUE(made.front().stuck);
  EXPECT_EQ(made.front().after, made.front().before);
}

TEST(Maximize, LeavesAnActivationThatOthersRead) {
  Graph graph;
  NodeId x = graph.add("in", Input{{32, 32, 3}}, std::vector<NodeId>{});
  x = graph.add("conv", Conv2D{.filters = 1, .activation = {Activation::Kind::relu}}, x);
  const NodeId next = graph.add("next", Conv2D{.filters = 1}, x);
  graph.add("joined", Concatenate{}, {x, next});
  const Graph part = before_activation(graph, 3);
  EXPECT_EQ(activation_of(part.node(1).op)->kind, Activation::Kind::relu);
  EXPECT_EQ(activation_of(before_activation(graph, 1).node(1).op)->kind, Activation::Kind::linear);
}

TEST(Maximize, IncreasesAFilterAndAClassAndRepeats) {
  const Model model = network("mobilenet", 32, 3);
  Progress silent;
  const MaximizeOptions filters{.layer = "conv_pw_2_bn", .units = {0, 3}, .steps = 20, .seed = 1};
  const auto made = maximize(model, filters, silent);
  ASSERT_EQ(made.size(), 2U);
  for (const auto& each : made) {
    EXPECT_GT(each.after, each.before) << each.unit;
    EXPECT_EQ(each.picture.width, 32);
  }
  EXPECT_EQ(made[1].unit, 3);
  EXPECT_EQ(maximize(model, filters, silent)[1].picture.pixels, made[1].picture.pixels);
  MaximizeOptions other = filters;
  other.seed = 2;
  EXPECT_NE(maximize(model, other, silent)[1].picture.pixels, made[1].picture.pixels);

  const auto classes = maximize(model, {.units = {2}, .classes = true, .steps = 30}, silent);
  EXPECT_GT(classes.front().after, classes.front().before);
  EXPECT_THROW(maximize(model, {.layer = "conv1", .units = {32}}, silent), Error);
  EXPECT_THROW(maximize(model, {.layer = model.graph.node(0).name}, silent), Error);
}

class WithPhotos : public testing::Test {
 protected:
  WithPhotos() {
    for (int i = 0; i < 3; ++i) {
      write("red", i, plain(static_cast<std::uint8_t>(200 + 10 * i), 10));
      write("blue", i, plain(10, static_cast<std::uint8_t>(200 + 10 * i)));
    }
  }

  void write(const std::string& label, int index, const Image& image) const {
    std::filesystem::create_directories(folder_ / label);
    write_png(image, photo(label, index));
  }
  std::string photo(const std::string& label, int index) const {
    return folder_ / (label + "/" + std::to_string(index) + ".png");
  }

  test::TemporaryFolder folder_;
};

TEST_F(WithPhotos, NeighboursAreThoseOfTheSameColour) {
  const Model model = network("mobilenet", 32, 2);
  Progress silent;
  const auto found =
      nearest_photos(model, photo("red", 1), read_dataset(folder_.path().string()).train, "", 3, {}, silent);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found.front().path, photo("red", 1));
  EXPECT_NEAR(found.front().similarity, 1.0F, 1e-4F);
  for (const auto& each : found) {
    EXPECT_EQ(each.label, "red") << each.path;
  }
}

TEST_F(WithPhotos, GradientsVanishBelowALayerOfZeros) {
  Model model = network("cnn_150", 46, 2);
  const Dataset dataset = read_dataset(folder_.path().string()).train;
  const auto before = layer_gradients(model, dataset, 6, 0.1);
  EXPECT_EQ(before.images, 6);
  ASSERT_EQ(before.layers.size(), 6U);
  for (const auto& row : before.layers) {
    EXPECT_GT(row.gradient, 0.0) << row.layer;
    EXPECT_NEAR(row.update, 0.1 * row.gradient / row.weights, 1e-9) << row.layer;
  }
  const auto name = before.layers.back().layer;
  std::ranges::fill(model.parameters.at(name + "/kernel").values(), 0.0F);
  const auto after = layer_gradients(model, dataset, 6, 0.1);
  EXPECT_EQ(after.layers.front().gradient, 0.0);
  EXPECT_GT(after.layers.back().gradient, 0.0);
  const Image chart = gradient_chart(after);
  EXPECT_GT(chart.height, 6 * 10);
}

TEST_F(WithPhotos, GradientsAreOfTheNetworkAsItPredicts) {
  Model model = network("cnn_150_dropout", 46, 2);
  model.class_names = {"red", "blue"};  // in another order than the data's
  Dataset dataset = read_dataset(folder_.path().string()).train;
  Progress silent;
  const auto loss = evaluate(model, dataset, {.precision = Precision::f32}, silent).evaluation.loss;
  const auto images = static_cast<int>(dataset.samples.size());
  EXPECT_NEAR(layer_gradients(model, dataset, images, 0.1).loss, loss, 1e-5);
  model.class_names = {"red", "green"};
  EXPECT_THROW(layer_gradients(model, dataset, images, 0.1), Error);
  model.class_names = {"warm", "green"};  // none of the names: by place
  EXPECT_EQ(layer_gradients(model, dataset, images, 0.1).images, images);
  dataset.samples.push_back({.path = (folder_.path() / "gone.png").string(), .label = 0, .group = ""});
  const auto without = layer_gradients(model, dataset, images + 1, 0.1);
  EXPECT_EQ(without.images, images);
  ASSERT_EQ(without.unreadable.size(), 1U);
  EXPECT_NE(without.unreadable.front().find("gone.png"), std::string::npos);
}

TEST(Sheets, OfNarrowAndWidePhotosCanBeDrawn) {
  Explanation explanation{.path = "long.png"};
  for (int i = 0; i < 5; ++i) {
    explanation.classes.push_back({.ranked = {i, 0.2F}, .map = {.values = Tensor({2, 2}), .maximum = 1.0F}});
    explanation.ranking.push_back({i, 0.2F});
  }
  const SheetText text{.labels = {"a", "b", "c", "d", "e"}, .method = "gradcam"};
  for (const auto& [width, height] : {std::pair{6000, 40}, {1, 3000}}) {
    const Image photo{.width = width,
                      .height = height,
                      .pixels = std::vector<std::uint8_t>(static_cast<std::size_t>(width) *
                                                          static_cast<std::size_t>(height) * 3)};
    const Image sheet = explanation_sheet(photo, explanation, text, {.height = 32, .width = 32}, {});
    EXPECT_LE(sheet.width, 32767);
    EXPECT_LE(sheet.height, 32767);
  }
}

TEST(Sheets, FitWhatTheyAreGiven) {
  const std::vector<CaptionedPicture> cells{
      {plain(1, 2), "a class whose name is far too long for its picture"},
      {plain(3, 4), "\xff\xfe"},
      {plain(5, 6), ""}};
  const Image sheet = contact_sheet(cells, 2, 64, "title");
  EXPECT_GE(sheet.width, 2 * 64);
  EXPECT_GE(sheet.height, 2 * 64);
  EXPECT_THROW(contact_sheet({}, 2, 64), Error);
  const std::span<const CaptionedPicture> one(cells.data(), 1);
  EXPECT_NE(contact_sheet(one, 2, 64, "What is said of a single picture: this").pixels,
            contact_sheet(one, 2, 64, "What is said of a single picture: that").pixels);
  const std::vector<Image> two{sheet, plain(1, 1)};
  EXPECT_EQ(stacked(two).height, sheet.height + 30);
}

}  // namespace
}  // namespace headstart
