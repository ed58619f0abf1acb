// ONNX files of PyTorch's exporter (tests/tools/make_onnx_files.py) as a source of weights, and malformed
// ones.
#include <algorithm>

#include <gtest/gtest.h>

#include "headstart/model.h"
#include "headstart/npy.h"
#include "headstart/predict.h"
#include "support/tolerance.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

NodeId unit(Graph& graph, NodeId x, const std::string& name, Op convolution) {
  x = graph.add(name + ".0", std::move(convolution), x);
  return graph.add(name + ".1", BatchNormalization{.epsilon = 1e-5F}, x);
}

NodeId activation(Graph& graph, NodeId x, const std::string& name, Activation::Kind kind) {
  return graph.add(name, ActivationLayer{{kind}}, x);
}

// The generator's network; the branches in the other order.
Graph net(const std::string& prefix = "") {
  using enum Activation::Kind;
  const Conv2D square{.filters = 4, .kernel = {1, 1}, .use_bias = false};
  Graph graph("net");
  NodeId x = graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  x = unit(graph, x, prefix + "stem",
           Conv2D{.filters = 4,
                  .kernel = {3, 3},
                  .strides = {2, 2},
                  .padding = Padding::symmetric(1),
                  .use_bias = false});
  const NodeId stem = activation(graph, x, "stem_relu", relu);
  x = unit(graph, stem, prefix + "long.0", square);
  x = activation(graph, x, "long_relu", relu);
  x = unit(graph, x, prefix + "long.2",
           DepthwiseConv2D{.kernel = {3, 3}, .padding = Padding::symmetric(1), .use_bias = false});
  x = activation(graph, x, "long_end", relu);
  const NodeId other = unit(graph, stem, prefix + "short", square);
  x = graph.add("both", Concatenate{}, std::vector<NodeId>{x, other});
  x = unit(graph, x, prefix + "last", square);
  x = activation(graph, x, "last_swish", swish);
  x = graph.add("flatten", Flatten{}, x);
  x = graph.add(prefix + "fc1", Dense{.units = 5, .activation = {relu}}, x);
  graph.add(prefix + "fc2", Dense{.units = 3}, x);
  return graph;
}

WeightFile net_file(const std::string& name) { return read_weight_file(data_path("weights/" + name)); }

void expect_pytorchs_output(Model model) {
  const Tensor output = Predictor(model, {model.graph.output()}, Precision::f32)
                            .run(read_npy(data_path("weights/net_input.npy")))[0];
  // Sums of at most 72 terms of order 1 in f32, in another order.
  EXPECT_TRUE(all_close(output.values(), read_npy(data_path("weights/net_output.npy")).values(),
                        {.atol = 1e-5, .rtol = 1e-5}));
}

void expect_equal(const Parameters& a, const Parameters& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    EXPECT_TRUE(std::equal(tensor.values().begin(), tensor.values().end(), b.at(name).values().begin()))
        << name;
  }
}

TEST(Onnx, KeptBatchNormsGiveThePyTorchFilesParameters) {
  for (const auto* name : {"kept.onnx", "external.onnx"}) {
    const auto file = net_file(name);
    EXPECT_EQ(file.format, WeightFormat::onnx);
    EXPECT_EQ(file.producer, "pytorch");
    const auto mapped = map_weights(net(), file);
    EXPECT_EQ(mapped.report.matched_by, "names");
    EXPECT_TRUE(mapped.report.unused.empty());
    EXPECT_TRUE(mapped.report.folded.empty());
    expect_equal(mapped.parameters, map_weights(net(), net_file("net.pth")).parameters);
  }
}

TEST(Onnx, FoldedBatchNormsBecomeIdentitiesAndTheNetworkComputesTheSame) {
  const std::vector<std::string> norms{"stem.1", "long.0.1", "long.2.1", "short.1", "last.1"};
  for (const auto* name : {"folded.onnx", "nameless.onnx"}) {
    Model model;
    model.graph = net();
    auto mapped = map_weights(model.graph, net_file(name));
    EXPECT_EQ(mapped.report.folded, norms) << name;
    EXPECT_TRUE(mapped.report.unused.empty()) << name;
    EXPECT_EQ(mapped.report.matched_by,
              std::string(name) == "folded.onnx" ? "names" : "places in the network");
    EXPECT_EQ(mapped.parameters.at("stem.1/gamma")[0], 1.0F);
    EXPECT_EQ(mapped.parameters.at("stem.1/moving_variance")[0], 1.0F - 1e-5F);
    EXPECT_NE(mapped.parameters.at("stem.1/beta")[0], 0.0F);
    model.parameters = std::move(mapped.parameters);
    expect_pytorchs_output(std::move(model));
  }
}

