// EfficientNet (Tan and Le, 2019) and EfficientNetV2 (Tan and Le, 2021) as Keras builds and names them: the
// graph scales bytes itself.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

// One row of the papers' tables. A fused block has no depthwise convolution and no squeeze and excitation.
struct Stage {
  bool fused = false;
  int expansion = 1, kernel = 3, stride = 1, filters = 0, repeats = 1;
};

// How Keras's two families differ in what they have in common.
struct Family {
  BatchNormalization normalization{};
  bool pads_apart = false;         // ZeroPadding2D in front of a convolution of stride 2, in place of `same`
  const char* depthwise = "";      // its name
  int (*round)(double) = nullptr;  // filters
};

struct Variant {
  const char* name = "";
  Family family{};
  std::span<const Stage> stages{};
  int first_filters = 32;
  double width = 1.0, depth = 1.0;
  float dropout = 0.2F;
};

constexpr Stage kV1[] = {{false, 1, 3, 1, 16, 1}, {false, 6, 3, 2, 24, 2},  {false, 6, 5, 2, 40, 2},
                         {false, 6, 3, 2, 80, 3}, {false, 6, 5, 1, 112, 3}, {false, 6, 5, 2, 192, 4},
                         {false, 6, 3, 1, 320, 1}};
constexpr Stage kV2Base[] = {{true, 1, 3, 1, 16, 1},  {true, 4, 3, 2, 32, 2},   {true, 4, 3, 2, 48, 2},
                             {false, 4, 3, 2, 96, 3}, {false, 6, 3, 1, 112, 5}, {false, 6, 3, 2, 192, 8}};
constexpr Stage kV2Small[] = {{true, 1, 3, 1, 24, 2},   {true, 4, 3, 2, 48, 4},   {true, 4, 3, 2, 64, 4},
                              {false, 4, 3, 2, 128, 6}, {false, 6, 3, 1, 160, 9}, {false, 6, 3, 2, 256, 15}};
constexpr Stage kV2Medium[] = {{true, 1, 3, 1, 24, 3},   {true, 4, 3, 2, 48, 5},    {true, 4, 3, 2, 80, 5},
                               {false, 4, 3, 2, 160, 7}, {false, 6, 3, 1, 176, 14}, {false, 6, 3, 2, 304, 18},
                               {false, 6, 3, 1, 512, 5}};
constexpr Stage kV2Large[] = {{true, 1, 3, 1, 32, 4},    {true, 4, 3, 2, 64, 7},    {true, 4, 3, 2, 96, 7},
                              {false, 4, 3, 2, 192, 10}, {false, 6, 3, 1, 224, 19}, {false, 6, 3, 2, 384, 25},
                              {false, 6, 3, 1, 640, 7}};

constexpr Activation kSwish{Activation::Kind::swish};
constexpr float kLastDropConnect = 0.2F;

int round_v1(double filters) { return make_divisible(filters); }
// To the nearest multiple of 8, whatever is lost: B3's first stage has 16 filters, not 24.
int round_v2(double filters) { return std::max(8, static_cast<int>(filters + 4) / 8 * 8); }

constexpr Family kFirst{.pads_apart = true, .depthwise = "dwconv", .round = round_v1};
constexpr Family kSecond{.normalization = {.momentum = 0.9F}, .depthwise = "dwconv2", .round = round_v2};

Conv2D convolution(int filters, int kernel = 1, int stride = 1) {
  return {.filters = filters,
          .kernel = square(kernel),
          .strides = square(stride),
          .padding = Padding::same(),
          .use_bias = false};
}

// Adds layers one after another; their names begin with the block's.
class Builder {
 public:
  Builder(Graph& graph, NodeId input, const Family& family, std::string prefix)
      : graph_(graph), x_(input), family_(family), prefix_(std::move(prefix)) {}

