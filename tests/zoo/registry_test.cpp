// Every network of the registry against published figures, at several sizes, with and without top.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/zoo.h"

namespace headstart {
namespace {

struct Counts {
  std::int64_t all = 0, trainable = 0;
};

Counts count(const Graph& graph) {
  Counts counts;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    for (const ParameterSpec& spec : parameter_specs(graph, static_cast<NodeId>(i))) {
      counts.all += element_count(spec.shape);
      counts.trainable += spec.trainable ? element_count(spec.shape) : 0;
    }
  }
  return counts;
}

int trainable_tensors(const Graph& graph) {
  int tensors = 0;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    for (const ParameterSpec& spec : parameter_specs(graph, static_cast<NodeId>(i))) {
      tensors += spec.trainable && graph.nodes()[i].trainable ? 1 : 0;
    }
  }
  return tensors;
}

class EveryArchitecture : public testing::TestWithParam<Architecture> {};

// Keras's Normalization counts the pictures it was adapted to in a scalar more.
Counts count_as_keras(const Graph& graph) {
  Counts counts = count(graph);
  for (const Node& node : graph.nodes()) {
    counts.all += std::holds_alternative<Normalization>(node.op) ? 1 : 0;
  }
  return counts;
}

std::int64_t published_count(const std::string& name, const ArchitectureOptions& options) {
  return count_as_keras(build_architecture(architecture(name), options)).all;
}

TEST_P(EveryArchitecture, HasThePublishedParameters) {
  const Graph graph = build_architecture(GetParam(), {});
  const Counts counts = count_as_keras(graph);
  EXPECT_EQ(GetParam().flavour == Flavour::keras ? counts.all : counts.trainable, GetParam().parameters);
  EXPECT_EQ(graph.name(), GetParam().name);
  EXPECT_EQ(graph.input_shape(), (Shape{GetParam().input_size, GetParam().input_size, GetParam().channels}));
  const std::int64_t outputs = GetParam().classes == 2 ? 1 : GetParam().classes;
  EXPECT_EQ(graph.output_shape(), Shape{outputs});
}

// Keras ends a ConvNeXt without top in a normalization of its own.
std::size_t layers_of_the_base_alone(const Architecture& row) {
  return row.flavour == Flavour::keras && row.name.starts_with("convnext") ? 1 : 0;
}

TEST_P(EveryArchitecture, TheBaseIsTheNetworkWithoutItsTop) {
  const Graph whole = build_architecture(GetParam(), {});
  const Graph base = build_architecture(GetParam(), {.include_top = false});
  ASSERT_LT(base.nodes().size(), whole.nodes().size());
  EXPECT_EQ(base.output_shape().size(), 3U);
  for (std::size_t i = 0; i < base.nodes().size() - layers_of_the_base_alone(GetParam()); ++i) {
    EXPECT_EQ(base.nodes()[i].name, whole.nodes()[i].name);
    EXPECT_EQ(base.nodes()[i].shape, whole.nodes()[i].shape);
    EXPECT_EQ(base.nodes()[i].inputs, whole.nodes()[i].inputs);
  }
}

// torchvision's VGG and AlexNet pool adaptively under their tops; here only where that is a plain pooling.
bool has_adaptive_top(const Architecture& row) {
  return row.flavour == Flavour::torch && (row.name == "alexnet" || row.name.starts_with("vgg"));
}

// Vision transformers take whole patches.
int legal_size(const Architecture& row, int size) {
  const int patch = row.name.starts_with("vit_") ? row.minimum_size : 1;
  return (std::max(size, row.minimum_size) + patch - 1) / patch * patch;
}

// Parameters that do not depend on the input size.
std::int64_t count_without_positions(const Graph& graph) {
  std::int64_t parameters = count(graph).all;
  for (const Node& node : graph.nodes()) {
    parameters -= std::holds_alternative<PositionEmbedding>(node.op) ? element_count(node.shape) : 0;
  }
  return parameters;
}

