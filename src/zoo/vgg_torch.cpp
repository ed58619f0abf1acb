// AlexNet (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014) and VGG as
// torchvision builds and names them.
#include <span>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};

// Table 1 of the paper: filters of the convolutions, 0: pooling.
constexpr int kA[] = {64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
constexpr int kB[] = {64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0};
constexpr int kD[] = {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
constexpr int kE[] = {64,  64,  0,   128, 128, 0,   256, 256, 256, 256, 0,
                      512, 512, 512, 512, 0,   512, 512, 512, 512, 0};

enum class Normalization { none, batch };

void add_features(Graph& graph, std::span<const int> filters, Normalization normalization) {
  Sequence features(graph, graph.output(), "features");
  for (const int count : filters) {
    if (count == 0) {
      features.add(MaxPooling2D{.pool = square(2), .strides = square(2)});
      continue;
    }
    features.add(Conv2D{.filters = count, .kernel = square(3), .padding = Padding::symmetric(1)});
    if (normalization == Normalization::batch) {
      features.add(kTorchNormalization);
    }
    features.add(kReluLayer);
  }
}

void begin_top(Graph& graph, int cells) {
  const NodeId pooled = adaptive_average_pool(graph, graph.output(), cells, "avgpool");
  graph.add("flatten", Flatten{}, pooled);
}

Graph vgg(const char* name, std::span<const int> filters, Normalization normalization,
          const ArchitectureOptions& options) {
  Graph graph = start(name, options, "input");
  add_features(graph, filters, normalization);
  if (options.include_top) {
    begin_top(graph, 7);
    Sequence classifier(graph, graph.output(), "classifier");
    classifier.add(Dense{.units = 4096});
    classifier.add(kReluLayer);
    classifier.add(Dropout{.rate = 0.5F});
    classifier.add(Dense{.units = 4096});
    classifier.add(kReluLayer);
    classifier.add(Dropout{.rate = 0.5F});
    classifier.add(Dense{.units = options.classes});
  }
  return graph;
}

}  // namespace

Graph alexnet(const ArchitectureOptions& options) {
  const MaxPooling2D pool{.pool = square(3), .strides = square(2)};
  const auto conv3x3 = [](int filters) {
    return Conv2D{.filters = filters, .kernel = square(3), .padding = Padding::symmetric(1)};
  };
  Graph graph = start("alexnet", options, "input");
  Sequence features(graph, graph.output(), "features");
  features.add(
      Conv2D{.filters = 64, .kernel = square(11), .strides = square(4), .padding = Padding::symmetric(2)});
  features.add(kReluLayer);
  features.add(pool);
  features.add(Conv2D{.filters = 192, .kernel = square(5), .padding = Padding::symmetric(2)});
  features.add(kReluLayer);
  features.add(pool);
  for (const int filters : {384, 256, 256}) {
    features.add(conv3x3(filters));
    features.add(kReluLayer);
  }
  features.add(pool);
  if (options.include_top) {
    begin_top(graph, 6);
    Sequence classifier(graph, graph.output(), "classifier");
    classifier.add(Dropout{.rate = 0.5F});
    classifier.add(Dense{.units = 4096});
    classifier.add(kReluLayer);
    classifier.add(Dropout{.rate = 0.5F});
    classifier.add(Dense{.units = 4096});
    classifier.add(kReluLayer);
    classifier.add(Dense{.units = options.classes});
  }
  return graph;
}

Graph torch_vgg11(const ArchitectureOptions& options) {
  return vgg("vgg11", kA, Normalization::none, options);
}
Graph torch_vgg13(const ArchitectureOptions& options) {
  return vgg("vgg13", kB, Normalization::none, options);
}
Graph torch_vgg16(const ArchitectureOptions& options) {
  return vgg("vgg16", kD, Normalization::none, options);
}
Graph torch_vgg19(const ArchitectureOptions& options) {
  return vgg("vgg19", kE, Normalization::none, options);
}
Graph torch_vgg11_bn(const ArchitectureOptions& options) {
  return vgg("vgg11_bn", kA, Normalization::batch, options);
}
Graph torch_vgg13_bn(const ArchitectureOptions& options) {
  return vgg("vgg13_bn", kB, Normalization::batch, options);
}
Graph torch_vgg16_bn(const ArchitectureOptions& options) {
  return vgg("vgg16_bn", kD, Normalization::batch, options);
}
Graph torch_vgg19_bn(const ArchitectureOptions& options) {
  return vgg("vgg19_bn", kE, Normalization::batch, options);
}

}  // namespace headstart::zoo
