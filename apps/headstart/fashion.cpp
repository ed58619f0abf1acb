#include "fashion.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "headstart/error.h"

namespace headstart::app {
namespace {

constexpr std::array<const char*, 10> kNames{"T-shirt", "trouser", "pullover", "dress", "coat",
                                             "sandal",  "shirt",   "sneaker",  "bag",   "ankle boot"};
constexpr std::int64_t kPixels = std::int64_t{kFashionSize} * kFashionSize;

MemoryDataset room_for(std::size_t images) {
  MemoryDataset data;
  data.images = Tensor({static_cast<std::int64_t>(images), kFashionSize, kFashionSize, 1});
  data.labels.reserve(images);
  return data;
}

}  // namespace

FashionFile read_fashion(const std::string& folder, const std::string& part) {
  const auto path = [&](const char* what) {
    const auto plain = std::filesystem::path(folder) / fmt::format("{}-{}-ubyte", part, what);
    std::error_code ignored;
    return std::filesystem::exists(plain, ignored) ? plain.string() : plain.string() + ".gz";
  };
  const std::string images = path("images-idx3"), labels = path("labels-idx1");
  if (!std::filesystem::exists(images) || !std::filesystem::exists(labels)) {
    throw Error(
        fmt::format("expected {}; there is no such file; install Debian's package dataset-fashion-mnist, or "
                    "give the folder with --data",
                    images));
  }
  FashionFile file{.images = read_idx_images(images), .labels = read_idx_labels(labels)};
  if (file.images.height != kFashionSize || file.images.width != kFashionSize ||
      file.labels.size() != static_cast<std::size_t>(file.images.count)) {
    throw Error(
        fmt::format("expected 28x28 images and a label for each in {}; received something else", folder));
  }
  return file;
}

FashionPart select(const FashionFile& file, const std::array<int, 5>& classes) {
  const auto number_of = [&](int label) {
    return std::find(classes.begin(), classes.end(), label) - classes.begin();
  };
  const auto chosen = [&](int label) {
    return number_of(label) < static_cast<std::ptrdiff_t>(classes.size());
  };
  FashionPart part;
  part.data =
      room_for(static_cast<std::size_t>(std::count_if(file.labels.begin(), file.labels.end(), chosen)));
  for (const int label : classes) {
    part.class_names.emplace_back(kNames.at(static_cast<std::size_t>(label)));
  }
  float* output = part.data.images.data();
  for (std::size_t i = 0; i < file.labels.size(); ++i) {
    if (chosen(file.labels[i])) {
      part.data.labels.push_back(static_cast<int>(number_of(file.labels[i])));
      const auto* pixels = file.images.pixels.data() + static_cast<std::int64_t>(i) * kPixels;
      output = std::transform(pixels, pixels + kPixels, output,
                              [](std::uint8_t value) { return static_cast<float>(value) / 255.0F; });
    }
  }
  return part;
}

FashionPart some_of(const FashionPart& part, int per_class) {
  std::vector<int> taken(part.class_names.size());
  FashionPart few{.data = room_for(taken.size() * static_cast<std::size_t>(per_class)),
                  .class_names = part.class_names};
  float* output = few.data.images.data();
  for (std::size_t i = 0; i < part.data.labels.size(); ++i) {
    const int label = part.data.labels[i];
    if (taken[static_cast<std::size_t>(label)]++ < per_class) {
      few.data.labels.push_back(label);
      output = std::copy_n(part.data.images.data() + static_cast<std::int64_t>(i) * kPixels, kPixels, output);
    }
  }
  if (few.data.labels.size() != taken.size() * static_cast<std::size_t>(per_class)) {
    throw Error(fmt::format("expected at least {} images of each class", per_class));
  }
  return few;
}

std::string names_of(const FashionPart& part) { return fmt::format("{}", fmt::join(part.class_names, ", ")); }

}  // namespace headstart::app
