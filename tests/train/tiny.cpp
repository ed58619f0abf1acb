// Tiny models and pictures.
#include "tiny.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "core/random.h"
#include "headstart/head.h"
#include "headstart/image.h"

namespace headstart::test {
namespace {

constexpr int kSize = 8;

Image tiny_image(int label, std::uint64_t key, std::uint64_t number) {
  Random random(key, RandomPurpose::test, number);
  Image image{.width = kSize, .height = kSize, .pixels = std::vector<std::uint8_t>(kSize * kSize * 3)};
  for (auto& pixel : image.pixels) {
    pixel = static_cast<std::uint8_t>(random.below(160));
  }
  const int top = 2 * (label % 2), left = 2 * (label / 2 % 2);
  for (int y = top; y < top + 3; ++y) {
    for (int x = left; x < left + 3; ++x) {
      image.pixels[static_cast<std::size_t>((y * kSize + x) * 3 + label % 3)] = 250;
    }
  }
  return image;
}

}  // namespace

Model tiny_model(const TinyOptions& options) {
  Graph base("tiny");
  const NodeId input = base.add("input_1", Input{.shape = {kSize, kSize, 3}}, std::vector<NodeId>{});
  NodeId x =
      base.add("block1_conv",
               Conv2D{.filters = 8, .kernel = {3, 3}, .padding = Padding::same(), .use_bias = false}, input);
  x = base.add("block1_bn", BatchNormalization{}, x);
  const NodeId shortcut =
      base.add("block1_relu", ActivationLayer{.activation = {.kind = Activation::Kind::relu}}, x);
  x = base.add("block2_conv",
               Conv2D{.filters = 8,
                      .kernel = {3, 3},
                      .padding = Padding::same(),
                      .activation = {.kind = Activation::Kind::relu}},
               shortcut);
  x = base.add("block2_add", Add{}, {shortcut, x});
  base.add("block3_conv",
           Conv2D{.filters = 12, .kernel = {3, 3}, .activation = {.kind = Activation::Kind::relu}}, x);

  Model model;
  model.graph = attach_head(base, {.head = options.head, .classes = options.classes});
  freeze_base(model.graph, "tiny", "all");
  model.parameters = initialize(model.graph, options.seed);
  model.preprocessing.height = kSize;
  model.preprocessing.width = kSize;
  model.preprocessing.scale = 1.0F / 64.0F;
  model.preprocessing.mean = {1.5F, 1.5F, 1.5F};
  return model;
}

MemoryDataset tiny_images(int count, int classes, std::uint64_t key) {
  MemoryDataset data{.images = Tensor({count, kSize, kSize, 3}), .labels = {}};
  const Preprocessing preprocessing = tiny_model().preprocessing;
  for (int i = 0; i < count; ++i) {
    const Image image = tiny_image(i % classes, key, static_cast<std::uint64_t>(i));
    normalize_into(image, preprocessing, data.images.data() + i * kSize * kSize * 3);
    data.labels.push_back(i % classes);
  }
  return data;
}

void write_tiny_images(const std::filesystem::path& folder, int count, int classes, std::uint64_t key) {
  for (int i = 0; i < count; ++i) {
    const auto place = folder / ("class" + std::to_string(i % classes));
    std::filesystem::create_directories(place);
    write_png(tiny_image(i % classes, key, static_cast<std::uint64_t>(i)),
              (place / (std::to_string(100 + i) + ".png")).string());
  }
}

Dataset thinned(const Dataset& dataset, std::size_t step) {
  Dataset thin{.class_names = dataset.class_names, .samples = {}, .skipped = {}};
  for (std::size_t i = 0; i < dataset.samples.size(); i += step) {
    thin.samples.push_back(dataset.samples[i]);
  }
  return thin;
}

std::vector<char> bytes_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace headstart::test
