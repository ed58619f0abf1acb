// Counts from the shapes that an op stands between.
#include "headstart/multiply_adds.h"

#include <variant>

#include "graph/overloaded.h"

namespace headstart {
namespace {

std::int64_t window_of(const Size2& kernel) { return std::int64_t{kernel.height} * kernel.width; }

// Of a shape whose last extent is the channels.
std::int64_t positions_of(const Shape& shape) { return element_count(shape) / shape.back(); }

}  // namespace

std::int64_t multiply_adds(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.inputs.empty()) {
    return 0;
  }
  const Shape& input = graph.node(node.inputs.front()).shape;
  const std::int64_t channels = input.back(), positions = positions_of(node.shape);
  return std::visit(
      Overloaded{[&](const Conv2D& conv) {
                   return positions * window_of(conv.kernel) * (channels / conv.groups) * conv.filters;
                 },
                 [&](const Conv2DTranspose& conv) {
                   return positions_of(input) * window_of(conv.kernel) * channels * conv.filters;
                 },
                 [&](const DepthwiseConv2D& conv) {
                   return positions * window_of(conv.kernel) * channels * conv.depth_multiplier;
                 },
                 [&](const SeparableConv2D& conv) {
                   return positions * channels * conv.depth_multiplier *
                          (window_of(conv.kernel) + conv.filters);
                 },
                 [&](const Dense& dense) { return positions * channels * dense.units; },
                 // The scores of every pair of tokens, and the sum of the values by them.
                 [&](const SelfAttention&) { return 2 * positions * element_count(node.shape); },
                 [&](const WindowAttention& attention) {
                   return 2 * std::int64_t{attention.window} * attention.window * element_count(node.shape);
                 },
                 [](const auto&) { return std::int64_t{0}; }},
      node.op);
}

}  // namespace headstart