TEST_P(EveryArchitecture, TakesEveryLegalSize) {
  const Architecture& row = GetParam();
  const auto legal = [&](int size) { return legal_size(row, size); };
  const int minimum = row.minimum_size;
  const std::int64_t parameters = count_without_positions(build_architecture(row, {.include_top = false}));
  for (const int size : {minimum, minimum + 1, minimum + 2, minimum + 3, 96, 160, 193}) {
    const Graph base =
        build_architecture(row, {.height = legal(size), .width = legal(size + 7), .include_top = false});
    EXPECT_EQ(count_without_positions(base), parameters) << size;
    if (!has_adaptive_top(row)) {
      EXPECT_NO_THROW(
          build_architecture(row, {.height = legal(size + 5), .width = legal(size), .classes = 7}))
          << size;
    }
  }
  EXPECT_NO_THROW(build_architecture(GetParam(), {.channels = 1, .include_top = false}));
}

TEST(Registry, AnAdaptivePoolingThatIsNoPlainOneIsRefused) {
  const Architecture& vgg = architecture("vgg16", Flavour::torch);
  EXPECT_EQ(build_architecture(vgg, {.height = 448, .width = 448}).output_shape(), Shape{1000});
  EXPECT_THROW(build_architecture(vgg, {.height = 256, .width = 256}), Error);
}

TEST(Registry, HalfAPatchIsRefused) {
  try {
    build_architecture(architecture("vit_b_16"), {.height = 150, .width = 160});
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("such as 144"), std::string::npos) << error.what();
  }
}

