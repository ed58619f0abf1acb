// Exported files in OpenCV's dnn, which Debian has: every op, and a member of every family of the zoo.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <opencv2/dnn.hpp>

#include "exported.h"

namespace headstart::test {
namespace {

// OpenCV's own sums are in another order, and its exponentials are approximations.
constexpr double kTolerance = 1e-4;

std::vector<float> run_opencv(const std::string& path, const Tensor& input) {
  cv::dnn::Net net = cv::dnn::readNetFromONNX(path);
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  const std::vector<int> shape(input.shape().begin(), input.shape().end());
  net.setInput(cv::Mat(shape, CV_32F, const_cast<float*>(input.data())));
  const cv::Mat output = net.forward();
  const auto* values = output.ptr<float>();
  return {values, values + output.total()};
}

class OpenCvOps : public testing::TestWithParam<reference::Case> {};

TEST_P(OpenCvOps, ComputesTheSame) {
  const ExportFolder folder;
  reference::Case which = GetParam();
  which.batch = 1;  // OpenCV 4.6 is wrong about broadcasting for more
  const auto comparison = export_case(which, folder.path("model.onnx"));
  EXPECT_LE(relative_difference(run_opencv(folder.path("model.onnx"), comparison.input), comparison.expected),
            kTolerance);
}

std::string case_name(const testing::TestParamInfo<reference::Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Export, OpenCvOps, testing::ValuesIn(reference::all_cases()), case_name);

class OpenCvNetworks : public testing::TestWithParam<Architecture> {};

TEST_P(OpenCvNetworks, ComputesTheSame) {
  const ExportFolder folder;
  const auto comparison = export_network(random_network(GetParam()), folder.path("model.onnx"), 1);
  EXPECT_LE(relative_difference(run_opencv(folder.path("model.onnx"), comparison.input), comparison.expected),
            kTolerance);
}

std::string network_name(const testing::TestParamInfo<Architecture>& info) {
  return info.param.name + (info.param.flavour == Flavour::torch ? "_torch" : "");
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
  const ExportFolder folder;
  const auto comparison = export_probabilities(model, folder.path("model.onnx"), options);
  EXPECT_LE(relative_difference(run_opencv(folder.path("model.onnx"), comparison.input), comparison.expected),
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

}  // namespace
}  // namespace headstart::test
