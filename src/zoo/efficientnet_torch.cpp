// EfficientNet (Tan and Le, 2019) and EfficientNetV2 (Tan and Le, 2021) as torchvision builds and names them.
// Stochastic depth, a regulariser of training from scratch, is left out.
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const BatchNormalization kSlowNormalization{.epsilon = 1e-3F, .momentum = 0.99F};

// One row of the papers' tables. A fused block has no depthwise convolution and no squeeze and excitation.
struct Stage {
  bool fused = false;
  int expansion = 1, kernel = 3, stride = 1, filters = 0, repeats = 1;
};

struct Variant {
  const char* name = "";
  std::span<const Stage> stages{};
  int first_filters = 32;
  int last_filters = 0;  // 0: four times the last stage's
  double width = 1.0, depth = 1.0;
  float dropout = 0.2F;
  BatchNormalization normalization = kTorchNormalization;
};

constexpr Stage kV1[] = {{false, 1, 3, 1, 16, 1}, {false, 6, 3, 2, 24, 2},  {false, 6, 5, 2, 40, 2},
                         {false, 6, 3, 2, 80, 3}, {false, 6, 5, 1, 112, 3}, {false, 6, 5, 2, 192, 4},
                         {false, 6, 3, 1, 320, 1}};
constexpr Stage kV2Small[] = {{true, 1, 3, 1, 24, 2},   {true, 4, 3, 2, 48, 4},   {true, 4, 3, 2, 64, 4},
                              {false, 4, 3, 2, 128, 6}, {false, 6, 3, 1, 160, 9}, {false, 6, 3, 2, 256, 15}};
constexpr Stage kV2Medium[] = {{true, 1, 3, 1, 24, 3},   {true, 4, 3, 2, 48, 5},    {true, 4, 3, 2, 80, 5},
                               {false, 4, 3, 2, 160, 7}, {false, 6, 3, 1, 176, 14}, {false, 6, 3, 2, 304, 18},
                               {false, 6, 3, 1, 512, 5}};
constexpr Stage kV2Large[] = {{true, 1, 3, 1, 32, 4},    {true, 4, 3, 2, 64, 7},    {true, 4, 3, 2, 96, 7},
                              {false, 4, 3, 2, 192, 10}, {false, 6, 3, 1, 224, 19}, {false, 6, 3, 2, 384, 25},
                              {false, 6, 3, 1, 640, 7}};

// Adds the block's layers one after another as "name.block.0", "name.block.1", ...
class BlockBuilder {
 public:
  BlockBuilder(Graph& graph, NodeId input, const BatchNormalization& normalization, std::string name)
      : graph_(graph), x_(input), normalization_(normalization), name_(std::move(name)) {}

  void convolve(const Op& convolution, const Activation& activation) {
    const std::string name = next();
    x_ = graph_.add(name + ".0", convolution, x_);
    x_ = norm_activation(graph_, x_, normalization_, activation, name);
  }
  void squeeze(int channels) {
    x_ = squeeze_excitation(graph_, x_, {.channels = channels, .activation = kSwish}, next());
  }
  NodeId output() const { return x_; }

 private:
  std::string next() { return name_ + ".block." + std::to_string(index_++); }

  Graph& graph_;
  NodeId x_;
  BatchNormalization normalization_;
  std::string name_;
  int index_ = 0;
};

NodeId block(Graph& graph, NodeId input, const Stage& stage, const BatchNormalization& normalization,
             const std::string& name) {
  const int channels = static_cast<int>(graph.node(input).shape[2]);
  const int expanded = make_divisible(channels * stage.expansion);
  const Conv2D project = torch_convolution({.filters = stage.filters});
  BlockBuilder builder(graph, input, normalization, name);
  if (stage.fused) {
    const bool expands = expanded != channels;
    builder.convolve(torch_convolution({.filters = expands ? expanded : stage.filters,
                                        .kernel = square(stage.kernel),
                                        .stride = stage.stride}),
                     kSwish);
    if (expands) {
      builder.convolve(project, kLinear);
    }
  } else {
    if (expanded != channels) {
      builder.convolve(torch_convolution({.filters = expanded}), kSwish);
    }
    builder.convolve(torch_depthwise(stage.kernel, stage.stride), kSwish);
    builder.squeeze(channels < 4 ? 1 : channels / 4);
    builder.convolve(project, kLinear);
  }
  const NodeId x = builder.output();
  return stage.stride == 1 && channels == stage.filters
             ? graph.add(name, Add{}, std::vector<NodeId>{input, x})
             : x;
}

