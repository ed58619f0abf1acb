// A whole model inside a model, as Teachable Machine exports it: TensorFlow.js wrote it and computed its
// output (tests/tools/make_tfjs_files.cjs); the same as a zip and as Keras .h5 with labels.txt.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <zip.h>
#include <nlohmann/json.hpp>

#include "headstart/model.h"
#include "headstart/open_model.h"
#include "headstart/predict.h"
#include "support/tolerance.h"
#include "weights/labels.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kLabels{"cat", "dog", "nobody"};

std::string teachable(const std::string& name) { return data_path("weights/teachable/" + name); }

Model open(const std::string& path) {
  Progress progress;
  ModelRequest request;
  request.model = path;
  return open_model(request, progress);
}

void expect_tensorflows_output(const Model& model) {
  Tensor input({2, 8, 8, 3});
  for (std::int64_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<float>(std::sin(static_cast<double>(i)) * 2);
  }
  std::ifstream file(teachable("output.json"));
  const auto expected = nlohmann::json::parse(file).get<std::vector<float>>();
  const auto output = Predictor(model, {model.graph.output()}, Precision::f32).run(input)[0];
  // Probabilities after six layers in f32, in another order of sums.
  EXPECT_TRUE(all_close(output.values(), expected, {.atol = 1e-5, .rtol = 1e-4}));
}

TEST(TeachableMachine, ThePageOfModelJsonIsACompleteModel) {
  const auto model = open(teachable("model.json"));
  EXPECT_EQ(model.graph.input_shape(), (Shape{8, 8, 3}));
  EXPECT_TRUE(model.graph.find("sequential_1/model1/expanded_conv_depthwise"));
  EXPECT_EQ(model.class_names, kLabels);
  EXPECT_EQ(model.preprocessing.mode, "tf");
  expect_tensorflows_output(model);
}

void add_to_zip(zip_t* archive, const std::string& name, const Bytes& bytes) {
  auto* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  ASSERT_GE(zip_file_add(archive, name.c_str(), source, ZIP_FL_OVERWRITE), 0);
}

TEST(TeachableMachine, TheDownloadedZipToo) {
  const auto path = (fs::temp_directory_path() / "headstart_teachable.zip").string();
  const std::vector<std::string> names{"model.json", "weights.bin", "metadata.json"};
  std::vector<Bytes> contents;
  for (const auto& name : names) {
    contents.push_back(load(teachable(name)));
  }
  int code = 0;
  auto* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  ASSERT_NE(archive, nullptr);
  for (std::size_t i = 0; i < names.size(); ++i) {
    add_to_zip(archive, "tm-my-image-model/" + names[i], contents[i]);
  }
  ASSERT_EQ(zip_close(archive), 0);
  const auto model = open(path);
  fs::remove(path);
  EXPECT_EQ(model.class_names, kLabels);
  expect_tensorflows_output(model);
}

TEST(TeachableMachine, AZipInAZipIsRefused) {
  const auto path = (fs::temp_directory_path() / "headstart_zip_in_zip.zip").string();
  const auto inner = golden("zip.pth");
  int code = 0;
  auto* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  add_to_zip(archive, "model.h5", inner);
  ASSERT_EQ(zip_close(archive), 0);
  EXPECT_TRUE(says(message_of([&] { read_weight_file(path); }), "received another archive"));
  fs::remove(path);
}

TEST(TeachableMachine, AKerasFileWithLabelsBesideIt) {
  const auto model = open(teachable("keras_model.h5"));
  EXPECT_EQ(model.class_names, kLabels);
  EXPECT_EQ(model.preprocessing.mode, "tf");
  expect_tensorflows_output(model);
}

std::vector<std::string> labels_of(const Folder& folder) {
  return read_labels([&](const std::string& name) {
    if (!folder.contains(name)) {
      throw Error("[test] no " + name);
    }
    return exact_copy(folder.at(name));
  });
}

TEST(Labels, FromJsonElseFromLines) {
  using Labels = std::vector<std::string>;
  EXPECT_EQ(labels_of({{"metadata.json", to_bytes(R"({"labels":["a","b"]})")}}), (Labels{"a", "b"}));
  EXPECT_EQ(labels_of({{"labels.txt", to_bytes("0 a cat\n1 b\r\n\n")}}), (Labels{"a cat", "b"}));
  EXPECT_EQ(labels_of({{"labels.txt", to_bytes("a\n1 b\n")}}), (Labels{"a", "1 b"}));
  EXPECT_EQ(labels_of({{"metadata.json", to_bytes("{")}, {"labels.txt", to_bytes("a")}}), Labels{"a"});
  EXPECT_EQ(labels_of({{"metadata.json", to_bytes(R"({"labels":[1]})")}}), Labels{});
  EXPECT_EQ(labels_of({}), Labels{});
}

}  // namespace
}  // namespace headstart::test
