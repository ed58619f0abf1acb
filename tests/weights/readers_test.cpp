// Every reader against files that other people's writers made (tests/tools/make_weight_files.py) or written
// by hand.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "weights/element_type.h"
#include "weights/safetensors.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

using Names = std::vector<std::string>;

std::vector<float> ramp(std::size_t count, float offset) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), offset);
  return values;
}

void expect_values(const WeightFile& file, const std::string& name, const Shape& shape,
                   const std::vector<float>& values) {
  ASSERT_TRUE(file.tensors.contains(name)) << name;
  const auto& tensor = file.tensors.at(name);
  EXPECT_EQ(tensor.shape(), shape) << name;
  EXPECT_EQ(std::vector<float>(tensor.values().begin(), tensor.values().end()), values) << name;
}

void expect_ramp(const WeightFile& file, const std::string& name, const Shape& shape, float offset) {
  expect_values(file, name, shape, ramp(static_cast<std::size_t>(element_count(shape)), offset));
}

class KerasFile : public testing::TestWithParam<const char*> {};

TEST_P(KerasFile, GivesEveryWeightInOrder) {
  const auto file = read_bytes(golden(GetParam()), GetParam());
  EXPECT_EQ(file.format, WeightFormat::keras_h5);
  ASSERT_EQ(file.layers.size(), 3U);
  EXPECT_EQ(file.layers[0].name, "conv");
  EXPECT_EQ(file.layers[1].weights,
            (Names{"bn/bn/gamma:0", "bn/bn/beta:0", "bn/bn/moving_mean:0", "bn/bn/moving_variance:0"}));
  EXPECT_EQ(file.tensors.size(), 8U);
  expect_ramp(file, "conv/conv/kernel:0", {3, 3, 2, 4}, 0);
  expect_ramp(file, "conv/conv/bias:0", {4}, 100);
  expect_ramp(file, "bn/bn/moving_variance:0", {4}, 4);
  expect_ramp(file, "dense/dense/kernel:0", {4, 3}, 0);
  expect_ramp(file, "dense/dense/bias:0", {3}, 50);
}

INSTANTIATE_TEST_SUITE_P(Variants, KerasFile,
                         testing::Values("fixed.h5", "variable.h5", "chunked.h5", "compact.h5", "half.h5",
                                         "big_endian_double.h5", "latest.h5", "whole_model.h5", "pieces.h5"));

TEST(KerasH5, KeepsTheModelsConfig) {
  EXPECT_TRUE(says(read_bytes(golden("whole_model.h5")).architecture_json, "\"Sequential\""));
  EXPECT_EQ(read_bytes(golden("fixed.h5")).architecture_json, "");
}

TEST(KerasH5, ReadsNumberedLayersOfTheOldestFiles) {
  const auto file = read_bytes(golden("numbered.h5"));
  ASSERT_EQ(file.layers.size(), 3U);
  expect_ramp(file, "layer_1/param_0", {3, 3, 2, 4}, 0);
  expect_ramp(file, "layer_3/param_1", {3}, 50);
}

TEST(KerasH5, KnowsTheanoKernelsByTheFilesName) {
  const auto bytes = golden("fixed.h5");
  EXPECT_EQ(read_bytes(bytes, "vgg16_weights_th_dim_ordering_th_kernels.h5").rotated_kernels, true);
  EXPECT_EQ(read_bytes(bytes, "vgg16_weights_tf_dim_ordering_tf_kernels.h5").rotated_kernels, false);
  EXPECT_EQ(read_bytes(bytes, "mine.h5").rotated_kernels, std::nullopt);
}

TEST(KerasH5, NamesWhatItDoesNotRead) {
  EXPECT_TRUE(says(message_of([] { read_bytes(golden("compressed.h5")); }), "h5repack -f NONE"));
}

TEST(KerasV3, NamesLayersByTheirAttribute) {
  const auto file = read_bytes(golden("named.weights.h5"));
  EXPECT_EQ(file.format, WeightFormat::keras_h5);
  ASSERT_EQ(file.layers.size(), 3U);  // neither seeds nor the optimizer
  expect_ramp(file, "base/conv/0", {3, 3, 2, 4}, 0);
  expect_ramp(file, "base/bn/3", {4}, 4);
  expect_ramp(file, "dense/1", {3}, 50);
}

TEST(KerasV3, NamesLayersByTheirClassWithoutOne) {
  const auto file = read_bytes(golden("plain.weights.h5"));
  expect_ramp(file, "functional/conv2d/1", {4}, 100);
  expect_ramp(file, "functional/batch_normalization/2", {4}, 3);
}

TEST(KerasV3, ReadsTheBitsOfBfloat16) {
  auto bytes = golden("bfloat16.weights.h5");
  expect_values(read_bytes(bytes), "dense/0", {2, 2}, {1, 0, -2, 0.5});
  const std::string_view type = "bfloat16";
  const auto attribute = std::search(bytes.begin(), bytes.end(), type.begin(), type.end());
  ASSERT_NE(attribute, bytes.end());
  *attribute = 'B';
  EXPECT_TRUE(says(message_of([&] { read_bytes(bytes); }), "received opaque data"));
}

