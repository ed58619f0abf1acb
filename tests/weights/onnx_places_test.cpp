// ONNX files without any names (tests/tools/make_onnx_files.py): layers are found by their places in the
// network, and a place that several layers share is refused.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "headstart/model.h"
#include "headstart/npy.h"
#include "headstart/predict.h"
#include "headstart/zoo.h"
#include "support/paths.h"
#include "support/tolerance.h"
#include "weights/layer_matching.h"
#include "weights/places.h"
#include "weights/weight_bytes.h"
#include "zoo/torch_layers.h"

namespace headstart::test {
namespace {

const ActivationLayer kRelu{{Activation::Kind::relu}};

// `files` by "name_input.npy" and "name_output.npy" of the generator.
WeightReport expect_pytorchs_output(const Graph& graph, const std::string& name, const std::string& file) {
  Model model;
  model.graph = graph;
  auto mapped = map_weights(graph, read_weight_file(data_path("weights/" + file + ".onnx")));
  model.parameters = std::move(mapped.parameters);
  const Tensor output = Predictor(model, {graph.output()}, Precision::f32)
                            .run(read_npy(data_path("weights/" + name + "_input.npy")))[0];
  // Some dozen layers of sums of up to 147 terms in f32, in another order.
  EXPECT_TRUE(all_close(output.values(), read_npy(data_path("weights/" + name + "_output.npy")).values(),
                        {.atol = 1e-5, .rtol = 1e-4}))
      << file;
  EXPECT_EQ(mapped.report.matched_by, "places in the network") << file;
  EXPECT_TRUE(mapped.report.unused.empty()) << file;
  return mapped.report;
}

NodeId dense_layer(Graph& graph, NodeId input, const std::string& name) {
  NodeId x = graph.add(name + ".norm1", zoo::kTorchNormalization, input);
  x = graph.add(name + ".relu1", kRelu, x);
  x = graph.add(name + ".conv1", zoo::torch_convolution({.filters = 4}), x);
  x = graph.add(name + ".norm2", zoo::kTorchNormalization, x);
  x = graph.add(name + ".relu2", kRelu, x);
  x = graph.add(name + ".conv2", zoo::torch_convolution({.filters = 2, .kernel = {3, 3}}), x);
  return graph.add(name + ".concat", Concatenate{}, std::vector<NodeId>{input, x});
}

// torchvision's DenseNet of growth 2 in blocks of 3 and 2; concatenated one by one, as the zoo's.
Graph densenet() {
  const zoo::TorchConvolution first{.filters = 4, .kernel = {7, 7}, .stride = 2};
  Graph graph("densenet");
  NodeId x = graph.add("input", Input{{16, 16, 3}}, std::vector<NodeId>{});
  x = graph.add("conv0", zoo::torch_convolution(first), x);
  x = graph.add("norm0", zoo::kTorchNormalization, x);
  x = graph.add("relu0", kRelu, x);
  x = graph.add("pool0", MaxPooling2D{.pool = {3, 3}, .strides = {2, 2}, .padding = Padding::symmetric(1)},
                x);
  x = dense_layer(graph, x, "1.1");
  x = dense_layer(graph, x, "1.2");
  x = dense_layer(graph, x, "1.3");
  x = graph.add("transition.norm", zoo::kTorchNormalization, x);
  x = graph.add("transition.relu", kRelu, x);
  x = graph.add("transition.conv", zoo::torch_convolution({.filters = 5}), x);
  x = graph.add("transition.pool", AveragePooling2D{.pool = {2, 2}, .strides = {2, 2}}, x);
  x = dense_layer(graph, x, "2.1");
  x = dense_layer(graph, x, "2.2");
  x = graph.add("norm5", zoo::kTorchNormalization, x);
  x = graph.add("relu5", kRelu, x);
  x = graph.add("pool5", GlobalAveragePooling2D{}, x);
  graph.add("classifier", Dense{.units = 3}, x);
  return graph;
}

NodeId transformer_block(Graph& graph, NodeId input, const std::string& name) {
  const LayerNormalization normalization{.epsilon = 1e-6F};
  NodeId x = graph.add(name + ".ln_1", normalization, input);
  x = graph.add(name + ".in_proj", Dense{.units = 24}, x);
  x = graph.add(name + ".attention", SelfAttention{.heads = 2}, x);
  x = graph.add(name + ".out_proj", Dense{.units = 8}, x);
  const NodeId attended = zoo::add_residual(graph, input, x, name + ".add");
  x = graph.add(name + ".ln_2", normalization, attended);
  x = graph.add(name + ".mlp_1", Dense{.units = 16, .activation = zoo::kGelu}, x);
  x = graph.add(name + ".mlp_2", Dense{.units = 8}, x);
  return zoo::add_residual(graph, attended, x, name);
}

// torchvision's VisionTransformer of two blocks on 2x2 patches.
Graph transformer() {
  Graph graph("transformer");
  NodeId x = graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  x = graph.add("projection", Conv2D{.filters = 8, .kernel = {4, 4}, .strides = {4, 4}}, x);
  x = graph.add("patches", Reshape{{4, 8}}, x);
  x = graph.add("token", ClassToken{}, x);
  x = graph.add("positions", PositionEmbedding{}, x);
  x = transformer_block(graph, x, "first");
  x = transformer_block(graph, x, "second");
  x = graph.add("norm", LayerNormalization{.epsilon = 1e-6F}, x);
  x = graph.add("flatten", Flatten{}, x);
  x = graph.add("first_token", ChannelSlice{.begin = 0, .count = 8}, x);
  graph.add("head", Dense{.units = 3}, x);
  return graph;
}

TEST(OnnxPlaces, DenseNetWithTheNormsBehindConvolutionsFolded) {
  const std::vector<std::string> behind_convolutions{"norm0",     "1.1.norm2", "1.2.norm2",
                                                     "1.3.norm2", "2.1.norm2", "2.2.norm2"};
  EXPECT_EQ(expect_pytorchs_output(densenet(), "densenet", "densenet").folded, behind_convolutions);
  EXPECT_TRUE(expect_pytorchs_output(densenet(), "densenet", "densenet_kept").folded.empty());
}

// Layer normalisation taken apart or as one node, matrices swapped by the exporter or by a node, a class
// token that is expanded to a batch of one or of any size.
TEST(OnnxPlaces, VisionTransformers) {
  for (const auto* file : {"vit", "vit_kept", "vit_one_node", "vit_any_batch"}) {
    expect_pytorchs_output(transformer(), "vit", file);
  }
}

// Where order would be a guess. NASNet's cells repeat separable convolutions over one input.
TEST(OnnxPlaces, NoTwoLayersOfANetworkShareOne) {
  for (const auto& architecture : architectures()) {
    if (architecture.name.starts_with("nasnet")) {
      continue;
    }
    const Graph graph = build_architecture(architecture, {});
    const auto places = places_of(graph);
    std::set<std::uint64_t> seen;
    for (const auto& target : target_layers(graph)) {
      const auto place = places[static_cast<std::size_t>(target.id)];
      EXPECT_TRUE(place != 0 && seen.insert(place).second) << architecture.name << ": " << target.name;
    }
  }
}

// So that a file of a whole network fits the base of a new one.
TEST(OnnxPlaces, TheTopDoesNotMatterToTheBase) {
  for (const auto& architecture : architectures()) {
    const Graph whole = build_architecture(architecture, {});
    const Graph base = build_architecture(architecture, {.include_top = false});
    const auto places = places_of(whole);
    const auto base_places = places_of(base);
    for (const auto& target : target_layers(base)) {
      const auto same = whole.find(target.name);
      if (!same) {
        EXPECT_EQ(target.name, "layer_normalization");  // Keras's ConvNeXt without its top ends in another
        continue;
      }
      EXPECT_EQ(base_places[static_cast<std::size_t>(target.id)], places[static_cast<std::size_t>(*same)])
          << architecture.name << ": " << target.name;
    }
  }
}

TEST(OnnxPlaces, APlaceOfTwoLayersIsRefused) {
  Graph graph("twins");
  const NodeId input = graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  const Conv2D convolution{.filters = 2, .kernel = {3, 3}};
  std::vector<NodeId> twins;
  for (const auto* name : {"a", "b"}) {
    twins.push_back(graph.add(name, convolution, input));
  }
  graph.add("sum", Add{}, twins);
  const auto places = places_of(graph);
  WeightFile file{.format = WeightFormat::onnx};
  for (const auto* name : {"1", "2"}) {
    file.layers.push_back({.name = name, .place = places[static_cast<std::size_t>(twins[0])]});
    for (const auto* kind : {"weight", "bias"}) {
      const auto key = std::string(name) + kind;
      file.tensors.insert(key, Tensor(std::string(kind) == "bias" ? Shape{2} : Shape{2, 3, 3, 3}));
      file.layers.back().weights.push_back(key);
      file.layers.back().kinds.emplace_back(kind);
    }
  }
  EXPECT_TRUE(says(message_of([&] { map_weights(graph, file); }),
                   "a: expected one layer of the file in its place; received 2, for 2 of the network"));
  file.layers[0].name = "a";
  file.layers[1].name = "b";
  EXPECT_EQ(map_weights(graph, file).report.matched_by, "names");
}

}  // namespace
}  // namespace headstart::test
