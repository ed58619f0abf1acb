// State dicts as torchvision's own, and vision transformers' position embeddings at another input size.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "headstart/model.h"
#include "headstart/weights.h"
#include "headstart/zoo.h"
#include "support/formula.h"
#include "support/paths.h"
#include "support/tolerance.h"
#include "weights/pytorch.h"

namespace headstart::test {
namespace {

using nlohmann::json;

json torchvision_names() {
  std::ifstream file(data_path("torch/torchvision_names.json"));
  return json::parse(file);
}

std::uint32_t fnv1a(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return hash;
}

Parameters zeros(const Graph& graph) {
  Parameters parameters;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    for (const ParameterSpec& spec : parameter_specs(graph, id)) {
      parameters.insert(graph.node(id).name + "/" + spec.name, Tensor(spec.shape));
    }
  }
  return parameters;
}

// Sorted lines "name (extents)".
std::string listing(const Parameters& state) {
  std::vector<std::string> lines;
  for (const auto& [name, tensor] : state) {
    lines.push_back(fmt::format("{} {}\n", name, to_string(tensor.shape())));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) {
    text += line;
  }
  return text;
}

TEST(TorchStateDict, IsTorchvisionsOwn) {
  const json names = torchvision_names();
  for (const auto& [network, expected] : names.at("state_dicts").items()) {
    SCOPED_TRACE(network);
    const Graph graph = build_architecture(architecture(network, Flavour::torch), {});
    const Parameters state = torch_state_dict(graph, zeros(graph));
    EXPECT_EQ(state.size(), expected.at("tensors").get<std::size_t>());
    EXPECT_EQ(fnv1a(listing(state)), expected.at("hash").get<std::uint32_t>()) << listing(state);
  }
}

// torchvision's MNASNet loads no other.
TEST(TorchStateDict, OfAnMnasnetSaysItsVersion) {
  const auto path = (std::filesystem::temp_directory_path() / "headstart_version.pth").string();
  const auto says_version = [&path](const char* network) {
    const Graph graph =
        build_architecture(architecture(network, Flavour::torch), {.height = 32, .width = 32});
    write_weights(graph, zeros(graph), path);
    EXPECT_NO_THROW(read_weight_file(path));
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    std::filesystem::remove(path);
    return bytes.find("_metadata") != std::string::npos;
  };
  EXPECT_TRUE(says_version("mnasnet0_5"));
  EXPECT_FALSE(says_version("shufflenet_v2_x0_5"));
}

// What we write as PyTorch's comes back, at another input size too but for the positions.
TEST(TorchStateDict, OfAVisionTransformerComesBack) {
  for (const char* network : {"vit_tiny_patch16_224", "convnext_tiny"}) {
    SCOPED_TRACE(network);
    const Architecture& row = architecture(network, Flavour::torch);
    const Graph graph = build_architecture(row, {.height = 48, .width = 48});
    const Parameters parameters = initialize(graph, 1);
    const WeightFile file{.format = WeightFormat::pytorch, .tensors = torch_state_dict(graph, parameters)};
    const auto same = map_weights(graph, file);
    EXPECT_TRUE(same.report.unused.empty());
    for (const auto& [name, tensor] : parameters) {
      EXPECT_TRUE(std::ranges::equal(tensor.values(), same.parameters.at(name).values())) << name;
    }
    const Graph larger = build_architecture(row, {.height = 64, .width = 80});
    EXPECT_NO_THROW(check_parameters(larger, map_weights(larger, file).parameters));
  }
}

Parameters with_prefix(const Parameters& state, const std::string& prefix) {
  Parameters result;
  for (const auto& [name, tensor] : state) {
    result.insert(prefix + name, tensor);
  }
  return result;
}

void expect_same_parameters(const Parameters& found, const Parameters& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    EXPECT_TRUE(std::ranges::equal(found.at(name).values(), tensor.values())) << name;
  }
}

// Lightning, torch.compile and people's own classes keep the network in a member, beside a loss perhaps.
TEST(TorchStateDict, OfANetworkInAMemberIsFound) {
  const Graph graph = build_architecture(architecture("mobilenet_v2", Flavour::torch),
                                         {.height = 32, .width = 32, .alpha = 0.35, .classes = 3});
  const Parameters parameters = initialize(graph, 1);
  const Parameters state = torch_state_dict(graph, parameters);
  for (const char* prefix : {"", "module.", "model.", "net.", "backbone.", "module.model.", "model.module.",
                             "_orig_mod.module.net."}) {
    SCOPED_TRACE(prefix);
    WeightFile file{.format = WeightFormat::pytorch, .tensors = with_prefix(state, prefix)};
    file.tensors.insert("criterion.weight", Tensor({3}));
    const auto mapped = map_weights(graph, std::move(file));
    expect_same_parameters(mapped.parameters, parameters);
    EXPECT_EQ(mapped.report.unused, std::vector<std::string>{"criterion.weight"});
  }
}