TEST(KerasV3, TheArchiveBringsNamesAndTheGraph) {
  const auto file = read_bytes(golden("plain.keras"));
  expect_ramp(file, "base/conv/0", {3, 3, 2, 4}, 0);
  const auto graph = graph_of(file);
  EXPECT_EQ(graph.name(), "outer");
  for (const auto* name : {"plain.keras", "named.weights.h5", "plain.weights.h5"}) {
    const auto mapped = map_weights(graph, read_bytes(golden(name)));
    EXPECT_TRUE(mapped.report.unused.empty()) << name;
    EXPECT_EQ(mapped.parameters.at("base/bn/moving_variance")[0], 4.0F) << name;
    EXPECT_EQ(mapped.parameters.at("dense/bias")[2], 52.0F) << name;
  }
}

class TorchFile : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(TorchFile, GivesEveryTensorOfTheStateDict) {
  const auto [name, prefix] = GetParam();
  const auto file = read_bytes(golden(name));
  const std::string p = prefix;
  EXPECT_EQ(file.format, WeightFormat::pytorch);
  EXPECT_EQ(file.tensors.size(), 9U);
  expect_ramp(file, p + "conv.weight", {4, 3, 2, 1}, 0);
  expect_ramp(file, p + "conv.bias", {4}, 100);
  expect_ramp(file, p + "shared.first", {12}, 0);
  expect_ramp(file, p + "shared.second", {3, 4}, 6);
  std::vector<float> transposed;
  for (int column = 0; column < 6; ++column) {
    for (int row = 0; row < 4; ++row) {
      transposed.push_back(static_cast<float>(row * 6 + column));
    }
  }
  expect_values(file, p + "strided", {6, 4}, transposed);
  expect_values(file, p + "half", {5}, {0.0F, 0.5F, 1.0F, 1.5F, 2.0F});
  expect_values(file, p + "bfloat", {5}, {0.0F, 2.0F, 4.0F, 6.0F, 8.0F});
  expect_values(file, p + "double", {5}, {0.0F, 0.25F, 0.5F, 0.75F, 1.0F});
  expect_values(file, p + "num_batches_tracked", {}, {7.0F});
}

INSTANTIATE_TEST_SUITE_P(Variants, TorchFile,
                         testing::Values(std::pair{"zip.pth", ""}, std::pair{"legacy.pth", ""},
                                         std::pair{"zip_model.pth", ""}, std::pair{"zip_example.pth", ""},
                                         std::pair{"zip_checkpoint.pth", "module."},
                                         std::pair{"legacy_checkpoint.pth", "module."}));

TEST(Torch, RefusesAPickledModuleByName) {
  EXPECT_TRUE(says(message_of([] { read_bytes(golden("whole_module.pth")); }),
                   "torch.nn.modules.container.Sequential"));
}

TEST(SafetensorsFile, ConvertsEveryType) {
  const auto bytes = safetensors_bytes(
      R"({"__metadata__":{"k":"v"},"u":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},)"
      R"("h":{"dtype":"F16","shape":[1],"data_offsets":[4,6]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]},)"
      R"("l":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},)"
      R"("none":{"dtype":"F32","shape":[0,3],"data_offsets":[16,16]}})",
      16);
  const auto file = read_bytes(bytes);
  EXPECT_EQ(file.format, WeightFormat::safetensors);
  expect_values(file, "u", {2, 2}, {0, 1, 2, 3});
  expect_values(file, "h", {1}, {half_to_float(0x0504)});
  expect_values(file, "b", {1}, {bfloat16_to_float(0x0706)});
  expect_values(file, "l", {1}, {static_cast<float>(0x0f0e0d0c0b0a0908)});
  EXPECT_EQ(file.tensors.at("none").shape(), (Shape{0, 3}));
}

// A sparse file: the offsets of a later tensor are past 2^30, so that their product is past that of a shape.
TEST(SafetensorsFile, ReadsTensorsBeyondAGigabyte) {
  std::string header = R"({"a":{"dtype":"F32","shape":[300000000],"data_offsets":[0,1200000000]},)"
                       R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1200000000,1200000008]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');  // aligned floats stay in the file
  const auto path = (std::filesystem::temp_directory_path() / "headstart_sparse.safetensors").string();
  const auto begin = safetensors_bytes(header, 0);
  write_file_atomically(path, [&begin](std::ostream& out) { out << as_text(begin); });
  std::filesystem::resize_file(path, begin.size() + 1'200'000'008);
  const auto file = read_weight_file(path);
  std::filesystem::remove(path);
  EXPECT_EQ(file.tensors.at("a").size(), 300'000'000);
  expect_values(file, "b", {2}, {0, 0});
}