Graph efficientnet(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options, "input");
  const TorchConvolution first{
      .filters = make_divisible(variant.first_filters * variant.width), .kernel = square(3), .stride = 2};
  NodeId x = graph.add("features.0.0", torch_convolution(first), graph.output());
  x = norm_activation(graph, x, variant.normalization, kSwish, "features.0");
  int number = 1;
  for (Stage stage : variant.stages) {
    stage.filters = make_divisible(stage.filters * variant.width);
    const int repeats = static_cast<int>(std::ceil(stage.repeats * variant.depth));
    for (int i = 0; i < repeats; ++i) {
      const std::string name = "features." + std::to_string(number) + "." + std::to_string(i);
      x = block(graph, x, stage, variant.normalization, name);
      stage.stride = 1;
    }
    ++number;
  }
  const std::string last = "features." + std::to_string(number);
  const int channels = static_cast<int>(graph.node(x).shape[2]);
  const int features = variant.last_filters == 0 ? 4 * channels : variant.last_filters;
  x = graph.add(last + ".0", torch_convolution({.filters = features}), x);
  x = norm_activation(graph, x, variant.normalization, kSwish, last);
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    x = graph.add("classifier.0", Dropout{.rate = variant.dropout}, x);
    graph.add("classifier.1", Dense{.units = options.classes}, x);
  }
  return graph;
}

Variant v1(const char* name, double width, double depth, float dropout) {
  return {.name = name, .stages = kV1, .width = width, .depth = depth, .dropout = dropout};
}

// B5 to B7 come from TensorFlow's weights and their normalization.
Variant large_v1(const char* name, double width, double depth, float dropout) {
  Variant variant = v1(name, width, depth, dropout);
  variant.normalization = kSlowNormalization;
  return variant;
}

Variant v2(const char* name, std::span<const Stage> stages, float dropout) {
  return {.name = name,
          .stages = stages,
          .first_filters = stages.front().filters,
          .last_filters = 1280,
          .dropout = dropout,
          .normalization = {.epsilon = 1e-3F, .momentum = 0.9F}};
}

}  // namespace

Graph torch_efficientnet_b0(const ArchitectureOptions& options) {
  return efficientnet(v1("efficientnet_b0", 1.0, 1.0, 0.2F), options);
}
Graph torch_efficientnet_b1(const ArchitectureOptions& options) {
  return efficientnet(v1("efficientnet_b1", 1.0, 1.1, 0.2F), options);
}
Graph torch_efficientnet_b2(const ArchitectureOptions& options) {
  return efficientnet(v1("efficientnet_b2", 1.1, 1.2, 0.3F), options);
}
Graph torch_efficientnet_b3(const ArchitectureOptions& options) {
  return efficientnet(v1("efficientnet_b3", 1.2, 1.4, 0.3F), options);
}
Graph torch_efficientnet_b4(const ArchitectureOptions& options) {
  return efficientnet(v1("efficientnet_b4", 1.4, 1.8, 0.4F), options);
}
Graph torch_efficientnet_b5(const ArchitectureOptions& options) {
  return efficientnet(large_v1("efficientnet_b5", 1.6, 2.2, 0.4F), options);
}
Graph torch_efficientnet_b6(const ArchitectureOptions& options) {
  return efficientnet(large_v1("efficientnet_b6", 1.8, 2.6, 0.5F), options);
}
Graph torch_efficientnet_b7(const ArchitectureOptions& options) {
  return efficientnet(large_v1("efficientnet_b7", 2.0, 3.1, 0.5F), options);
}
Graph torch_efficientnet_v2_s(const ArchitectureOptions& options) {
  return efficientnet(v2("efficientnet_v2_s", kV2Small, 0.2F), options);
}
Graph torch_efficientnet_v2_m(const ArchitectureOptions& options) {
  return efficientnet(v2("efficientnet_v2_m", kV2Medium, 0.3F), options);
}
Graph torch_efficientnet_v2_l(const ArchitectureOptions& options) {
  return efficientnet(v2("efficientnet_v2_l", kV2Large, 0.4F), options);
}

}  // namespace headstart::zoo
