// Whose network of a name a weight file belongs to, and what --flavour adds.
#include <filesystem>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/open_model.h"
#include "headstart/progress.h"
#include "model/weight_flavour.h"

namespace headstart::test {
namespace {

WeightFile file_of(WeightFormat format, const std::vector<std::string>& names = {}) {
  WeightFile file{.format = format};
  for (const auto& name : names) {
    file.tensors.insert(name, Tensor({1}));
  }
  return file;
}

std::optional<Flavour> told(const WeightFile& file, const std::string& architecture = "resnet50") {
  return weight_flavour(architecture, file, "/nowhere/file");
}

TEST(WeightFlavour, TheFormatTells) {
  EXPECT_EQ(told(file_of(WeightFormat::pytorch)), Flavour::torch);
  EXPECT_EQ(told(file_of(WeightFormat::keras_h5)), Flavour::keras);
  EXPECT_EQ(told(file_of(WeightFormat::tfjs)), Flavour::keras);
}

TEST(WeightFlavour, TheExporterOfAnOnnxFileTells) {
  auto file = file_of(WeightFormat::onnx);
  file.producer = "pytorch";
  EXPECT_EQ(told(file), Flavour::torch);
  file.producer = "tf2onnx";
  EXPECT_EQ(told(file), Flavour::keras);
}

TEST(WeightFlavour, TheNamesInASafetensorsFileTell) {
  EXPECT_EQ(told(file_of(WeightFormat::safetensors, {"layer1.0.conv1.weight", "fc.bias"})), Flavour::torch);
  EXPECT_EQ(told(file_of(WeightFormat::safetensors, {"conv1_conv/kernel", "predictions/bias"})),
            Flavour::keras);
}

// `convert resnet50.pth resnet50.h5` keeps torchvision's layers.
TEST(WeightFlavour, TheNamesInAKerasFileTell) {
  EXPECT_EQ(
      told(file_of(WeightFormat::keras_h5, {"conv1/conv1/kernel:0", "layer1.0.conv1/layer1.0.conv1/kernel:0",
                                            "layer1.0.conv2/layer1.0.conv2/kernel:0"})),
      Flavour::torch);
  EXPECT_EQ(
      told(file_of(WeightFormat::keras_h5, {"mobilenetv2_1.00_224/Conv1/kernel:0", "dense/dense/bias:0"}),
           "mobilenet_v2"),
      Flavour::keras);
}

TEST(WeightFlavour, IsNothingWhereANameHasOneNetwork) {
  EXPECT_EQ(told(file_of(WeightFormat::pytorch), "mobilenet"), std::nullopt);
  EXPECT_EQ(told(file_of(WeightFormat::keras_h5), "resnet18"), std::nullopt);
}

TEST(WeightFlavour, AskingIsForFilesThatDoNotTell) {
  const auto resnet = file_of(WeightFormat::pytorch);
  EXPECT_EQ(flavour_for("resnet50", resnet, "a.pth", std::nullopt), Flavour::torch);
  EXPECT_EQ(flavour_for("resnet50", resnet, "a.pth", Flavour::torch), Flavour::torch);
  EXPECT_EQ(flavour_for("resnet18", resnet, "a.pth", Flavour::keras),
            Flavour::keras);  // only one row: harmless
  EXPECT_THROW(flavour_for("resnet50", resnet, "a.pth", Flavour::keras), Error);
}

Model opened(const std::string& weights, std::optional<Flavour> flavour) {
  Progress progress;
  ModelRequest request{.model = "vgg16", .weights = weights};
  request.architecture = {.height = 32, .width = 32, .include_top = false, .flavour = flavour};
  return open_model(request, progress);
}

TEST(OpenModel, WithoutWeightsTheFlavourIsAskedFor) {
  EXPECT_EQ(opened("none", std::nullopt).provenance.at("flavour"), "keras");
  const auto torch = opened("none", Flavour::torch);
  EXPECT_EQ(torch.provenance.at("flavour"), "torch");
  EXPECT_TRUE(torch.graph.find("features.0"));
}

TEST(OpenModel, AWeightFileDecidesTheFlavour) {
  const auto folder = std::filesystem::temp_directory_path();
  const auto torch = opened("none", Flavour::torch);
  const auto keras = opened("none", Flavour::keras);
  const std::vector<std::tuple<const char*, const Model*, TensorNames, const char*>> cases{
      {"headstart_flavour.pth", &torch, TensorNames::headstart, "torch"},
      {"headstart_flavour.h5", &keras, TensorNames::headstart, "keras"},
      {"headstart_flavour.safetensors", &torch, TensorNames::torch, "torch"},
      {"headstart_flavour.safetensors", &keras, TensorNames::headstart, "keras"}};
  for (const auto& [name, model, names, flavour] : cases) {
    const auto path = (folder / name).string();
    write_weights(model->graph, model->parameters, path, names);
    const auto loaded = opened(path, std::nullopt);
    EXPECT_EQ(loaded.provenance.at("flavour"), flavour) << name;
    const auto& some = model->parameters.begin()->first;
    EXPECT_EQ(loaded.parameters.at(some)[5], model->parameters.at(some)[5]) << name;
    std::filesystem::remove(path);
  }
}

}  // namespace
}  // namespace headstart::test