// All layers of a VGG's base are members of `features`, which belongs to their names.
TEST(TorchStateDict, APrefixThatBelongsToTheNamesStays) {
  const Graph graph = build_architecture(architecture("vgg16", Flavour::torch),
                                         {.height = 32, .width = 32, .include_top = false});
  const Parameters parameters = initialize(graph, 1);
  const Parameters state = torch_state_dict(graph, parameters);
  for (const char* prefix : {"", "model."}) {
    SCOPED_TRACE(prefix);
    const auto mapped =
        map_weights(graph, {.format = WeightFormat::pytorch, .tensors = with_prefix(state, prefix)});
    expect_same_parameters(mapped.parameters, parameters);
    EXPECT_EQ(mapped.report.matched_by, *prefix == 0 ? "names" : "names without model.");
  }
}

TEST(TorchStateDict, OfOtherClassesSaysHowMany) {
  const auto& row = architecture("mobilenet_v2", Flavour::torch);
  const Graph five = build_architecture(row, {.height = 32, .width = 32, .alpha = 0.35, .classes = 5});
  const Graph whole = build_architecture(row, {.height = 32, .width = 32, .alpha = 0.35});
  const WeightFile file{.format = WeightFormat::pytorch,
                        .tensors = with_prefix(torch_state_dict(five, initialize(five, 1)), "model.")};
  EXPECT_EQ(map_weights_leniently(whole, file).report.advice, "the file is of 5 classes: give --classes 5");
  const Graph other =
      build_architecture(architecture("resnet18", Flavour::torch), {.height = 32, .width = 32});
  EXPECT_EQ(map_weights_leniently(other, file).report.advice, "");
}

TEST(TorchStateDict, OldTransformersNamesOfTheHiddenLayers) {
  const Graph graph = build_architecture(architecture("vit_b_32"), {.height = 32, .width = 32});
  const Parameters parameters = initialize(graph, 1);
  WeightFile file{.format = WeightFormat::pytorch};
  for (auto& [name, tensor] : torch_state_dict(graph, parameters)) {
    std::string old = name;
    for (const auto& [now, before] :
         {std::pair(".mlp.0.", ".mlp.linear_1."), {".mlp.3.", ".mlp.linear_2."}}) {
      if (const auto at = old.find(now); at != std::string::npos) {
        old.replace(at, std::string_view(now).size(), before);
      }
    }
    file.tensors.insert("module." + old, tensor);
  }
  EXPECT_TRUE(map_weights(graph, file).report.unused.empty());
}

// A network of nothing but positions: a class token and patches of one pixel.
Graph positions_graph(int size) {
  Graph graph("positions");
  NodeId x = graph.add("input", Input{{size, size, 2}}, std::vector<NodeId>{});
  x = graph.add("patches", Reshape{{std::int64_t{size} * size, 2}}, x);
  x = graph.add("class_token", ClassToken{}, x);
  graph.add("encoder.pos_embedding", PositionEmbedding{}, x);
  return graph;
}

TEST(PositionEmbedding, IsResampledAsTorchvisionDoes) {
  const json names = torchvision_names();
  for (const json& stored : names.at("positions")) {
    const int before = stored.at("before").get<int>();
    const Graph graph = positions_graph(stored.at("after").get<int>());
    WeightFile file{.format = WeightFormat::pytorch};
    file.tensors.insert("class_token", Tensor({1, 1, 2}));
    file.tensors.insert("encoder.pos_embedding",
                        formula_images("positions", {1, std::int64_t{before} * before + 1, 2}));
    const auto mapped = map_weights(graph, file);
    EXPECT_EQ(mapped.report.mapped.back().transform, "interpolated");
    EXPECT_TRUE(all_close(mapped.parameters.at("encoder.pos_embedding/position_embedding").values(),
                          stored.at("values").get<std::vector<float>>(), {.atol = 1e-6}));
  }
}

TEST(PositionEmbedding, OfAnImageThatIsNoSquareIsRefused) {
  const Graph graph = positions_graph(3);
  WeightFile file{.format = WeightFormat::pytorch};
  file.tensors.insert("class_token", Tensor({1, 1, 2}));
  file.tensors.insert("encoder.pos_embedding", Tensor({1, 7, 2}));
  EXPECT_EQ(map_weights_leniently(graph, file).report.mismatched.size(), 1U);
}

}  // namespace
}  // namespace headstart::test