TEST(SafetensorsFile, RoundTripKeepsBitsOrderAndMetadata) {
  Parameters parameters;
  parameters.insert("z/kernel", Tensor({2, 2}, std::vector<float>{1.0F, -0.0F, std::nanf(""), 1e-40F}));
  parameters.insert("a/bias", Tensor({1}, std::vector<float>{3.0F}));
  const auto path = (std::filesystem::temp_directory_path() / "headstart_round_trip.safetensors").string();
  write_safetensors(path, parameters, {{"note", "\"quoted\" \xc3\xa9"}});
  const auto file = read_safetensors(exact_copy(load(path)));
  std::filesystem::remove(path);
  EXPECT_EQ(file.metadata.at("note"), "\"quoted\" \xc3\xa9");
  ASSERT_EQ(file.tensors.size(), 2U);
  EXPECT_EQ(file.tensors.begin()->first, "z/kernel");
  EXPECT_EQ(std::memcmp(file.tensors.at("z/kernel").data(), parameters.at("z/kernel").data(), 16), 0);
}

TEST(Half, CoversSubnormalsInfinitiesAndSigns) {
  EXPECT_EQ(half_to_float(0x0000), 0.0F);
  EXPECT_TRUE(std::signbit(half_to_float(0x8000)));
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24F);
  EXPECT_EQ(half_to_float(0x83ff), -1023 * 0x1p-24F);
  EXPECT_EQ(half_to_float(0x3c00), 1.0F);
  EXPECT_EQ(half_to_float(0xc000), -2.0F);
  EXPECT_EQ(half_to_float(0x7bff), 65504.0F);
  EXPECT_EQ(half_to_float(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(half_to_float(0x7e00)));
}

constexpr const char* kManifest =
    R"({"format":"layers-model","modelTopology":{"class_name":"Sequential"},"weightsManifest":[)"
    R"({"paths":["a.bin","b.bin"],"weights":[{"name":"conv/kernel","shape":[2],"dtype":"float32"},)"
    R"({"name":"conv/bias","shape":[3],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-1}}]},)"
    R"({"paths":["c.bin"],"weights":[{"name":"count","shape":[1],"dtype":"int32"},)"
    R"({"name":"dense/kernel","shape":[1],"dtype":"float32","quantization":{"dtype":"uint16","scale":2,"min":1}},)"
    R"({"name":"dense/bias","shape":[1],"dtype":"float32","quantization":{"dtype":"float16"}}]}]})";

TEST(Tfjs, JoinsShardsAndDequantises) {
  const Folder folder{{"a.bin", {0, 0, 0x80, 0x3f, 0, 0}},
                      {"b.bin", {0, 0x40, 0, 2, 255}},
                      {"c.bin", {0xfe, 0xff, 0xff, 0xff, 1, 1, 0x00, 0x3c}}};
  const auto file = read_bytes(to_bytes(kManifest), "model.json", folder);
  EXPECT_EQ(file.format, WeightFormat::tfjs);
  expect_values(file, "conv/kernel", {2}, {1.0F, 2.0F});
  expect_values(file, "conv/bias", {3}, {-1.0F, 0.0F, 126.5F});
  expect_values(file, "count", {1}, {-2.0F});
  expect_values(file, "dense/kernel", {1}, {515.0F});
  expect_values(file, "dense/bias", {1}, {1.0F});
  ASSERT_EQ(file.layers.size(), 3U);
  EXPECT_EQ(file.layers[0].weights, (Names{"conv/kernel", "conv/bias"}));
  EXPECT_TRUE(says(file.architecture_json, "Sequential"));
}

TEST(Tfjs, SaysWhichShardIsShortOrMissing) {
  const Folder folder{{"a.bin", Bytes(6)}, {"b.bin", {0, 0}}, {"c.bin", Bytes(8)}};
  EXPECT_TRUE(says(message_of([&] { read_bytes(to_bytes(kManifest), "model.json", folder); }),
                   "expected 11 bytes of weights in a.bin, b.bin; received 8"));
  EXPECT_TRUE(says(message_of([] { read_bytes(to_bytes(kManifest), "model.json", {}); }), "a.bin"));
}

TEST(Tfjs, KeepsToTheModelsFolder) {
  for (const auto* path : {"../a.bin", "/etc/passwd", "x/../../a.bin", ""}) {
    const auto manifest = std::string(R"({"weightsManifest":[{"paths":[")") + path + R"("],"weights":[]}]})";
    EXPECT_TRUE(
        says(message_of([&] { read_bytes(to_bytes(manifest), "model.json"); }), "inside the model's folder"))
        << path;
  }
}

TEST(Tfjs, ExplainsAGraphModel) {
  EXPECT_TRUE(says(message_of([] { read_bytes(to_bytes(R"({"format":"graph-model"})")); }), "graph-model"));
}

TEST(AnyFile, OtherContentIsAnErrorWithThePath) {
  const auto path = data_path("weights/whole_module.pth");
  EXPECT_TRUE(says(message_of([&] { read_weight_file(path); }), path));
  EXPECT_TRUE(says(message_of([] { read_bytes(to_bytes("hello, world")); }), "received other content"));
  EXPECT_TRUE(says(message_of([] { read_bytes({}); }), "received other content"));
  EXPECT_TRUE(says(message_of([] { read_weight_file("/nowhere/weights.h5"); }), "/nowhere/weights.h5"));
}

}  // namespace
}  // namespace headstart::test
