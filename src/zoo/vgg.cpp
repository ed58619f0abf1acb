// VGG (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014),
// as Keras names it.
#include <array>
#include <string>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

constexpr std::array kFilters{64, 128, 256, 512, 512};

// Column D or E of the paper's table 1: how many 3x3 convolutions each of the five blocks has.
Graph vgg(const char* name, const std::array<int, 5>& convolutions, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  NodeId x = graph.output();
  for (std::size_t block = 0; block < convolutions.size(); ++block) {
    const std::string prefix = "block" + std::to_string(block + 1);
    const Conv2D conv{
        .filters = kFilters[block], .kernel = square(3), .padding = Padding::same(), .activation = kRelu};
    for (int i = 1; i <= convolutions[block]; ++i) {
      x = graph.add(prefix + "_conv" + std::to_string(i), conv, x);
    }
    x = graph.add(prefix + "_pool", MaxPooling2D{.pool = square(2), .strides = square(2)}, x);
  }
  if (options.include_top) {
    x = graph.add("flatten", Flatten{}, x);
    x = graph.add("fc1", Dense{.units = 4096, .activation = kRelu}, x);
    x = graph.add("fc2", Dense{.units = 4096, .activation = kRelu}, x);
    graph.add("predictions", Dense{.units = options.classes, .activation = kSoftmax}, x);
  }
  return graph;
}

}  // namespace

Graph vgg16(const ArchitectureOptions& options) { return vgg("vgg16", {2, 2, 3, 3, 3}, options); }
Graph vgg19(const ArchitectureOptions& options) { return vgg("vgg19", {2, 2, 4, 4, 4}, options); }

}  // namespace headstart::zoo
