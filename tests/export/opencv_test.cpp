// Exported files in OpenCV's dnn, which Debian has: every op, and a member of every family of the zoo.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <opencv2/dnn.hpp>

#include "exported.h"
#include "support/temporary_folder.h"

namespace headstart::test {
namespace {

// `output`: the last operation's when it is not named.
std::vector<float> run_opencv(const std::string& path, const Tensor& input, const std::string& name = "") {
  cv::dnn::Net net = cv::dnn::readNetFromONNX(path);
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  const std::vector<int> shape(input.shape().begin(), input.shape().end());
  net.setInput(cv::Mat(shape, CV_32F, const_cast<float*>(input.data())));
  const cv::Mat output = net.forward(name);
  const auto* values = output.ptr<float>();
  return {values, values + output.total()};
}

// What OpenCV 4.6 refuses or gets wrong, whoever wrote the file: Clip with limits as inputs (relu6),
// constants that broadcast to rows, uneven padding of transposed convolutions, padding that an average
// counts, Gather of several indices, Pad of a constant. ONNX Runtime computes them (onnx_runtime_test.cpp).
// OpenCV 4.10 ends in a fault when it reads a gelu by tanh, and computes four families otherwise than 4.6 and
// ONNX Runtime do from the same bytes.
bool is_beyond_opencv(std::string_view name) {
  constexpr std::array<std::string_view, 18> kParts{"relu6",
                                                    "activations_of_one_kind",
                                                    "sums_behind_products",
                                                    "layer_norm",
                                                    "scale_rows",
                                                    "convnext",
                                                    "transformer",
                                                    "transposed_same",
                                                    "transposed_dil",
                                                    "transposed_output",
                                                    "windows",
                                                    "class_token",
                                                    "swin",
                                                    "vit",
                                                    "inverted_residual",
                                                    "depthwise_block",
                                                    "average_pooling_counting_3",
                                                    "convolutional_squeeze"};
  constexpr std::array<std::string_view, 4> kPartsLater{"gelu_tanh", "efficientnet", "nasnet", "shufflenet"};
  constexpr bool kLater = CV_VERSION_MAJOR > 4 || CV_VERSION_MINOR > 6;
  const auto is_in_name = [&](auto part) { return name.find(part) != name.npos; };
  return std::ranges::any_of(kParts, is_in_name) || name.starts_with("mobilenet") ||
         (kLater && std::ranges::any_of(kPartsLater, is_in_name));
}

void expect_the_same(const std::string& name, const std::string& path, const Comparison& comparison) {
  if (is_beyond_opencv(name)) {
    GTEST_SKIP() << "not for OpenCV " CV_VERSION;
  }
  try {
    EXPECT_LE(relative_difference(run_opencv(path, comparison.input), comparison.expected), kTolerance);
  } catch (const cv::Exception& refused) {
    if (CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR == 6) {
      FAIL() << refused.what();
    }
    GTEST_SKIP() << "refused by OpenCV " CV_VERSION ": " << refused.what();
  }
}

class OpenCvOps : public testing::TestWithParam<reference::Case> {};

TEST_P(OpenCvOps, ComputesTheSame) {
  const TemporaryFolder folder;
  reference::Case which = GetParam();
  which.batch = 1;  // OpenCV 4.6 is wrong about broadcasting for more
  expect_the_same(which.name, folder / "model.onnx", export_case(which, folder / "model.onnx"));
}

std::string case_name(const testing::TestParamInfo<reference::Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Export, OpenCvOps, testing::ValuesIn(reference::all_cases()), case_name);

class OpenCvNetworks : public testing::TestWithParam<Architecture> {};

TEST_P(OpenCvNetworks, ComputesTheSame) {
  const TemporaryFolder folder;
  const auto comparison = export_network(random_network(GetParam()), folder / "model.onnx", 1);
  expect_the_same(GetParam().name, folder / "model.onnx", comparison);
}

INSTANTIATE_TEST_SUITE_P(Export, OpenCvNetworks, testing::ValuesIn(family_members()), network_name);

// A small classifier of pictures whose last layer is `last`.
Model classifier(const Dense& last, int channels = 3) {
  Model model;
  model.graph = Graph("small");
  NodeId x = model.graph.add("input", Input{{8, 6, channels}}, std::vector<NodeId>{});
  x = model.graph.add("conv", Conv2D{.filters = 4, .kernel = {3, 3}, .padding = Padding::same()}, x);
  x = model.graph.add("flatten", Flatten{}, x);
  model.graph.add("dense", last, x);
  model.parameters = reference::random_parameters(model.graph, 2);
  model.preprocessing =
      with_mode({.height = 8, .width = 6, .channels = channels}, channels == 1 ? "unit" : "caffe");
  return model;
}

void expect_probabilities(const Model& model, const ExportOptions& options = {}) {
  const TemporaryFolder folder;
  const auto comparison = export_probabilities(model, folder / "model.onnx", options);
  EXPECT_LE(relative_difference(run_opencv(folder / "model.onnx", comparison.input), comparison.expected),
            kTolerance);
}

TEST(OpenCvOutput, IsProbabilitiesWhateverTheNetworkEndsIn) {
  expect_probabilities(classifier({.units = 5}));
  expect_probabilities(classifier({.units = 5, .activation = {Activation::Kind::softmax}}));
  expect_probabilities(classifier({.units = 5, .activation = {Activation::Kind::sigmoid}}));
  expect_probabilities(classifier({.units = 1}));
  expect_probabilities(classifier({.units = 1, .activation = {Activation::Kind::sigmoid}}));
}

TEST(OpenCvOutput, IsAtTheModelsTemperature) {
  for (const int units : {1, 5}) {
    Model model = classifier({.units = units});
    model.temperature = 2.5;
    expect_probabilities(model);
  }
}

TEST(OpenCvInput, IsInTheLayoutThatWasAskedFor) {
  const Model model = classifier({.units = 5});
  expect_probabilities(model, {.layout = ImageLayout::channels_last});
  expect_probabilities(model, {.preprocessing = false, .layout = ImageLayout::channels_last});
  expect_probabilities(model, {.preprocessing = false});
}

TEST(OpenCvInput, BecomesGrayWhereTheNetworkWantsIt) { expect_probabilities(classifier({.units = 5}, 1)); }

// Pooled features, an image and a Flatten of one; one limit and several; one unit and several; logits too.
TEST(OpenCvOutput, TellsHowStrangeAPictureIs) {
  const auto expect = [](Model model, const std::vector<double>& limits, const ExportOptions& options) {
    accept_at_random(model, limits);
    const TemporaryFolder folder;
    const auto comparison = export_probabilities(model, folder / "model.onnx", options, 1);
    const auto run = [&](const char* name) {
      return run_opencv(folder / "model.onnx", comparison.input, name);
    };
    EXPECT_LE(relative_difference(run("strangeness"), comparison.strangeness), kTolerance);
    EXPECT_LE(relative_difference(run(options.logits ? "logits" : "probabilities"), comparison.expected),
              kTolerance);
  };
  Model pooled = classifier({.units = 3});
  pooled.graph = Graph("pooled");
  pooled.graph.add("input", Input{{8, 6, 3}}, std::vector<NodeId>{});
  pooled.graph.add("conv", Conv2D{.filters = 4, .kernel = {3, 3}, .padding = Padding::same()}, 0);
  pooled.graph.add("pool", GlobalAveragePooling2D{}, 1);
  pooled.graph.add("dense", Dense{.units = 3, .activation = {Activation::Kind::softmax}}, 2);
  pooled.parameters = reference::random_parameters(pooled.graph, 2);
  expect(pooled, {0.7, 0.7, 0.7}, {});
  expect(pooled, {0.5, 1.0, 2.0}, {});
  expect(pooled, {0.5, 1.0, 2.0}, {.logits = true});
  expect(classifier({.units = 5}), {0.5, 1.0, 2.0, 3.0, 4.0}, {});
  expect(classifier({.units = 1}), {0.5, 2.0}, {});
  expect(classifier({.units = 1, .activation = {Activation::Kind::sigmoid}}), {0.5, 2.0}, {});
}

}  // namespace
}  // namespace headstart::test