TEST(Onnx, OtherNamesAreMatchedByPlacesAndReported) {
  for (const auto* name : {"kept.onnx", "folded.onnx"}) {
    Model model;
    model.graph = net("my_");
    auto mapped = map_weights(model.graph, net_file(name));
    EXPECT_EQ(mapped.report.matched_by, "places in the network");
    model.parameters = std::move(mapped.parameters);
    expect_pytorchs_output(std::move(model));
  }
}

// The zoo's networks without their top.
TEST(Onnx, ABaseWithoutTheTopTakesItsPartByPlaces) {
  Graph base("base");
  const Graph whole = net("my_");
  for (const auto& node : whole.nodes()) {
    if (node.name == "flatten") {
      break;
    }
    base.add(node.name, node.op, node.inputs);
  }
  const auto mapped = map_weights(base, net_file("nameless.onnx"));
  EXPECT_EQ(mapped.report.matched_by, "places in the network");
  EXPECT_EQ(mapped.report.unused.size(), 4U);  // two dense layers
  const auto all = map_weights(whole, net_file("nameless.onnx"));
  EXPECT_EQ(mapped.parameters.at("my_long.0.0/kernel")[3], all.parameters.at("my_long.0.0/kernel")[3]);
}

TEST(Onnx, AnotherNetworkIsRefused) {
  Graph graph("other");
  const auto x = graph.add("input", Input{{8, 8, 3}}, std::vector<NodeId>{});
  graph.add("conv", Conv2D{.filters = 7, .kernel = {3, 3}}, x);
  EXPECT_TRUE(says(message_of([&] { map_weights(graph, net_file("folded.onnx")); }), "2 are missing"));
}

// --- files made by hand ---

std::string field(int number, const std::string& bytes) {
  std::string head{static_cast<char>(number << 3 | 2)};
  std::size_t length = bytes.size();
  for (; length > 127; length /= 128) {
    head += static_cast<char>(length % 128 + 128);
  }
  head += static_cast<char>(length);
  return head + bytes;
}
std::string number(int field_number, int value) {
  return {static_cast<char>(field_number << 3), static_cast<char>(value)};
}

std::string model_of(const std::string& graph) {
  return number(1, 7) + field(7, graph) + field(8, number(2, 13));
}

// y = Gemm(x, w): w is (inputs 2, outputs 1), not transposed.
std::string gemm_model(const std::string& tensor) {
  const auto node = field(1, "x") + field(1, "w") + field(2, "y") + field(4, "Gemm");
  return model_of(field(1, node) + field(5, tensor));
}

std::string matrix(const std::string& values) {
  return number(1, 2) + number(1, 1) + number(2, 1) + field(8, "w") + values;
}

Graph linear() {
  Graph graph("linear");
  const auto x = graph.add("input", Input{{2}}, std::vector<NodeId>{});
  graph.add("dense", Dense{.units = 1, .use_bias = false}, x);
  return graph;
}

