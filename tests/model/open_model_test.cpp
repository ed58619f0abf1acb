// From a name and a source of weights to a model: tops, class names, and what each misuse is told.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "headstart/convert.h"
#include "headstart/error.h"
#include "headstart/head.h"
#include "headstart/open_model.h"
#include "headstart/weights.h"
#include "support/error_message.h"
#include "support/paths.h"
#include "support/temporary_folder.h"

namespace headstart::test {
namespace {

namespace fs = std::filesystem;

class OpenModelFiles : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }
  std::string written(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }

 private:
  TemporaryFolder folder_;
};

// A small network of the zoo.
ModelRequest small(const std::string& weights, bool include_top = true, int classes = 3) {
  return {.model = "mobilenet",
          .weights = weights,
          .architecture = {
              .height = 32, .width = 32, .alpha = 0.25, .include_top = include_top, .classes = classes}};
}

Model open(const ModelRequest& request) {
  Progress progress;
  return open_model(request, progress);
}

// A model file, or a name without weights.
ModelRequest only(const std::string& model) {
  ModelRequest request;
  request.model = model;
  return request;
}

std::string error_of(const ModelRequest& request) {
  return message_of([&] { open(request); });
}

// Both of Keras's NASNets are called so.
TEST_F(OpenModelFiles, AWholeNasnetOfKerasHasItsArithmetic) {
  const auto model = written(
      "model.json",
      R"({"format":"layers-model","weightsManifest":[],"modelTopology":{"model_config":{"class_name":)"
      R"("Sequential","config":{"name":"NASNet","layers":[{"class_name":"GlobalAveragePooling2D","config":)"
      R"({"name":"pool","batch_input_shape":[null,8,8,3]}}]}}}})");
  EXPECT_EQ(open(only(model)).preprocessing.mode, "tf");
}

TEST_F(OpenModelFiles, AFileWithATopFillsBoth) {
  const Model whole = open(small("none"));
  write_weights(whole.graph, whole.parameters, path("whole.h5"));
  const Model again = open(small(path("whole.h5")));
  EXPECT_EQ(again.parameters.size(), whole.parameters.size());
  EXPECT_EQ(again.provenance.at("weights"), path("whole.h5"));
  const Model base = open(small(path("whole.h5"), false));
  EXPECT_LT(base.parameters.size(), whole.parameters.size());
  EXPECT_EQ(base.parameters.at("conv1/kernel")[7], whole.parameters.at("conv1/kernel")[7]);
}

TEST_F(OpenModelFiles, AFileWithoutATopFillsNone) {
  const Model base = open(small("none", false));
  write_weights(base.graph, base.parameters, path("base.h5"));
  EXPECT_NO_THROW(open(small(path("base.h5"), false)));
  const auto message = error_of(small(path("base.h5")));
  EXPECT_NE(message.find("conv_preds"), std::string::npos) << message;
  EXPECT_NE(message.find("give --no-top"), std::string::npos) << message;
}

TEST_F(OpenModelFiles, AnotherNumberOfClassesIsSaid) {
  const Model whole = open(small("none"));
  write_weights(whole.graph, whole.parameters, path("whole.h5"));
  const auto message = error_of(small(path("whole.h5"), true, 4));
  EXPECT_NE(message.find("expected (1, 1, 256, 4), received (1, 1, 256, 3)"), std::string::npos) << message;
  EXPECT_NE(message.find("give --classes 3"), std::string::npos) << message;
}

TEST_F(OpenModelFiles, NamesAndFilesThatAreNone) {
  EXPECT_NE(error_of(only("vgg61")).find("vgg16"), std::string::npos);
  EXPECT_NE(error_of(only(path("none.safetensors"))).find("no such file"), std::string::npos);
  EXPECT_NE(error_of(small(path("none.h5"))).find("none.h5"), std::string::npos);
  EXPECT_NE(error_of({.model = "lenet5", .weights = "imagenet"}).find("published"), std::string::npos);
}

TEST_F(OpenModelFiles, AModelFileTakesNoOptions) {
  const Model whole = open(small("none"));
  save_model(whole, path("model.safetensors"));
  EXPECT_NO_THROW(open(only(path("model.safetensors"))));
  EXPECT_NE(error_of({.model = path("model.safetensors"), .weights = "none"}).find("leave out"),
            std::string::npos);
  EXPECT_NE(error_of({.model = path("model.safetensors"), .architecture = {.flavour = Flavour::torch}})
                .find("leave out"),
            std::string::npos);
}

