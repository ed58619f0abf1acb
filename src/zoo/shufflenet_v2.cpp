// ShuffleNetV2 (Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018)
// at four widths, as torchvision builds and names it.
#include <array>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const ActivationLayer kReluLayer{kRelu};

// Table 5 of the paper.
constexpr std::array<int, 3> kUnits{4, 8, 4};  // of stage2 to stage4
struct Variant {
  const char* name = "";
  std::array<int, 3> channels{};  // of stage2 to stage4
  int last_channels = 1024;
};

// The branch that every unit has: pointwise, depthwise, pointwise.
NodeId convolved(Graph& graph, NodeId x, int filters, int stride, const std::string& name) {
  Sequence branch(graph, x, name);
  branch.add(torch_convolution({.filters = filters}));
  branch.add(kTorchNormalization);
  branch.add(kReluLayer);
  branch.add(torch_depthwise(3, stride));
  branch.add(kTorchNormalization);
  branch.add(torch_convolution({.filters = filters}));
  branch.add(kTorchNormalization);
  branch.add(kReluLayer);
  return branch.output();
}

// The other branch of a unit that halves the size.
NodeId downsampled(Graph& graph, NodeId x, int filters, const std::string& name) {
  Sequence branch(graph, x, name);
  branch.add(torch_depthwise(3, 2));
  branch.add(kTorchNormalization);
  branch.add(torch_convolution({.filters = filters}));
  branch.add(kTorchNormalization);
  branch.add(kReluLayer);
  return branch.output();
}

NodeId shuffled(Graph& graph, NodeId left, NodeId right, const std::string& name) {
  const NodeId x = graph.add(name + ".concat", Concatenate{}, std::vector<NodeId>{left, right});
  return graph.add(name, ChannelShuffle{.groups = 2}, x);
}

NodeId downsampling_unit(Graph& graph, NodeId x, int channels, const std::string& name) {
  const NodeId left = downsampled(graph, x, channels / 2, name + ".branch1");
  const NodeId right = convolved(graph, x, channels / 2, 2, name + ".branch2");
  return shuffled(graph, left, right, name);
}

// Half of the channels pass as they are.
NodeId basic_unit(Graph& graph, NodeId x, int channels, const std::string& name) {
  const int half = channels / 2;
  const NodeId left = graph.add(name + ".chunk1", ChannelSlice{.begin = 0, .count = half}, x);
  const NodeId right = graph.add(name + ".chunk2", ChannelSlice{.begin = half, .count = half}, x);
  return shuffled(graph, left, convolved(graph, right, half, 1, name + ".branch2"), name);
}

Graph shufflenet_v2(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options, "input");
  Sequence first(graph, graph.output(), "conv1");
  first.add(torch_convolution({.filters = 24, .kernel = square(3), .stride = 2}));
  first.add(kTorchNormalization);
  first.add(kReluLayer);
  const MaxPooling2D pool{.pool = square(3), .strides = square(2), .padding = Padding::symmetric(1)};
  NodeId x = graph.add("maxpool", pool, first.output());
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    Sequence stage(graph, x, "stage" + std::to_string(i + 2));
    stage.advance(downsampling_unit(graph, x, variant.channels[i], stage.next()));
    for (int unit = 1; unit < kUnits[i]; ++unit) {
      stage.advance(basic_unit(graph, stage.output(), variant.channels[i], stage.next()));
    }
    x = stage.output();
  }
  Sequence last(graph, x, "conv5");
  last.add(torch_convolution({.filters = variant.last_channels}));
  last.add(kTorchNormalization);
  last.add(kReluLayer);
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, last.output());
    graph.add("fc", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph shufflenet_v2_x0_5(const ArchitectureOptions& options) {
  return shufflenet_v2({.name = "shufflenet_v2_x0_5", .channels = {48, 96, 192}}, options);
}
Graph shufflenet_v2_x1_0(const ArchitectureOptions& options) {
  return shufflenet_v2({.name = "shufflenet_v2_x1_0", .channels = {116, 232, 464}}, options);
}
Graph shufflenet_v2_x1_5(const ArchitectureOptions& options) {
  return shufflenet_v2({.name = "shufflenet_v2_x1_5", .channels = {176, 352, 704}}, options);
}
Graph shufflenet_v2_x2_0(const ArchitectureOptions& options) {
  return shufflenet_v2({.name = "shufflenet_v2_x2_0", .channels = {244, 488, 976}, .last_channels = 2048},
                       options);
}

}  // namespace headstart::zoo