const std::string kTwoFloats("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);  // 1, 2

TEST(OnnxByHand, MatricesAsRawBytesAsFloatsAndInAnExternalFile) {
  const auto location = [](const std::string& path) {
    return field(13, field(1, "location") + field(2, path)) + number(14, 1);
  };
  const Folder folder{{"w.bin", to_bytes(kTwoFloats)}};
  for (const auto& values : {field(9, kTwoFloats), field(4, kTwoFloats), location("w.bin")}) {
    const auto file = read_bytes(to_bytes(gemm_model(matrix(values))), "a.onnx", folder);
    const auto mapped = map_weights(linear(), file);
    EXPECT_EQ(mapped.parameters.at("dense/kernel")[0], 1.0F);
    EXPECT_EQ(mapped.parameters.at("dense/kernel")[1], 2.0F);
  }
  for (const auto* path : {"../w.bin", "/etc/passwd"}) {
    EXPECT_TRUE(says(message_of([&] { read_bytes(to_bytes(gemm_model(matrix(location(path)))), "a.onnx"); }),
                     "inside the model's folder"));
  }
  EXPECT_TRUE(says(
      message_of([&] { read_bytes(to_bytes(gemm_model(matrix(location("no.bin")))), "a.onnx", folder); }),
      "no.bin"));
}

TEST(OnnxByHand, AnotherEpsilonIsAnotherVariance) {
  const auto ones = [](const std::string& name) {
    return field(5, number(1, 2) + number(2, 1) + field(8, name) + field(9, kTwoFloats));
  };
  const std::string epsilon = field(1, "epsilon") + std::string("\x15\x00\x00\x80\x3e", 5);  // 0.25
  for (const auto& attribute : {field(5, epsilon), std::string()}) {
    std::string node, tensors;
    for (const char* name : {"x", "g", "b", "m", "v"}) {
      node += field(1, name);
      tensors += *name == 'x' ? "" : ones(name);
    }
    node += field(2, "y") + field(4, "BatchNormalization") + attribute;
    Graph graph("norm");
    graph.add("bn", BatchNormalization{.epsilon = 1e-3F},
              graph.add("input", Input{{1, 1, 2}}, std::vector<NodeId>{}));
    const auto mapped =
        map_weights(graph, read_bytes(to_bytes(model_of(field(1, node) + tensors)), "a.onnx"));
    const float wanted = attribute.empty() ? 1e-5F : 0.25F;  // ONNX's default
    EXPECT_FLOAT_EQ(mapped.parameters.at("bn/moving_variance")[1], 2.0F + wanted - 1e-3F);
    EXPECT_EQ(mapped.parameters.at("bn/gamma")[1], 2.0F);
  }
}

// Two constants without names of their own are not one.
TEST(OnnxByHand, WeightsInConstantNodes) {
  const auto constant = [](const std::string& output, const std::string& tensor) {
    return field(1, field(2, output) + field(4, "Constant") + field(5, field(1, "value") + field(5, tensor)));
  };
  const auto gemm = field(1, "x") + field(1, "w") + field(1, "b") + field(2, "y") + field(4, "Gemm");
  const auto bytes =
      model_of(constant("w", number(1, 2) + number(1, 1) + number(2, 1) + field(9, kTwoFloats)) +
               constant("b", number(1, 1) + number(2, 1) + field(9, kTwoFloats.substr(4))) + field(1, gemm));
  Graph graph("linear");
  graph.add("dense", Dense{.units = 1}, graph.add("input", Input{{2}}, std::vector<NodeId>{}));
  const auto mapped = map_weights(graph, read_bytes(to_bytes(bytes), "a.onnx"));
  EXPECT_EQ(mapped.parameters.at("dense/kernel")[0], 1.0F);
  EXPECT_EQ(mapped.parameters.at("dense/bias")[0], 2.0F);
}

TEST(OnnxByHand, SaysWhatIsWrong) {
  const auto message = [](const std::string& bytes, const std::string& name = "a.onnx") {
    return message_of([&] { read_bytes(to_bytes(bytes), name); });
  };
  EXPECT_TRUE(says(message(gemm_model(matrix(field(9, "abc")))), "needs 8 bytes; received 3"));
  EXPECT_TRUE(says(message(model_of("")), "expected weights in the model; received none"));
  EXPECT_TRUE(says(message(gemm_model(matrix(field(9, kTwoFloats))).substr(0, 30)), "truncated"));
  EXPECT_TRUE(
      says(message(gemm_model(number(1, 2) + std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11) +
                              number(2, 1) + field(8, "w"))),
           "not one of a tensor"));
  EXPECT_TRUE(says(message("nothing like it"), "[onnx]"));
  EXPECT_TRUE(says(message("nothing like it", "a.bin"), "received other content"));
}

// Empty ones take two bytes of the file each, and a hundred times as much in memory.
TEST(OnnxByHand, ManyNodesOrInitializersAreRefused) {
  const auto message_for = [](int part) {
    std::string graph;
    for (int i = 0; i <= 1'000'000; ++i) {
      graph += field(part, "");
    }
    return message_of([&] { read_bytes(to_bytes(model_of(graph)), "a.onnx"); });
  };
  EXPECT_TRUE(says(message_for(1), "up to 1000000 nodes"));
  EXPECT_TRUE(says(message_for(5), "up to 1000000 initializers"));
}

}  // namespace
}  // namespace headstart::test
