// Swin transformers (Liu et al., "Hierarchical vision transformer using shifted windows", 2021) as
// torchvision builds and names them. Stochastic depth, a regulariser of training from scratch, is left out.
#include <array>
#include <string>
#include <vector>

#include "zoo/families.h"
#include "zoo/torch_layers.h"

namespace headstart::zoo {
namespace {

const LayerNormalization kNormalization{.epsilon = 1e-5F};
constexpr int kWindow = 7;

// Zeros at the bottom and the right up to a multiple of `size`; nothing where there is no need.
NodeId padded_to(Graph& graph, NodeId x, int size, const std::string& name) {
  const auto missing = [size](std::int64_t extent) {
    return static_cast<int>((size - extent % size) % size);
  };
  const Shape& shape = graph.node(x).shape;
  const ZeroPadding2D zeros{.bottom = missing(shape[0]), .right = missing(shape[1])};
  return zeros.bottom == 0 && zeros.right == 0 ? x : graph.add(name, zeros, x);
}

NodeId attention(Graph& graph, NodeId input, int heads, bool shifted, const std::string& name) {
  const Shape size = graph.node(input).shape;
  NodeId x = padded_to(graph, input, kWindow, name + ".pad");
  const Shape padded = graph.node(x).shape;
  // One window needs no shift.
  const auto shift = [shifted](std::int64_t extent) { return shifted && extent > kWindow ? kWindow / 2 : 0; };
  const WindowAttention windows{
      .heads = heads, .window = kWindow, .shift = {shift(padded[0]), shift(padded[1])}};
  x = graph.add(name + ".qkv", Dense{.units = static_cast<int>(3 * size[2])}, x);
  x = graph.add(name, windows, x);
  x = graph.add(name + ".proj", Dense{.units = static_cast<int>(size[2])}, x);
  if (padded == size) {
    return x;
  }
  const Cropping2D crop{.bottom = static_cast<int>(padded[0] - size[0]),
                        .right = static_cast<int>(padded[1] - size[1])};
  return graph.add(name + ".crop", crop, x);
}

NodeId block(Graph& graph, NodeId input, int heads, bool shifted, const std::string& name) {
  const int channels = static_cast<int>(graph.node(input).shape[2]);
  NodeId x = graph.add(name + ".norm1", kNormalization, input);
  x = attention(graph, x, heads, shifted, name + ".attn");
  const NodeId attended = add_residual(graph, input, x, name + ".add");
  x = graph.add(name + ".norm2", kNormalization, attended);
  x = graph.add(name + ".mlp.0", Dense{.units = 4 * channels}, x);
  x = graph.add(name + ".mlp.1", ActivationLayer{kGelu}, x);
  x = graph.add(name + ".mlp.3", Dense{.units = channels}, x);
  return add_residual(graph, attended, x, name);
}

// Every second pixel from (top, left) on.
NodeId every_second(Graph& graph, NodeId x, int top, int left, const std::string& name) {
  if (top != 0 || left != 0) {
    x = graph.add(name + ".crop", Cropping2D{.top = top, .left = left}, x);
  }
  return graph.add(name, MaxPooling2D{.pool = square(1), .strides = square(2)}, x);
}

// Squares of four pixels side by side, to half their channels.
NodeId merge_patches(Graph& graph, NodeId x, const std::string& name) {
  const int channels = static_cast<int>(graph.node(x).shape[2]);
  x = padded_to(graph, x, 2, name + ".pad");
  const std::vector<NodeId> corners{every_second(graph, x, 0, 0, name + ".top_left"),
                                    every_second(graph, x, 1, 0, name + ".bottom_left"),
                                    every_second(graph, x, 0, 1, name + ".top_right"),
                                    every_second(graph, x, 1, 1, name + ".bottom_right")};
  x = graph.add(name + ".concat", Concatenate{}, corners);
  x = graph.add(name + ".norm", kNormalization, x);
  return graph.add(name + ".reduction", Dense{.units = 2 * channels, .use_bias = false}, x);
}

// Table 7 of the paper.
struct Variant {
  const char* name = "";
  std::array<int, 4> blocks{}, heads{};  // of the four stages
  int channels = 96;                     // of the first; doubled by each
};

Graph swin(const Variant& variant, const ArchitectureOptions& options) {
  Graph graph = start(variant.name, options, "input");
  Sequence features(graph, graph.output(), "features");
  const Conv2D patches{.filters = variant.channels, .kernel = square(4), .strides = square(4)};
  NodeId x = graph.add("features.0.0", patches, features.output());
  features.next();
  features.advance(graph.add("features.0.2", kNormalization, x));
  for (std::size_t stage = 0; stage < variant.blocks.size(); ++stage) {
    if (stage > 0) {
      features.advance(merge_patches(graph, features.output(), features.next()));
    }
    Sequence blocks(graph, features.output(), features.next());
    for (int i = 0; i < variant.blocks[stage]; ++i) {
      blocks.advance(block(graph, blocks.output(), variant.heads[stage], i % 2 == 1, blocks.next()));
    }
    features.advance(blocks.output());
  }
  x = graph.add("norm", kNormalization, features.output());
  if (options.include_top) {
    x = graph.add("avgpool", GlobalAveragePooling2D{}, x);
    graph.add("head", Dense{.units = options.classes}, x);
  }
  return graph;
}

}  // namespace

Graph swin_t(const ArchitectureOptions& options) {
  return swin({.name = "swin_t", .blocks = {2, 2, 6, 2}, .heads = {3, 6, 12, 24}}, options);
}
Graph swin_s(const ArchitectureOptions& options) {
  return swin({.name = "swin_s", .blocks = {2, 2, 18, 2}, .heads = {3, 6, 12, 24}}, options);
}
Graph swin_b(const ArchitectureOptions& options) {
  return swin({.name = "swin_b", .blocks = {2, 2, 18, 2}, .heads = {4, 8, 16, 32}, .channels = 128}, options);
}

}  // namespace headstart::zoo