  // "<part>conv" and "<part>bn".
  void normalized(const Conv2D& conv, const std::string& part) {
    x_ = graph_.add(prefix_ + part + "conv", conv, x_);
    x_ = graph_.add(prefix_ + part + "bn", family_.normalization, x_);
  }
  void activated(const Conv2D& conv, const std::string& part) {
    normalized(conv, part);
    x_ = graph_.add(prefix_ + part + "activation", ActivationLayer{kSwish}, x_);
  }
  void pad(int kernel, const std::string& name) {
    x_ = graph_.add(prefix_ + name, correct_pad(graph_.node(x_).shape, kernel), x_);
  }
  void depthwise(int kernel, int stride) {
    const bool padded = stride == 2 && family_.pads_apart;
    if (padded) {
      pad(kernel, "dwconv_pad");
    }
    const DepthwiseConv2D conv{.kernel = square(kernel),
                               .strides = square(stride),
                               .padding = padded ? Padding::valid() : Padding::same(),
                               .use_bias = false};
    x_ = graph_.add(prefix_ + family_.depthwise, conv, x_);
    x_ = graph_.add(prefix_ + "bn", family_.normalization, x_);
    x_ = graph_.add(prefix_ + "activation", ActivationLayer{kSwish}, x_);
  }
  void squeeze_excite(int reduced) {
    const std::int64_t filters = graph_.node(x_).shape[2];
    const Conv2D reduce{.filters = reduced, .padding = Padding::same(), .activation = kSwish};
    const Conv2D expand{
        .filters = static_cast<int>(filters), .padding = Padding::same(), .activation = kSigmoid};
    NodeId gate = graph_.add(prefix_ + "se_squeeze", GlobalAveragePooling2D{}, x_);
    gate = graph_.add(prefix_ + "se_reshape", Reshape{{1, 1, filters}}, gate);
    gate = graph_.add(prefix_ + "se_reduce", reduce, gate);
    gate = graph_.add(prefix_ + "se_expand", expand, gate);
    x_ = graph_.add(prefix_ + "se_excite", Multiply{}, std::vector<NodeId>{x_, gate});
  }
  void add_to(NodeId input, float drop_rate) {
    if (drop_rate > 0.0F) {
      const Dropout drop{.rate = drop_rate, .granularity = Dropout::Granularity::sample};
      x_ = graph_.add(prefix_ + "drop", drop, x_);
    }
    x_ = graph_.add(prefix_ + "add", Add{}, std::vector<NodeId>{x_, input});
  }
  NodeId output() const { return x_; }

 private:
  Graph& graph_;
  NodeId x_;
  const Family& family_;
  std::string prefix_;
};

NodeId block(Graph& graph, NodeId input, const Stage& stage, const Family& family, float drop_rate,
             const std::string& prefix) {
  const int channels = static_cast<int>(graph.node(input).shape[2]);
  const int expanded = channels * stage.expansion;
  const bool expands = stage.expansion != 1;
  Builder builder(graph, input, family, prefix);
  if (stage.fused && expands) {
    builder.activated(convolution(expanded, stage.kernel, stage.stride), "expand_");
    builder.normalized(convolution(stage.filters), "project_");
  } else if (stage.fused) {
    builder.activated(convolution(stage.filters, stage.kernel, stage.stride), "project_");
  } else {
    if (expands) {
      builder.activated(convolution(expanded), "expand_");
    }
    builder.depthwise(stage.kernel, stage.stride);
    builder.squeeze_excite(channels < 4 ? 1 : channels / 4);
    builder.normalized(convolution(stage.filters), "project_");
  }
  if (stage.stride == 1 && channels == stage.filters) {
    builder.add_to(input, drop_rate);
  }
  return builder.output();
}

int repeats_of(const Stage& stage, double depth) {
  return static_cast<int>(std::ceil(depth * stage.repeats));
}

// What the drop rate grows over: V1 counts the blocks there are, V2 those of the unscaled table.
int counted_blocks(const Variant& variant) {
  int blocks = 0;
  for (const Stage& stage : variant.stages) {
    blocks += repeats_of(stage, variant.family.pads_apart ? variant.depth : 1.0);
  }
  return blocks;
}

// From the input's bytes on. The graph holds the layers that scale them.
Graph efficientnet(Graph graph, const Variant& variant, const ArchitectureOptions& options) {
  const Family& family = variant.family;
  Builder stem(graph, graph.output(), family, "stem_");
  Conv2D first = convolution(family.round(variant.first_filters * variant.width), 3, 2);
  if (family.pads_apart) {
    stem.pad(3, "conv_pad");
    first.padding = Padding::valid();
  }
  stem.activated(first, "");
  NodeId x = stem.output();
  const int blocks = counted_blocks(variant);
  int number = 1;
  int built = 0;
  for (Stage stage : variant.stages) {
    stage.filters = family.round(stage.filters * variant.width);
    for (int i = 0; i < repeats_of(stage, variant.depth); ++i) {
      const std::string prefix = "block" + std::to_string(number) + static_cast<char>('a' + i) + "_";
      const float rate = kLastDropConnect * static_cast<float>(built++) / static_cast<float>(blocks);
      x = block(graph, x, stage, family, rate, prefix);
      stage.stride = 1;
    }
    ++number;
  }
  Builder top(graph, x, family, "top_");
  top.activated(convolution(family.round(1280 * variant.width)), "");
  if (options.include_top) {
    x = graph.add("avg_pool", GlobalAveragePooling2D{}, top.output());
    x = graph.add("top_dropout", Dropout{.rate = variant.dropout}, x);
    graph.add("predictions", Dense{.units = options.classes, .activation = kSoftmax}, x);
  }
  return graph;
}

