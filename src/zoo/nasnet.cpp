// NASNet-A Mobile and Large (Zoph et al., "Learning transferable architectures for scalable image
// recognition", 2017) as Keras builds and names it.
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/layers.h"

namespace headstart::zoo {
namespace {

constexpr BatchNormalization kNormalization{.epsilon = 1e-3F, .momentum = 0.9997F};

// "NASNet-A (blocks @ penultimate_filters)" in the paper.
struct Variant {
  const char* name = "";
  int blocks = 4, penultimate_filters = 1056, stem_filters = 32;
  // The cell after a reduction is given what the reduction was given, in place of its input again.
  bool skips_reductions = false;
};

// The output of a cell, and of the one before it.
struct Paths {
  NodeId current = 0, previous = 0;
};

NodeId automatic(Graph& graph, const Op& op, const std::vector<NodeId>& inputs) {
  return graph.add(graph.automatic_name(op), op, inputs);
}

NodeId relu(Graph& graph, NodeId x) { return automatic(graph, ActivationLayer{kRelu}, {x}); }

NodeId sum(Graph& graph, NodeId a, NodeId b, const std::string& name) {
  return graph.add(name, Add{}, std::vector<NodeId>{a, b});
}

NodeId pointwise(Graph& graph, NodeId x, int filters, const std::string& name) {
  return graph.add(name, Conv2D{.filters = filters, .padding = Padding::same(), .use_bias = false}, x);
}

NodeId average(Graph& graph, NodeId x, const std::string& name) {
  return graph.add(name, AveragePooling2D{.pool = square(3), .padding = Padding::same()}, x);
}

struct Separable {
  int filters = 0, kernel = 3, stride = 1;
};

// Relu, separable convolution and normalisation, twice; the first may halve the size.
NodeId separable(Graph& graph, NodeId x, const Separable& layer, const std::string& id) {
  SeparableConv2D conv{.filters = layer.filters,
                       .kernel = square(layer.kernel),
                       .strides = square(layer.stride),
                       .padding = Padding::same(),
                       .use_bias = false};
  x = relu(graph, x);
  if (layer.stride == 2) {
    x = graph.add("separable_conv_1_pad_" + id, correct_pad(graph.node(x).shape, layer.kernel), x);
    conv.padding = Padding::valid();
  }
  x = graph.add("separable_conv_1_" + id, conv, x);
  x = graph.add("separable_conv_1_bn_" + id, kNormalization, x);
  x = relu(graph, x);
  conv.strides = square(1);
  conv.padding = Padding::same();
  x = graph.add("separable_conv_2_" + id, conv, x);
  return graph.add("separable_conv_2_bn_" + id, kNormalization, x);
}

// Every second pixel, and every second pixel of the map moved by one, side by side.
NodeId factorized_reduction(Graph& graph, NodeId x, int filters, const std::string& id) {
  constexpr AveragePooling2D kEverySecond{.pool = square(1), .strides = square(2)};
  x = graph.add("adjust_relu_1_" + id, ActivationLayer{kRelu}, x);
  NodeId a = graph.add("adjust_avg_pool_1_" + id, kEverySecond, x);
  a = pointwise(graph, a, filters / 2, "adjust_conv_1_" + id);
  NodeId b = automatic(graph, ZeroPadding2D{.bottom = 1, .right = 1}, {x});
  b = automatic(graph, Cropping2D{.top = 1, .left = 1}, {b});
  b = graph.add("adjust_avg_pool_2_" + id, kEverySecond, b);
  b = pointwise(graph, b, filters / 2, "adjust_conv_2_" + id);
  x = automatic(graph, Concatenate{}, {a, b});
  return graph.add("adjust_bn_" + id, kNormalization, x);
}

// The previous cell's output in the size and with the filters of this one.
NodeId adjusted(Graph& graph, const Paths& in, int filters, const std::string& id) {
  const Shape& shape = graph.node(in.previous).shape;
  const Shape& wanted = graph.node(in.current).shape;
  if (in.previous == in.current) {
    return in.current;
  }
  if (shape[0] != wanted[0] || shape[1] != wanted[1]) {
    return factorized_reduction(graph, in.previous, filters, id);
  }
  if (shape[2] == filters) {
    return in.previous;
  }
  const NodeId x = pointwise(graph, relu(graph, in.previous), filters, "adjust_conv_projection_" + id);
  return graph.add("adjust_bn_" + id, kNormalization, x);
}

NodeId squeezed(Graph& graph, NodeId x, int filters, const std::string& cell, const std::string& id) {
  x = pointwise(graph, relu(graph, x), filters, cell + "_conv_1_" + id);
  return graph.add(cell + "_bn_1_" + id, kNormalization, x);
}

// Figure 4 of the paper, left.
Paths normal_cell(Graph& graph, const Paths& in, int filters, const std::string& id) {
  const auto name = [&id](const std::string& part) { return "normal_" + part + "_" + id; };
  const NodeId p = adjusted(graph, in, filters, id);
  const NodeId h = squeezed(graph, in.current, filters, "normal", id);
  NodeId a = separable(graph, h, {filters, 5}, name("left1"));
  NodeId b = separable(graph, p, {filters, 3}, name("right1"));
  const NodeId x1 = sum(graph, a, b, name("add_1"));
  a = separable(graph, p, {filters, 5}, name("left2"));
  b = separable(graph, p, {filters, 3}, name("right2"));
  const NodeId x2 = sum(graph, a, b, name("add_2"));
  const NodeId x3 = sum(graph, average(graph, h, name("left3")), p, name("add_3"));
  a = average(graph, p, name("left4"));
  b = average(graph, p, name("right4"));
  const NodeId x4 = sum(graph, a, b, name("add_4"));
  const NodeId x5 = sum(graph, separable(graph, h, {filters, 3}, name("left5")), h, name("add_5"));
  return {graph.add(name("concat"), Concatenate{}, std::vector<NodeId>{p, x1, x2, x3, x4, x5}), in.current};
}

// Figure 4 of the paper, right.
Paths reduction_cell(Graph& graph, const Paths& in, int filters, const std::string& id) {
  const auto name = [&id](const std::string& part) { return "reduction_" + part + "_" + id; };
  const NodeId p = adjusted(graph, in, filters, id);
  const NodeId h = squeezed(graph, in.current, filters, "reduction", id);
  const NodeId padded = graph.add(name("pad_1"), correct_pad(graph.node(h).shape, 3), h);
  const MaxPooling2D max_pool{.pool = square(3), .strides = square(2)};
  const AveragePooling2D average_pool{.pool = square(3), .strides = square(2)};
  NodeId a = separable(graph, h, {filters, 5, 2}, name("left1"));
  NodeId b = separable(graph, p, {filters, 7, 2}, name("right1"));
  const NodeId x1 = sum(graph, a, b, name("add_1"));
  a = graph.add(name("left2"), max_pool, padded);
  b = separable(graph, p, {filters, 7, 2}, name("right2"));
  const NodeId x2 = sum(graph, a, b, name("add_2"));
  a = graph.add(name("left3"), average_pool, padded);
  b = separable(graph, p, {filters, 5, 2}, name("right3"));
  const NodeId x3 = sum(graph, a, b, "reduction_add3_" + id);
  a = average(graph, x1, name("left4"));
  const NodeId x4 = automatic(graph, Add{}, {x2, a});
  a = separable(graph, x1, {filters, 3}, name("left4"));
  b = graph.add(name("right5"), max_pool, padded);
  const NodeId x5 = sum(graph, a, b, "reduction_add4_" + id);
  return {graph.add(name("concat"), Concatenate{}, std::vector<NodeId>{x2, x3, x4, x5}), in.current};
}

Graph nasnet(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options);
  const int first_filters = variant.penultimate_filters / 24;
  const Conv2D first{
      .filters = variant.stem_filters, .kernel = square(3), .strides = square(2), .use_bias = false};
  NodeId x = graph.add("stem_conv1", first, graph.output());
  x = graph.add("stem_bn1", kNormalization, x);
  Paths paths = reduction_cell(graph, {x, x}, first_filters / 4, "stem_1");
  paths = reduction_cell(graph, paths, first_filters / 2, "stem_2");
  for (int stage = 0; stage < 3; ++stage) {
    const int filters = first_filters << stage;
    int number = stage * variant.blocks;
    if (stage > 0) {
      const NodeId previous = paths.previous;
      paths = reduction_cell(graph, paths, filters, "reduce_" + std::to_string(number++));
      paths.previous = variant.skips_reductions ? previous : paths.previous;
    }
    for (int i = 0; i < variant.blocks; ++i) {
      paths = normal_cell(graph, paths, filters, std::to_string(number++));
    }
  }
  x = relu(graph, paths.current);
  if (options.include_top) {
    x = automatic(graph, GlobalAveragePooling2D{}, {x});
    graph.add("predictions", Dense{.units = options.classes, .activation = kSoftmax}, x);
  }
  return graph;
}

}  // namespace

Graph nasnet_mobile(const ArchitectureOptions& options) { return nasnet({.name = "nasnet_mobile"}, options); }
Graph nasnet_large(const ArchitectureOptions& options) {
  return nasnet({.name = "nasnet_large",
                 .blocks = 6,
                 .penultimate_filters = 4032,
                 .stem_filters = 96,
                 .skips_reductions = true},
                options);
}

}  // namespace headstart::zoo
