// The exported file itself: parameters that come back to the bit, what it says of itself, what is refused.
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "export/onnx_document.h"
#include "exported.h"
#include "headstart/error.h"
#include "headstart/weights.h"
#include "support/temporary_folder.h"
#include "weights/protobuf.h"

namespace headstart::test {
namespace {

using nlohmann::json;

Model small_classifier(int units, Activation::Kind activation) {
  Model model;
  model.graph = Graph("small");
  Graph& graph = model.graph;
  NodeId x = graph.add("image", Input{{8, 6, 3}}, std::vector<NodeId>{});
  x = graph.add("probabilities", Conv2D{.filters = 4, .kernel = {3, 3}, .padding = Padding::same()}, x);
  x = graph.add("pool", GlobalAveragePooling2D{}, x);
  graph.add("dense", Dense{.units = units, .activation = {activation}}, x);
  model.parameters = reference::random_parameters(graph, 2);
  model.preprocessing = with_mode({.height = 8, .width = 6}, "torch");
  for (int i = 0; i < std::max(units, 2); ++i) {
    model.class_names.push_back("class " + std::to_string(i));
  }
  return model;
}

void expect_same_parameters(const Graph& graph, const Parameters& original, const std::string& path) {
  const auto mapped = map_weights(graph, read_weight_file(path));
  EXPECT_EQ(mapped.report.matched_by, original.size() == 0 ? mapped.report.matched_by : "names");
  EXPECT_TRUE(mapped.report.unused.empty());
  ASSERT_EQ(mapped.parameters.size(), original.size());
  for (const auto& [name, tensor] : original) {
    const auto& other = mapped.parameters.at(name);
    ASSERT_EQ(tensor.shape(), other.shape()) << name;
    EXPECT_EQ(std::memcmp(tensor.data(), other.data(), tensor.values().size_bytes()), 0) << name;
  }
}

TEST(Export, KeepsTheParametersOfEveryOp) {
  const TemporaryFolder folder;
  for (const auto& each : reference::all_cases()) {
    if (each.name.starts_with("weight_norm")) {  // written as the product of their two factors
      continue;
    }
    SCOPED_TRACE(each.name);
    export_case(each, folder / "model.onnx");
    expect_same_parameters(each.graph, reference::random_parameters(each.graph, 3), folder / "model.onnx");
  }
}

TEST(Export, KeepsTheParametersOfNetworks) {
  const TemporaryFolder folder;
  for (const auto& row : family_members()) {
    SCOPED_TRACE(row.name);
    const Model model = random_network(row);
    export_onnx(model, folder / "model.onnx");
    expect_same_parameters(model.graph, model.parameters, folder / "model.onnx");
  }
}

// The text fields of a message, by number, and pairs of them.
std::map<std::string, std::string> metadata_of(const std::string& path) {
  constexpr std::uint64_t kMetadata = 14;
  const auto bytes = read_file(path);
  std::map<std::string, std::string> result;
  ProtobufReader model(bytes, "test");
  while (const auto field = model.next()) {
    if (field->number == kMetadata) {
      ProtobufReader entry(field->bytes, "test");
      const auto key = entry.next();
      const auto value = entry.next();
      result.emplace(as_text(key->bytes), as_text(value->bytes));
    }
  }
  return result;
}

TEST(Export, SaysWhatItsUserNeedsToKnow) {
  const TemporaryFolder folder;
  Model model = small_classifier(3, Activation::Kind::softmax);
  model.class_ids = {"n1", "n2", "n3"};
  model.temperature = 1.5;
  model.preprocessing.fit = ResizeFit::crop;
  model.preprocessing.resize_to = 9;
  model.provenance = {{"weights", "tests"}, {"architecture", "lenet5"}};
  const auto summary = export_onnx(model, folder / "model.onnx");
  EXPECT_EQ(summary.input.name, "image");
  EXPECT_EQ(summary.input.shape, (Shape{3, 8, 6}));
  EXPECT_EQ(summary.output.name, "probabilities");
  EXPECT_EQ(summary.output.shape, (Shape{3}));
  EXPECT_TRUE(summary.notes.empty());
  EXPECT_EQ(summary.bytes, std::filesystem::file_size(folder / "model.onnx"));
  const auto metadata = metadata_of(folder / "model.onnx");
  EXPECT_EQ(metadata.at("class_names"), R"(["class 0","class 1","class 2"])");
  EXPECT_EQ(metadata.at("class_ids"), R"(["n1","n2","n3"])");
  EXPECT_EQ(metadata.at("temperature"), "1.5");
  EXPECT_EQ(metadata.at("network"), "lenet5");
  EXPECT_EQ(metadata.at("headstart_version"), "0.1.0");
  EXPECT_EQ(json::parse(metadata.at("provenance")).at("weights"), "tests");
  const auto resize = json::parse(metadata.at("resize"));
  EXPECT_EQ(resize.at("fit"), "crop");
  EXPECT_EQ(resize.at("resize_to"), 9);
  EXPECT_EQ(resize.at("kernel"), "bilinear-aa");
  EXPECT_EQ(resize.at("antialias"), true);
  const auto input = json::parse(metadata.at("input"));
  EXPECT_EQ(input.at("layout"), "NCHW");
  EXPECT_EQ(input.at("shape"), json::parse(R"(["batch", 3, 8, 6])"));
  EXPECT_EQ(json::parse(metadata.at("preprocessing")).at("in_graph"), true);
  EXPECT_EQ(json::parse(summary.description).size(), metadata.size());
}

TEST(Export, SaysThatInt8IsLeftOut) {
  const TemporaryFolder folder;
  Model model = small_classifier(3, Activation::Kind::linear);
  model.ranges["pool"] = {.low = 0.0F, .high = 1.0F};
  const auto notes = export_onnx(model, folder / "model.onnx").notes;
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("int8"), std::string::npos);
}

TEST(Export, SaysHowStrangeAPictureIsUnlessItIsNotWanted) {
  const TemporaryFolder folder;
  Model model = small_classifier(3, Activation::Kind::softmax);
  accept_at_random(model, {0.5, 1.0, 2.0});
  const auto with = export_onnx(model, folder / "with.onnx");
  ASSERT_TRUE(with.strangeness);
  EXPECT_EQ(with.strangeness->name, "strangeness");
  const auto document = json::parse(with.description);
  EXPECT_EQ(document["strangeness"]["shape"], json::parse(R"(["batch", 1])"));
  EXPECT_EQ(document["strangeness"]["unknown_above"], 1.0);
  EXPECT_EQ(document["strangeness"]["accepted_share"], 0.99);
  EXPECT_TRUE(with.notes.empty());
  expect_same_parameters(model.graph, model.parameters, folder / "with.onnx");
  const auto without = export_onnx(model, folder / "without.onnx", {.unknown = false});
  EXPECT_FALSE(without.strangeness);
  EXPECT_LT(without.nodes, with.nodes);
  ASSERT_EQ(without.notes.size(), 1U);
  EXPECT_FALSE(json::parse(without.description).contains("strangeness"));
}

TEST(Export, NamesTheLayoutAndTheInputThatWereAskedFor) {
  const TemporaryFolder folder;
  const Model model = small_classifier(1, Activation::Kind::sigmoid);
  const auto summary =
      export_onnx(model, folder / "model.onnx",
                  {.logits = true, .preprocessing = false, .layout = ImageLayout::channels_last});
  EXPECT_EQ(summary.input.name, "input");
  EXPECT_EQ(summary.input.shape, (Shape{8, 6, 3}));
  EXPECT_EQ(summary.output.name, "logits");
  EXPECT_EQ(summary.output.shape, (Shape{1}));
}

void expect_refused(const Model& model, const std::string& path, const ExportOptions& options,
                    const std::string& said) {
  try {
    export_onnx(model, path, options);
    ADD_FAILURE() << "nothing was refused; expected: " << said;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Export, RefusesWhatItCannotWrite) {
  const TemporaryFolder folder;
  Model model = small_classifier(3, Activation::Kind::sigmoid);
  expect_refused(model, folder / "model.pb", {}, "ending in .onnx");
  expect_refused(model, folder / "no/such/folder.onnx", {}, "no/such/folder.onnx");
  model.temperature = 2.0;
  expect_refused(model, folder / "model.onnx", {}, "independent sigmoids");
  model.temperature = 1.0;
  model.preprocessing.height = 9;
  expect_refused(model, folder / "model.onnx", {}, "leave the preprocessing out");
  model.graph.set_output(model.graph.require("pool") - 1);
  expect_refused(model, folder / "model.onnx", {.logits = true, .preprocessing = false}, "classifier");
}

TEST(Export, RefusesTwoGigabytesAndLeavesNothing) {
  const TemporaryFolder folder;
  OnnxDocument document{.name = "large"};
  const std::function<Tensor()> never = []() -> Tensor { throw Error("[test] was computed"); };
  document.constants.push_back({.name = "kernel", .shape = {1 << 15, 1 << 14}, .values = never});
  try {
    write_onnx(document, folder / "large.onnx");
    ADD_FAILURE() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("2 GB"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "large.onnx"));
}

TEST(Export, LeavesTheOldFileWhenAParameterCannotBeMade) {
  const TemporaryFolder folder;
  export_onnx(small_classifier(3, Activation::Kind::softmax), folder / "model.onnx");
  const auto before = read_file(folder / "model.onnx");
  OnnxDocument document{.name = "broken"};
  document.constants.push_back(
      {.name = "kernel", .shape = {2}, .values = std::function<Tensor()>([] { return Tensor({3}); })});
  EXPECT_THROW(write_onnx(document, folder / "model.onnx"), Error);
  EXPECT_EQ(read_file(folder / "model.onnx"), before);
}

}  // namespace
}  // namespace headstart::test