// Keras divides by the published weights' "variance", which holds deviations, and by their root once more:
// after all (x / 255 - mean) / deviation.
Graph v1(const char* name, double width, double depth, float dropout, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  NodeId x = graph.add("rescaling", Rescaling{.scale = {1.0F / 255.0F}}, graph.output());
  x = graph.add("normalization", Normalization{}, x);
  if (options.channels == 3) {
    Rescaling root{.scale = {}};
    for (const float deviation : kImageNetDeviation) {
      root.scale.push_back(1.0F / std::sqrt(deviation));
    }
    graph.add("rescaling_1", root, x);
  }
  return efficientnet(
      std::move(graph),
      {.name = name, .family = kFirst, .stages = kV1, .width = width, .depth = depth, .dropout = dropout},
      options);
}

// Keras's Normalization with given statistics has no weights: it is a Rescaling here.
Graph v2_base(const char* name, double width, double depth, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  if (options.channels == 3) {
    const NodeId x = graph.add("rescaling", Rescaling{.scale = {1.0F / 255.0F}}, graph.output());
    graph.add("normalization", imagenet_standardization(1.0F), x);
  } else {
    graph.add("rescaling", Rescaling{.scale = {1.0F / 128.0F}, .offset = {-1.0F}}, graph.output());
  }
  return efficientnet(std::move(graph),
                      {.name = name, .family = kSecond, .stages = kV2Base, .width = width, .depth = depth},
                      options);
}

Graph v2(const char* name, std::span<const Stage> stages, const ArchitectureOptions& options) {
  Graph graph = start(name, options);
  graph.add("rescaling", Rescaling{.scale = {1.0F / 128.0F}, .offset = {-1.0F}}, graph.output());
  return efficientnet(
      std::move(graph),
      {.name = name, .family = kSecond, .stages = stages, .first_filters = stages.front().filters}, options);
}

}  // namespace

Graph efficientnet_b0(const ArchitectureOptions& options) {
  return v1("efficientnet_b0", 1.0, 1.0, 0.2F, options);
}
Graph efficientnet_b1(const ArchitectureOptions& options) {
  return v1("efficientnet_b1", 1.0, 1.1, 0.2F, options);
}
Graph efficientnet_b2(const ArchitectureOptions& options) {
  return v1("efficientnet_b2", 1.1, 1.2, 0.3F, options);
}
Graph efficientnet_b3(const ArchitectureOptions& options) {
  return v1("efficientnet_b3", 1.2, 1.4, 0.3F, options);
}
Graph efficientnet_b4(const ArchitectureOptions& options) {
  return v1("efficientnet_b4", 1.4, 1.8, 0.4F, options);
}
Graph efficientnet_b5(const ArchitectureOptions& options) {
  return v1("efficientnet_b5", 1.6, 2.2, 0.4F, options);
}
Graph efficientnet_b6(const ArchitectureOptions& options) {
  return v1("efficientnet_b6", 1.8, 2.6, 0.5F, options);
}
Graph efficientnet_b7(const ArchitectureOptions& options) {
  return v1("efficientnet_b7", 2.0, 3.1, 0.5F, options);
}
Graph efficientnet_v2_b0(const ArchitectureOptions& options) {
  return v2_base("efficientnet_v2_b0", 1.0, 1.0, options);
}
Graph efficientnet_v2_b1(const ArchitectureOptions& options) {
  return v2_base("efficientnet_v2_b1", 1.0, 1.1, options);
}
Graph efficientnet_v2_b2(const ArchitectureOptions& options) {
  return v2_base("efficientnet_v2_b2", 1.1, 1.2, options);
}
Graph efficientnet_v2_b3(const ArchitectureOptions& options) {
  return v2_base("efficientnet_v2_b3", 1.2, 1.4, options);
}
Graph efficientnet_v2_s(const ArchitectureOptions& options) {
  return v2("efficientnet_v2_s", kV2Small, options);
}
Graph efficientnet_v2_m(const ArchitectureOptions& options) {
  return v2("efficientnet_v2_m", kV2Medium, options);
}
Graph efficientnet_v2_l(const ArchitectureOptions& options) {
  return v2("efficientnet_v2_l", kV2Large, options);
}

}  // namespace headstart::zoo
