// Real pre-trained weights of ../shared onto the zoo's networks.
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "headstart/model.h"
#include "headstart/zoo.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

Graph network(const std::string& name, bool include_top, double alpha = 1.0) {
  ArchitectureOptions options;
  options.include_top = include_top;
  options.alpha = alpha;
  return build_architecture(architecture(name), options);
}

MappedWeights mapped(const Graph& graph, const std::string& file) {
  return map_weights(graph, read_weight_file(shared_path("weights/" + file)));
}

void expect_bit_equal(const Parameters& a, const Parameters& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    const auto& other = b.at(name);
    ASSERT_EQ(tensor.shape(), other.shape()) << name;
    EXPECT_EQ(
        std::memcmp(tensor.data(), other.data(), static_cast<std::size_t>(tensor.size()) * sizeof(float)), 0)
        << name;
  }
}

constexpr const char* kMobileNetH5 = "mobilenet_v1_0.25_224.h5";
constexpr const char* kMobileNetTfjs = "mobilenet_v1_0.25_224_tfjs/model.json";

TEST(RealFiles, MobileNetIsTheSameFromH5AndTfjs) {
  HEADSTART_NEEDS_SHARED();
  const auto graph = network("mobilenet", true, 0.25);
  const auto h5 = mapped(graph, kMobileNetH5);
  const auto tfjs = mapped(graph, kMobileNetTfjs);
  EXPECT_EQ(h5.report.parameters, 475'544);
  EXPECT_TRUE(h5.report.unused.empty());
  EXPECT_TRUE(tfjs.report.unused.empty());
  expect_bit_equal(h5.parameters, tfjs.parameters);
}

TEST(RealFiles, MobileNetWithTopFillsABaseWithoutOne) {
  HEADSTART_NEEDS_SHARED();
  const auto base = mapped(network("mobilenet", false, 0.25), kMobileNetH5);
  EXPECT_EQ(base.report.unused,
            (std::vector<std::string>{"conv_preds/conv_preds/kernel:0", "conv_preds/conv_preds/bias:0"}));
}

TEST(RealFiles, MobileNetV2AndSqueezeNetMapWholly) {
  HEADSTART_NEEDS_SHARED();
  const auto v2 = mapped(network("mobilenet_v2", false),
                         "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5");
  EXPECT_EQ(v2.report.parameters, 2'257'984);
  EXPECT_TRUE(v2.report.unused.empty());
  const auto squeezenet =
      mapped(network("squeezenet", false), "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5");
  EXPECT_TRUE(squeezenet.report.unused.empty());
  EXPECT_EQ(squeezenet.report.parameters, 722'496);
}

TEST(RealFiles, ResNet20LoadsWithNothingMissingOrUnused) {
  HEADSTART_NEEDS_SHARED();
  const auto result = mapped(network("resnet20_cifar", true), "cifar10_resnet20.th");
  EXPECT_TRUE(result.report.missing.empty());
  EXPECT_TRUE(result.report.unused.empty());
  EXPECT_EQ(result.report.parameters, 269'722 + 2 * 688);  // trainable ones and the moving statistics
}

TEST(RealFiles, H5ToSafetensorsAndBackIsBitEqual) {
  HEADSTART_NEEDS_SHARED();
  const auto graph = network("mobilenet", true, 0.25);
  const auto original = mapped(graph, kMobileNetH5).parameters;
  const auto folder = std::filesystem::temp_directory_path();
  for (const auto* name : {"headstart_real.safetensors", "headstart_real.h5"}) {
    const auto path = (folder / name).string();
    write_weights(graph, original, path);
    expect_bit_equal(original, map_weights(graph, read_weight_file(path)).parameters);
    std::filesystem::remove(path);
  }
}

TEST(RealFiles, AnotherArchitectureIsRefusedWithASummary) {
  HEADSTART_NEEDS_SHARED();
  const auto message = message_of([] { mapped(network("vgg16", false), kMobileNetH5); });
  EXPECT_TRUE(says(message, "expected the parameters of vgg16"));
  EXPECT_LT(message.size(), 1000U);
  EXPECT_THROW(mapped(network("mobilenet", true, 0.5), kMobileNetH5), Error);
}

}  // namespace
}  // namespace headstart::test
