#include "weights/position_embedding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace headstart {
namespace {

struct PatchGrid {
  std::int64_t height = 0, width = 0;
  std::int64_t extra_tokens = 0;  // in front of the patches
};

std::optional<PatchGrid> patch_grid(const Graph& graph, NodeId node) {
  if (!std::holds_alternative<PositionEmbedding>(graph.node(node).op)) {
    return std::nullopt;
  }
  NodeId id = graph.node(node).inputs.front();
  while (std::holds_alternative<ClassToken>(graph.node(id).op) ||
         std::holds_alternative<Dropout>(graph.node(id).op)) {
    id = graph.node(id).inputs.front();
  }
  if (!std::holds_alternative<Reshape>(graph.node(id).op)) {
    return std::nullopt;
  }
  const Shape& image = graph.node(graph.node(id).inputs.front()).shape;
  const Shape& tokens = graph.node(node).shape;
  if (image.size() != 3 || image[2] != tokens[1] || image[0] * image[1] > tokens[0]) {
    return std::nullopt;
  }
  return PatchGrid{.height = image[0], .width = image[1], .extra_tokens = tokens[0] - image[0] * image[1]};
}

// The side of a square of so many patches; 0 when there is none.
std::int64_t square_side(std::int64_t patches) {
  const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(patches))));
  return patches > 0 && side * side == patches ? side : 0;
}

// The four source positions that an output position reads, with their weights.
struct Taps {
  std::array<std::int64_t, 4> positions{};
  std::array<double, 4> weights{};
};

// Keys's kernel with PyTorch's a; positions beyond the ends read the ends.
std::vector<Taps> cubic_taps(std::int64_t from, std::int64_t to) {
  constexpr double kA = -0.75;
  const auto near = [](double d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1; };
  const auto far = [](double d) { return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA; };
  std::vector<Taps> taps;
  for (std::int64_t i = 0; i < to; ++i) {
    const double position =
        to > 1 ? static_cast<double>(i) * static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0.0;
    const auto below = static_cast<std::int64_t>(std::floor(position));
    const double t = position - static_cast<double>(below);
    Taps& tap = taps.emplace_back();
    tap.weights = {far(t + 1), near(t), near(1 - t), far(2 - t)};
    for (std::size_t k = 0; k < 4; ++k) {
      const auto offset = static_cast<std::int64_t>(k) - 1;
      tap.positions[k] = std::clamp<std::int64_t>(below + offset, 0, from - 1);
    }
  }
  return taps;
}

}  // namespace

bool can_resample_positions(const Graph& graph, NodeId node, const Shape& embedding) {
  const auto grid = patch_grid(graph, node);
  return grid && embedding.size() == 2 && embedding[1] == graph.node(node).shape[1] &&
         square_side(embedding[0] - grid->extra_tokens) > 0;
}

Tensor resample_positions(const Graph& graph, NodeId node, const Tensor& embedding) {
  const auto grid = patch_grid(graph, node).value();
  const std::int64_t channels = embedding.shape()[1];
  const std::int64_t side = square_side(embedding.shape()[0] - grid.extra_tokens);
  const auto rows = cubic_taps(side, grid.height);
  const auto columns = cubic_taps(side, grid.width);
  Tensor result(graph.node(node).shape);
  const std::int64_t first_patch = grid.extra_tokens * channels;
  std::copy_n(embedding.data(), first_patch, result.data());
  float* to = result.data() + first_patch;
  for (const Taps& row : rows) {
    for (const Taps& column : columns) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        double sum = 0.0;
        for (std::size_t y = 0; y < 4; ++y) {
          for (std::size_t x = 0; x < 4; ++x) {
            const auto patch = row.positions[y] * side + column.positions[x];
            sum += row.weights[y] * column.weights[x] *
                   static_cast<double>(embedding[first_patch + patch * channels + channel]);
          }
        }
        *to++ = static_cast<float>(sum);
      }
    }
  }
  return result;
}

}  // namespace headstart
