// Graphs as JSON: every op comes back as it was, and hostile text is an Error.
#include "graph/serialize.h"

#include <cstdint>
#include <functional>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/random.h"
#include "headstart/error.h"
#include "support/graph_equality.h"

namespace headstart {
namespace {

using Json = nlohmann::json;
using test::expect_equal;

// Every op with values that are not its defaults.
Graph every_op() {
  Graph graph("every \"op\"");
  NodeId x = graph.add("input", Input{{12, 13, 4}}, std::vector<NodeId>{});
  x = graph.add("rescaling", Rescaling{.scale = {1.0F / 255.0F}, .offset = {-0.1F, 0.0F, 0.1F, 0.2F}}, x);
  x = graph.add(
      "pad",
      ZeroPadding2D{.top = 1, .bottom = 2, .left = 3, .right = 4, .channels_before = 1, .channels_after = 3},
      x);
  x = graph.add(
      "conv",
      Conv2D{.filters = 6,
             .kernel = {3, 2},
             .strides = {1, 2},
             .dilation = {2, 1},
             .padding = {.kind = Padding::Kind::explicit_, .top = 1, .bottom = 2, .left = 3, .right = 4},
             .groups = 2,
             .use_bias = false,
             .activation = {Activation::Kind::leaky_relu, 0.3F}},
      x);
  x = graph.add("bn",
                BatchNormalization{.epsilon = 1.001e-5F,
                                   .momentum = 0.9F,
                                   .scale = false,
                                   .renorm = true,
                                   .renorm_scale = 2.5F,
                                   .renorm_shift = 1.5F},
                x);
  x = graph.add("transposed",
                Conv2DTranspose{.filters = 6,
                                .kernel = {3, 2},
                                .strides = {2, 1},
                                .padding = {.kind = Padding::Kind::explicit_, .top = 1, .bottom = -1}},
                x);
  x = graph.add("depthwise",
                DepthwiseConv2D{.kernel = {3, 3},
                                .padding = Padding::same(),
                                .depth_multiplier = 2,
                                .use_bias = false,
                                .activation = {Activation::Kind::hard_swish}},
                x);
  x = graph.add(
      "separable",
      SeparableConv2D{.filters = 8, .kernel = {3, 3}, .padding = Padding::same(), .depth_multiplier = 3}, x);
  x = graph.add("max", MaxPooling2D{.pool = {2, 3}, .strides = {2, 1}, .padding = Padding::symmetric(1)}, x);
  x = graph.add("average",
                AveragePooling2D{.pool = {2, 2}, .padding = Padding::same(), .count_padding = true}, x);
  const NodeId gate = graph.add("gap", GlobalAveragePooling2D{.keep_dims = true}, x);
  x = graph.add("multiply", Multiply{}, std::vector<NodeId>{x, gate});
  const NodeId elu = graph.add("elu", ActivationLayer{{Activation::Kind::elu, 1.5F}}, x);
  x = graph.add("sum", Add{}, std::vector<NodeId>{x, elu, elu});
  x = graph.add("concatenate", Concatenate{}, std::vector<NodeId>{x, elu});
  const NodeId maximum = graph.add("gmp", GlobalMaxPooling2D{}, x);
  graph.add("reshape", Reshape{{4, 4}}, maximum);
  x = graph.add("flatten", Flatten{}, x);
  x = graph.add("slice", ChannelSlice{.begin = 3, .count = 24}, x);
  x = graph.add("rows", Reshape{{2, 12}}, x);
  x = graph.add("shuffle", ChannelShuffle{.groups = 3}, x);
  x = graph.add("attention", SelfAttention{.heads = 2}, x);
  x = graph.add("token", ClassToken{}, x);
  x = graph.add("position", PositionEmbedding{}, x);
  graph.add("windows", WindowAttention{.window = 2, .shift = {1, 0}},
            graph.add("image", Reshape{{2, 2, 3}}, x));
  x = graph.add("reshape_2", Reshape{{2, 3, 2}}, x);
  x = graph.add("groups", GroupNormalization{.groups = 2, .epsilon = 1e-5F, .center = false}, x);
  x = graph.add("lrn", LocalResponseNormalization{.size = 3, .alpha = 2.0F, .beta = 0.5F, .k = 2.0F}, x);
  x = graph.add("up", UpSampling2D{.size = {1, 2}, .interpolation = UpSampling2D::Interpolation::bilinear},
                x);
  x = graph.add("crop", Cropping2D{.top = 1, .right = 2}, x);
  x = graph.add("dropout", Dropout{.rate = 0.3F, .granularity = Dropout::Granularity::sample}, x);
  x = graph.add("layer_norm", LayerNormalization{.epsilon = 1e-6F, .scale = false, .center = false}, x);
  x = graph.add("scale", Scale{.initial = 1e-6F}, x);
  x = graph.add("normalization", Normalization{}, x);
  x = graph.add("dense", Dense{.units = 3, .use_bias = false, .activation = {Activation::Kind::softmax}}, x);
  graph.set_trainable(3, false);
  graph.set_trainable(7, false);
  return graph;
}

TEST(Serialize, EveryOpRoundTrips) {
  const Graph graph = every_op();
  expect_equal(graph, graph_from_json(graph_to_json(graph)));
}

TEST(Serialize, ScopesAndOutputRoundTrip) {
  Graph inner = every_op();
  inner.rename("inner");
  inner.set_output(8);
  Graph graph("outer");
  const NodeId input = graph.add("input_1", Input{{12, 13, 4}}, std::vector<NodeId>{});
  graph.nest(inner, input);
  const Graph again = graph_from_json(graph_to_json(graph));
  expect_equal(graph, again);
  EXPECT_EQ(again.output(), 8);
  EXPECT_EQ(again.scopes().at(0).name, "inner");
}

struct Damage {
  const char* what;
  std::function<void(Json&)> apply;
};

TEST(Serialize, WhatWouldNotHaveBeenWrittenIsAnError) {
  const std::vector<Damage> damages{
      {"unknown key", [](Json& json) { json["extra"] = 1; }},
      {"unknown node key", [](Json& json) { json["nodes"][3]["extra"] = 1; }},
      {"unknown config key", [](Json& json) { json["nodes"][3]["config"]["extra"] = 1; }},
      {"missing key", [](Json& json) { json["nodes"][3]["config"].erase("filters"); }},
      {"unknown op", [](Json& json) { json["nodes"][3]["op"] = "Conv3D"; }},
      {"unknown activation", [](Json& json) { json["nodes"][3]["config"]["activation"]["kind"] = "magic"; }},
      {"wrong type", [](Json& json) { json["nodes"][3]["config"]["filters"] = "many"; }},
      {"fraction", [](Json& json) { json["nodes"][3]["config"]["filters"] = 1.5; }},
      {"huge", [](Json& json) { json["nodes"][3]["config"]["filters"] = std::uint64_t{1} << 63; }},
      {"large kernel",
       [](Json& json) {
         json["nodes"][3]["config"]["kernel"] = {2147483647, 2147483647};
       }},
      {"large dilation",
       [](Json& json) {
         json["nodes"][3]["config"]["dilation"] = {2147483647, 2147483647};
       }},
      {"negative padding",
       [](Json& json) {
         json["nodes"][3]["config"]["padding"] = {-5, 0, 0, 0};
       }},
      {"zero stride",
       [](Json& json) {
         json["nodes"][3]["config"]["strides"] = {0, 0};
       }},
      {"later input", [](Json& json) { json["nodes"][3]["inputs"] = {9}; }},
      {"itself as input", [](Json& json) { json["nodes"][3]["inputs"] = {3}; }},
      {"negative input", [](Json& json) { json["nodes"][3]["inputs"] = {-1}; }},
      {"no inputs", [](Json& json) { json["nodes"][3]["inputs"] = Json::array(); }},
      {"name twice", [](Json& json) { json["nodes"][3]["name"] = "input"; }},
      {"huge input",
       [](Json& json) {
         json["nodes"][0]["config"]["shape"] = {2147483647, 2147483647, 2147483647};
       }},
      {"zero extent",
       [](Json& json) {
         json["nodes"][0]["config"]["shape"] = {0, 12, 3};
       }},
      {"null number", [](Json& json) { json["nodes"][1]["config"]["scale"] = nullptr; }},
      {"number beyond float", [](Json& json) { json["nodes"][1]["config"]["scale"] = 1e300; }},
      {"output", [](Json& json) { json["output"] = 99; }},
      {"scope",
       [](Json& json) {
         json["scopes"] = Json::array({{{"name", ""}, {"type", "x"}}});
       }},
      {"no nodes", [](Json& json) { json["nodes"] = Json::array(); }},
      {"nodes as object", [](Json& json) { json["nodes"] = Json::object(); }},
      {"a list", [](Json& json) { json = Json::array(); }},
  };
  const Json good = Json::parse(graph_to_json(every_op()));
  EXPECT_NO_THROW(graph_from_json(good.dump()));
  for (const Damage& damage : damages) {
    Json bad = good;
    damage.apply(bad);
    EXPECT_THROW(graph_from_json(bad.dump()), Error) << damage.what;
  }
}

TEST(Serialize, DamagedTextIsAnErrorOrAGraph) {
  const std::string good = graph_to_json(every_op());
  for (std::size_t length = 0; length < good.size(); length += 7) {
    EXPECT_THROW(graph_from_json(good.substr(0, length)), Error) << length;
  }
  Random random(1, RandomPurpose::test);
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good;
    bad[random.below(static_cast<std::uint32_t>(bad.size()))] = static_cast<char>(random.below(256));
    try {
      graph_from_json(bad);
    } catch (const Error&) {
    }
  }
  EXPECT_THROW(graph_from_json(std::string(100'000, '[')), Error);
}

TEST(Serialize, NamesMustBeUtf8) {
  Graph graph;
  graph.add("\xff", Input{{3}}, std::vector<NodeId>{});
  EXPECT_THROW(graph_to_json(graph), Error);
}

}  // namespace
}  // namespace headstart
