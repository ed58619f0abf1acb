// The model file: everything comes back, and whatever is wrong in it is an Error.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "headstart/model.h"
#include "support/temporary_folder.h"
#include "weights/safetensors.h"
#include "weights/weight_bytes.h"
#include "weights/weight_file.h"

namespace headstart::test {
namespace {

Model small_model() {
  Model model;
  model.graph = Graph("tiny");
  auto id = model.graph.add("input", Input{{4, 4, 3}}, std::vector<NodeId>{});
  id = model.graph.add("conv", Conv2D{.filters = 2, .kernel = {3, 3}}, id);
  id = model.graph.add("bn", BatchNormalization{}, id);
  id = model.graph.add("flatten", Flatten{}, id);
  model.graph.add("dense", Dense{.units = 2, .activation = {Activation::Kind::softmax}}, id);
  model.graph.set_trainable_from("dense");
  model.parameters = initialize(model.graph, 7);
  model.preprocessing = {.height = 4,
                         .width = 4,
                         .kernel = ResizeKernel::nearest,
                         .bgr = true,
                         .scale = 0.5F,
                         .mean = {1, 2, 3},
                         .std = {4, 5, 6},
                         .mode = "custom"};
  model.class_names = {"cat", "dog \"\xc3\xa9\""};
  model.class_ids = {"n02123045", "n02084071"};
  model.ranges = {{"conv", {.low = -0.1F, .high = 0.1F}}, {"input", {.low = 0.0F, .high = 3.3333F}}};
  model.provenance = {{"architecture", "tiny"}, {"weights", "none"}};
  return model;
}

class ModelFile : public testing::Test {
 protected:
  // The Error of loading the file of small_model() with its metadata changed.
  std::string error_with(const std::function<void(std::map<std::string, std::string>&)>& change) {
    save_model(small_model(), path_);
    auto file = read_safetensors(exact_copy(load(path_)));
    change(file.metadata);
    write_safetensors(path_, file.tensors, file.metadata);
    return message_of([&] { load_model(path_); });
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "model.safetensors";
};

TEST_F(ModelFile, BringsEverythingBack) {
  const auto model = small_model();
  save_model(model, path_);
  const auto loaded = load_model(path_);
  EXPECT_EQ(loaded.graph.name(), "tiny");
  ASSERT_EQ(loaded.graph.nodes().size(), model.graph.nodes().size());
  for (std::size_t i = 0; i < model.graph.nodes().size(); ++i) {
    EXPECT_EQ(loaded.graph.nodes()[i].name, model.graph.nodes()[i].name);
    EXPECT_EQ(loaded.graph.nodes()[i].shape, model.graph.nodes()[i].shape);
    EXPECT_EQ(loaded.graph.nodes()[i].trainable, model.graph.nodes()[i].trainable);
  }
  EXPECT_EQ(loaded.preprocessing, model.preprocessing);
  EXPECT_EQ(loaded.class_names, model.class_names);
  EXPECT_EQ(loaded.class_ids, model.class_ids);
  EXPECT_EQ(loaded.provenance, model.provenance);
  EXPECT_EQ(loaded.ranges, model.ranges);
  ASSERT_EQ(loaded.parameters.size(), model.parameters.size());
  auto original = model.parameters.begin();
  for (const auto& [name, tensor] : loaded.parameters) {
    EXPECT_EQ(name, original->first);
    EXPECT_TRUE(
        std::equal(tensor.values().begin(), tensor.values().end(), original->second.values().begin()));
    ++original;
  }
}

TEST_F(ModelFile, LoadedParametersAreThePrivateCopyOfTheProcess) {
  save_model(small_model(), path_);
  const auto before = load(path_);
  auto model = load_model(path_);
  model.parameters.at("dense/bias")[0] = 42.0F;
  EXPECT_EQ(load(path_), before);
}

TEST_F(ModelFile, FailedSaveLeavesTheOldFile) {
  save_model(small_model(), path_);
  const auto before = load(path_);
  auto broken = small_model();
  broken.parameters = {};
  EXPECT_THROW(save_model(broken, path_), Error);
  EXPECT_EQ(load(path_), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(ModelFile, SavesNothingThatItWouldNotLoad) {
  save_model(small_model(), path_);
  const auto before = load(path_);
  const std::vector<std::function<void(Model&)>> faults{
      [](Model& m) { m.class_names = {"one"}; },
      [](Model& m) { m.temperature = 0.0; },
      [](Model& m) { m.preprocessing.height = -1; },
      [](Model& m) { m.preprocessing.std[1] = 0.0F; },
      [](Model& m) { m.preprocessing.scale = 0.0F; },
      [](Model& m) { m.parameters.insert("more", Tensor({1})); },
      [](Model& m) { m.parameters.at("dense/bias")[0] = std::nanf(""); }};
  for (std::size_t i = 0; i < faults.size(); ++i) {
    auto broken = small_model();
    faults[i](broken);
    EXPECT_THROW(save_model(broken, path_), Error) << i;
  }
  EXPECT_EQ(load(path_), before);
}

TEST_F(ModelFile, RefusesHostileMetadata) {
  using Metadata = std::map<std::string, std::string>;
  EXPECT_TRUE(says(error_with([](Metadata& m) { m.clear(); }), "not one of Headstart's"));
  EXPECT_TRUE(says(error_with([](Metadata& m) { m["headstart.version"] = "2"; }), "received version 2"));
  EXPECT_TRUE(says(error_with([](Metadata& m) { m["headstart.graph"] = "{}"; }), "[graph]"));
  EXPECT_TRUE(
      says(error_with([](Metadata& m) { m["headstart.graph"] = std::string(100000, '['); }), "[graph]"));
  EXPECT_TRUE(
      says(error_with([](Metadata& m) { m["headstart.class_names"] = "[\"one\"]"; }), "1 class names"));
  EXPECT_TRUE(
      says(error_with([](Metadata& m) { m["headstart.class_names"] = "[1, 2]"; }), "expected strings"));
  EXPECT_TRUE(says(error_with([](Metadata& m) { m["headstart.class_ids"] = "{}"; }), "expected an array"));
  EXPECT_TRUE(
      says(error_with([](Metadata& m) { m["headstart.provenance"] = "{\"a\":1}"; }), "expected a string"));
  for (const char* ranges : {"[]", "{\"a\":1}", "{\"a\":[0]}", "{\"a\":[0,\"b\"]}", "{\"a\":[0,0]}",
                             "{\"a\":[1,2]}", "{\"a\":[0,1e300]}", "{"}) {
    EXPECT_TRUE(says(error_with([ranges](Metadata& m) { m["headstart.ranges"] = ranges; }), "[model]"))
        << ranges;
  }
  const auto preprocessing = [](const std::string& from, const std::string& to) {
    return [from, to](Metadata& m) {
      auto& text = m["headstart.preprocessing"];
      ASSERT_NE(text.find(from), std::string::npos) << text;
      text.replace(text.find(from), from.size(), to);
    };
  };
  EXPECT_TRUE(says(error_with(preprocessing("\"height\":4", "\"height\":0")), "\"height\""));
  EXPECT_TRUE(says(error_with(preprocessing("\"height\":4", "\"height\":1e300")), "\"height\""));
  EXPECT_TRUE(says(error_with(preprocessing("\"channels\":3", "\"channels\":2")), "1 or 3 channels"));
  EXPECT_TRUE(says(error_with(preprocessing("[4.0,5.0,6.0]", "[4.0,0.0,6.0]")), "std without zeros"));
  EXPECT_TRUE(says(error_with(preprocessing("\"scale\":0.5", "\"scale\":1e300")), "\"scale\""));
  EXPECT_TRUE(says(error_with(preprocessing("\"nearest\"", "\"best\"")), "best"));
}

TEST_F(ModelFile, RefusesParametersThatDoNotFitTheGraph) {
  save_model(small_model(), path_);
  auto file = read_safetensors(exact_copy(load(path_)));
  file.tensors.insert("extra", Tensor({1}));
  write_safetensors(path_, file.tensors, file.metadata);
  EXPECT_TRUE(says(message_of([&] { load_model(path_); }), "the file holds 9"));
  write_safetensors(path_, Parameters(), file.metadata);
  EXPECT_TRUE(says(message_of([&] { load_model(path_); }), "conv/kernel is missing"));
}

// small_model's dense layer reads 2 x 2 positions of 2 channels.
Model model_with_limits() {
  Model model = small_model();
  model.acceptance = Acceptance{.node = "flatten",
                                .centroids = Tensor({2, 2}, std::vector<float>{1, 0, 0, 1}),
                                .directions = Tensor({1, 2}, std::vector<float>{3, 4}),
                                .noise = 0.1,
                                .limits = {1.5, 2.0 / 3.0},
                                .share = 0.99};
  return model;
}

TEST_F(ModelFile, BringsBackWhatIsUnknown) {
  const Model model = model_with_limits();
  save_model(model, path_);
  const Model loaded = load_model(path_);
  ASSERT_TRUE(loaded.acceptance);
  EXPECT_EQ(loaded.acceptance->node, "flatten");
  EXPECT_EQ(loaded.acceptance->noise, 0.1);
  EXPECT_EQ(loaded.acceptance->share, 0.99);
  EXPECT_EQ(loaded.acceptance->limits, model.acceptance->limits);
  EXPECT_EQ(loaded.acceptance->centroids.shape(), (Shape{2, 2}));
  EXPECT_EQ(loaded.acceptance->directions[1], 4.0F);
  EXPECT_EQ(loaded.parameters.size(), model.parameters.size());
  // As weights for another network it is what it was.
  EXPECT_EQ(read_weight_file(path_).tensors.size(), model.parameters.size());
  const auto with = load(path_);
  save_model(loaded, path_);
  EXPECT_EQ(load(path_), with);
  save_model(small_model(), path_);
  EXPECT_FALSE(load_model(path_).acceptance);
}

TEST_F(ModelFile, RefusesHostileLimits) {
  save_model(model_with_limits(), path_);
  const auto written = load(path_);
  const auto refused = [&](const std::function<void(Safetensors&)>& change) {
    auto file = read_safetensors(exact_copy(written));
    change(file);
    write_safetensors(path_, file.tensors, file.metadata);
    return says(message_of([&] { load_model(path_); }), "[model]");
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    return refused([&](Safetensors& file) {
      auto& text = file.metadata.at("headstart.acceptance");
      ASSERT_NE(text.find(from), std::string::npos) << text;
      text.replace(text.find(from), from.size(), to);
    });
  };
  EXPECT_TRUE(replaced("\"flatten\"", "\"nowhere\""));
  EXPECT_TRUE(replaced("\"flatten\"", "3"));
  EXPECT_TRUE(replaced("\"noise\":0.1", "\"noise\":0"));
  EXPECT_TRUE(replaced("\"noise\":0.1", "\"noise\":1e999"));
  EXPECT_TRUE(replaced("\"noise\":0.1", "\"noise\":null"));
  EXPECT_TRUE(replaced("\"share\":0.99", "\"share\":1"));
  EXPECT_TRUE(replaced("[1.5,", "[1.5,1,"));
  EXPECT_TRUE(replaced("[1.5,", "[-1,"));
  EXPECT_TRUE(replaced("[1.5,", "[\"a\","));
  EXPECT_TRUE(replaced("\"limits\"", "\"others\""));
  EXPECT_TRUE(refused([](Safetensors& file) { file.metadata["headstart.acceptance"] = "[]"; }));
  EXPECT_TRUE(refused([](Safetensors& file) { file.metadata.erase("headstart.acceptance"); }));
  const auto with_tensor = [&](const std::string& changed, const Tensor& tensor) {
    return refused([&](Safetensors& file) {
      Parameters tensors;
      for (const auto& [name, value] : file.tensors) {
        if (name != changed) {
          tensors.insert(name, value);
        } else if (!tensor.empty()) {
          tensors.insert(name, tensor);
        }
      }
      file.tensors = std::move(tensors);
    });
  };
  const float infinite = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(with_tensor("headstart.acceptance/centroids", Tensor()));
  EXPECT_TRUE(with_tensor("headstart.acceptance/centroids", Tensor({2, 3})));
  EXPECT_TRUE(
      with_tensor("headstart.acceptance/centroids", Tensor({2, 2}, std::vector<float>{1, 0, infinite, 0})));
  EXPECT_TRUE(with_tensor("headstart.acceptance/directions", Tensor({3, 2})));
  EXPECT_TRUE(with_tensor("headstart.acceptance/directions", Tensor({4})));
}

}  // namespace
}  // namespace headstart::test