TEST_P(EveryArchitecture, RefusesWhatItCannotTake) {
  const int small = GetParam().minimum_size - 1;
  try {
    build_architecture(GetParam(), {.height = 224, .width = small});
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    const std::string minimum = std::to_string(GetParam().minimum_size);
    EXPECT_NE(std::string(error.what()).find("at least " + minimum + "x" + minimum), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(build_architecture(GetParam(), {.height = -1, .width = 300}), Error);
  EXPECT_THROW(build_architecture(GetParam(), {.classes = -3}), Error);
  EXPECT_THROW(build_architecture(GetParam(), {.alpha = 0.0}), Error);
  EXPECT_THROW(build_architecture(GetParam(), {.alpha = 9.0}), Error);
  if (GetParam().alphas.empty()) {
    EXPECT_THROW(build_architecture(GetParam(), {.alpha = 0.5}), Error);
  }
}

std::string name_of(const testing::TestParamInfo<Architecture>& info) {
  return (info.param.flavour == Flavour::torch ? "torch_" : "") + info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryArchitecture, testing::ValuesIn(architectures()), name_of);

TEST(Registry, NamesAreUnique) {
  std::set<std::pair<std::string, Flavour>> names;
  for (const Architecture& candidate : architectures()) {
    EXPECT_TRUE(names.insert({candidate.name, candidate.flavour}).second) << candidate.name;
  }
}

TEST(Registry, TheFlavourChoosesBetweenNetworksOfOneName) {
  EXPECT_EQ(architecture("resnet50").parameters, 25'636'712);
  EXPECT_EQ(architecture("ResNet-50").name, "resnet50");
  EXPECT_TRUE(is_zoo_name("InceptionResNetV2"));
  EXPECT_FALSE(is_zoo_name("resnet51"));
  EXPECT_EQ(architecture("resnet50", Flavour::keras).parameters, 25'636'712);
  EXPECT_EQ(architecture("resnet50", Flavour::torch).parameters, 25'557'032);
  EXPECT_EQ(architecture("resnet18", Flavour::keras).flavour, Flavour::torch);
  EXPECT_EQ(architecture("xception", Flavour::torch).flavour, Flavour::keras);
}

TEST(Registry, OffersNearNames) {
  try {
    architecture("mobilnet_v2");
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("mobilenet_v2"), std::string::npos) << error.what();
  }
}

TEST(Registry, PublishedCountsWithoutTop) {
  EXPECT_EQ(published_count("vgg16", {.include_top = false}), 14'714'688);
  EXPECT_EQ(published_count("vgg19", {.include_top = false}), 20'024'384);
  EXPECT_EQ(published_count("mobilenet", {.include_top = false}), 3'228'864);
  EXPECT_EQ(published_count("mobilenet_v2", {.include_top = false}), 2'257'984);
  EXPECT_EQ(published_count("resnet50", {.include_top = false}), 23'587'712);
  EXPECT_EQ(published_count("resnet152_v2", {.include_top = false}), 58'331'648);
  EXPECT_EQ(published_count("inception_v3", {.include_top = false}), 21'802'784);
  EXPECT_EQ(published_count("inception_resnet_v2", {.include_top = false}), 54'336'736);
  EXPECT_EQ(published_count("xception", {.include_top = false}), 20'861'480);
  EXPECT_EQ(published_count("densenet121", {.include_top = false}), 7'037'504);
  EXPECT_EQ(published_count("densenet169", {.include_top = false}), 12'642'880);
  EXPECT_EQ(published_count("densenet201", {.include_top = false}), 18'321'984);
  EXPECT_EQ(published_count("nasnet_mobile", {.include_top = false}), 4'269'716);
  EXPECT_EQ(published_count("nasnet_large", {.include_top = false}), 84'916'818);
  EXPECT_EQ(published_count("convnext_tiny", {.include_top = false}), 27'820'128);
}

TEST(Registry, PublishedCountsOfTheEfficientNetsWithoutTop) {
  EXPECT_EQ(published_count("efficientnet_b0", {.include_top = false}), 4'049'571);
  EXPECT_EQ(published_count("efficientnet_b1", {.include_top = false}), 6'575'239);
  EXPECT_EQ(published_count("efficientnet_b2", {.include_top = false}), 7'768'569);
  EXPECT_EQ(published_count("efficientnet_b3", {.include_top = false}), 10'783'535);
  EXPECT_EQ(published_count("efficientnet_b4", {.include_top = false}), 17'673'823);
  EXPECT_EQ(published_count("efficientnet_b5", {.include_top = false}), 28'513'527);
  EXPECT_EQ(published_count("efficientnet_b6", {.include_top = false}), 40'960'143);
  EXPECT_EQ(published_count("efficientnet_b7", {.include_top = false}), 64'097'687);
}

// Keras's own figures of its other widths.
TEST(Registry, PublishedCountsOfTheMobileNetWidths) {
  EXPECT_EQ(published_count("mobilenet", {.alpha = 0.25}), 475'544);
  EXPECT_EQ(published_count("mobilenet", {.alpha = 0.50}), 1'342'536);
  EXPECT_EQ(published_count("mobilenet", {.alpha = 0.75}), 2'601'976);
  EXPECT_EQ(published_count("mobilenet_v2", {.alpha = 0.35}), 1'691'208);
  EXPECT_EQ(published_count("mobilenet_v2", {.alpha = 0.50}), 1'987'224);
  EXPECT_EQ(published_count("mobilenet_v2", {.alpha = 0.75}), 2'663'064);
  EXPECT_EQ(published_count("mobilenet_v2", {.alpha = 1.4}), 6'156'712);
}

// Course notes 002.
TEST(Registry, Vgg16BaseWithADenseHead) {
  Graph graph("classifier");
  NodeId x = graph.add("input_1", Input{{150, 150, 3}}, std::vector<NodeId>{});
  x = graph.nest(
      build_architecture(architecture("vgg16"), {.height = 150, .width = 150, .include_top = false}), x);
  EXPECT_EQ(graph.output_shape(), (Shape{4, 4, 512}));
  x = graph.add("flatten", Flatten{}, x);
  x = graph.add("dense", Dense{.units = 256, .activation = {Activation::Kind::relu}}, x);
  graph.add("dense_1", Dense{.units = 1, .activation = {Activation::Kind::sigmoid}}, x);
  EXPECT_EQ(count(graph).all, 16'812'353);
  EXPECT_EQ(trainable_tensors(graph), 30);
  graph.set_trainable_under("vgg16", false);
  EXPECT_EQ(trainable_tensors(graph), 4);
  graph.set_trainable_from("block5_conv1");
  EXPECT_EQ(trainable_tensors(graph), 10);
}

// PyTorch's ceil mode: sizes of the four feature maps as torchvision 0.14 computes them for 224 and 161
// pixels.
TEST(Registry, SqueezeNetPoolsInCeilMode) {
  const auto height = [](int size, const char* layer) {
    const Graph graph = build_architecture(architecture("squeezenet1_0"), {.height = size, .width = size});
    return graph.node(graph.require(layer)).shape[0];
  };
  EXPECT_EQ(height(224, "features.2"), 54);
  EXPECT_EQ(height(224, "features.6"), 27);
  EXPECT_EQ(height(224, "features.11"), 13);
  EXPECT_EQ(height(161, "features.2"), 39);
  EXPECT_EQ(height(161, "features.6"), 19);
  EXPECT_EQ(height(161, "features.11"), 9);
}

TEST(Registry, FineTuningNamesOfTheFamilies) {
  Graph mobilenet = build_architecture(architecture("mobilenet_v2"), {});
  mobilenet.set_trainable_from("block_16_expand");
  EXPECT_FALSE(mobilenet.node(mobilenet.require("block_15_add")).trainable);
  Graph efficientnet = build_architecture(architecture("efficientnet_b0"), {});
  efficientnet.set_trainable_from("block7a_expand_conv");
  EXPECT_FALSE(efficientnet.node(efficientnet.require("block6d_add")).trainable);
  EXPECT_TRUE(efficientnet.node(efficientnet.require("top_conv")).trainable);
  Graph convnext = build_architecture(architecture("convnext_tiny"), {});
  convnext.set_trainable_from("convnext_tiny_downsampling_block_2");
  EXPECT_FALSE(convnext.node(convnext.require("convnext_tiny_stage_2_block_8_layer_scale")).trainable);
  EXPECT_TRUE(convnext.node(convnext.require("convnext_tiny_downsampling_conv_2")).trainable);
  Graph resnet = build_architecture(architecture("resnet20_cifar"), {});
  resnet.set_trainable_from("layer3");
  EXPECT_FALSE(resnet.node(resnet.require("layer2.2")).trainable);
  EXPECT_TRUE(resnet.node(resnet.require("layer3.0.conv1")).trainable);
  Graph squeezenet = build_architecture(architecture("squeezenet1_1"), {});
  squeezenet.set_trainable_from("features.12");
  EXPECT_TRUE(squeezenet.node(squeezenet.require("features.12.squeeze")).trainable);
  EXPECT_FALSE(squeezenet.node(squeezenet.require("features.11")).trainable);
}

// Everything before a module of torchvision's name is frozen, it and what follows is trained.
TEST(Registry, FineTuningFromTorchvisionsModules) {
  struct Case {
    const char *network, *from, *last_frozen, *first_trained;
  };
  constexpr Case kCases[] = {{"resnet50", "layer4", "layer3.5", "layer4.0.conv1"},
                             {"vgg16_bn", "features.34", "features.33", "features.34"},
                             {"densenet121", "features.denseblock4", "features.transition3.pool",
                              "features.denseblock4.denselayer1.norm1"},
                             {"inception_v3", "Mixed_7b", "Mixed_7a", "Mixed_7b.branch1x1.conv"},
                             {"mnasnet1_0", "layers.12", "layers.11.1.layers.7", "layers.12.0.layers.0"},
                             {"shufflenet_v2_x1_0", "stage4", "stage3.7", "stage4.0.branch1.0"},
                             {"convnext_tiny", "features.7", "features.6.1", "features.7.0.block.0"},
                             {"efficientnet_b0", "features.7", "features.6.3", "features.7.0.block.0.0"},
                             {"swin_t", "features.7", "features.6.reduction", "features.7.0.norm1"},
                             {"vit_b_16", "encoder.layers.encoder_layer_1", "encoder.layers.encoder_layer_0",
                              "encoder.layers.encoder_layer_1.ln_1"},
                             {"vit_tiny_patch16_224", "blocks.11", "blocks.10", "blocks.11.norm1"}};
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.network);
    Graph graph = build_architecture(architecture(each.network, Flavour::torch), {});
    graph.set_trainable_from(each.from);
    const NodeId first = graph.require(each.first_trained);
    EXPECT_TRUE(graph.node(first).trainable);
    EXPECT_FALSE(graph.node(first - 1).trainable);
    EXPECT_FALSE(graph.node(graph.require(each.last_frozen)).trainable);
    EXPECT_TRUE(graph.node(graph.output()).trainable);
  }
}

}  // namespace
}  // namespace headstart