TEST_F(OpenModelFiles, WeightsAloneNeedANetworksName) {
  const Model whole = open(small("none"));
  write_weights(whole.graph, whole.parameters, path("whole.h5"));
  EXPECT_NE(error_of(only(path("whole.h5"))).find("--weights"), std::string::npos);
}

TEST_F(OpenModelFiles, ClassNamesFromAFileOfEitherKind) {
  auto request = small("none", true, 2);
  request.class_index = written("index.json", R"({"0": ["n01", "cat"], "1": ["n02", "dog"]})");
  Model model = open(small("none", true, 2));
  read_class_index(model, request.class_index);
  EXPECT_EQ(model.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(model.class_ids, (std::vector<std::string>{"n01", "n02"}));
  read_class_index(model, written("labels.txt", "cat\ndog\r\n\n"));
  EXPECT_EQ(model.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_THROW(read_class_index(model, written("three.txt", "a\nb\nc\n")), Error);
  EXPECT_THROW(read_class_index(model, written("holes.json", R"({"0": ["n", "a"], "2": ["n", "b"]})")),
               Error);
}

// What convert writes of a trained model, head and all, is what is read back, whichever network it has.
TEST_F(OpenModelFiles, ConvertKeepsTheHeadOfATrainedModel) {
  struct Trained {
    std::string network;
    Flavour flavour;
    int side;
    std::string head;
  };
  for (const auto& [network, flavour, side, head] :
       {Trained{"vgg16", Flavour::keras, 32, "flatten,dense:4:relu,dropout:0.5,dense"},
        Trained{"mobilenet_v2", Flavour::keras, 32, "gap,dense"},
        Trained{"mobilenet_v2", Flavour::torch, 64, "flatten,dense:4:relu,dense"},
        Trained{"resnet18", Flavour::torch, 32, "gap,dense"},
        Trained{"vit_tiny_patch16_224", Flavour::torch, 224, "flatten,dense"}}) {
    SCOPED_TRACE(network + " " + head);
    const Model base =
        open({.model = network,
              .weights = "none",
              .architecture = {.height = side, .width = side, .include_top = false, .flavour = flavour}});
    Model model = with_head(base, {.head = head, .classes = 3}, 7);
    model.class_names = {"a", "b", "c"};
    fs::create_directories(path("run"));
    save_model(model, path("run/model.safetensors"));
    for (const char* name : {"out.h5", "out.pth", "out.safetensors", "torch.safetensors"}) {
      SCOPED_TRACE(name);
      const ConvertRequest request{
          .source = path("run"),
          .destination = path(name),
          .architecture = "",
          .names = std::string(name).starts_with("torch") ? TensorNames::torch : TensorNames::headstart};
      const auto conversion = read_foreign_weights(request);
      EXPECT_EQ(conversion.report.mapped.size(), model.parameters.size());
      write_converted(conversion.model, request);
      const auto mapped = map_weights(model.graph, read_weight_file(path(name)));
      EXPECT_TRUE(mapped.report.unused.empty());
      for (const auto& [parameter, tensor] : model.parameters) {
        EXPECT_TRUE(std::ranges::equal(mapped.parameters.at(parameter).values(), tensor.values()))
            << parameter;
      }
    }
    EXPECT_EQ(load_model(path("out.safetensors")).class_names, model.class_names);
  }
}

TEST_F(OpenModelFiles, ConvertTakesAFolderForItsModelFile) {
  const Model whole = open(small("none"));
  fs::create_directories(path("run"));
  save_model(whole, path("run/model.safetensors"));
  ConvertRequest request{.source = path("run"), .destination = path("out.h5"), .architecture = "mobilenet"};
  request.options = small("none").architecture;
  EXPECT_TRUE(read_foreign_weights(request).report.missing.empty());
  request.architecture = "";
  EXPECT_THROW(read_foreign_weights(request), Error);  // the file has its own size and classes
  EXPECT_FALSE(needs_architecture(path("run")));
  EXPECT_TRUE(needs_architecture("vgg16.pth"));
}

TEST_F(OpenModelFiles, ConvertRefusesADestinationBeforeAnyWork) {
  EXPECT_THROW(read_foreign_weights(
                   {.source = path("no.h5"), .destination = path("out.npz"), .architecture = "vgg16"}),
               Error);
}

}  // namespace
}  // namespace headstart::test
