// Self-attention, over all tokens and within windows of an image, and the trained tokens and positions.
#include <cmath>
#include <vector>

#include "export/lowering.h"

namespace headstart {
namespace {

using Axes = std::vector<std::int64_t>;

struct Heads {
  std::string queries, keys, values;  // (..., heads, tokens, depth) each
};

// Of (3, ...): queries, keys and values.
Heads divided(OnnxBuilder& out, const std::string& joined) {
  const auto part = [&](std::int64_t i) {
    return out.add("Gather", {joined, out.index(i)}, {{"axis", std::int64_t{0}}});
  };
  return {part(0), part(1), part(2)};
}

// q k^T / sqrt(depth) of (batch, heads, tokens, depth).
std::string scores(OnnxBuilder& out, const Heads& heads, std::int64_t depth) {
  const auto scale = out.number(1.0F / std::sqrt(static_cast<float>(depth)));
  return out.add("MatMul",
                 {out.add("Mul", {heads.queries, scale}), transpose(out, heads.keys, {0, 1, 3, 2})});
}

std::string weighted(OnnxBuilder& out, const std::string& scores, const Heads& heads) {
  return out.add("MatMul", {out.add("Softmax", {scores}, {{"axis", std::int64_t{-1}}}), heads.values});
}

// How an image is cut into windows.
struct Windows {
  std::int64_t height = 0, width = 0, side = 0, heads = 0, depth = 0;
  std::int64_t down() const { return height / side; }
  std::int64_t across() const { return width / side; }
  std::int64_t count() const { return down() * across(); }
  std::int64_t pixels() const { return side * side; }
};

// (N, H, W, C) moved up (left) by `shift`, what leaves on one side comes in at the other; a negative shift
// moves back.
std::string rolled(OnnxBuilder& out, const std::string& x, std::int64_t axis, std::int64_t extent,
                   std::int64_t shift) {
  if (shift == 0) {
    return x;
  }
  const auto cut = (shift + extent) % extent;
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    return out.add("Slice", {x, out.integers({begin}), out.integers({end}), out.integers({axis})});
  };
  return out.add("Concat", {part(cut, extent), part(0, cut)}, {{"axis", axis}});
}

// (N * windows, heads, pixels, depth) each, of an image (N, H, W, 3C).
Heads cut_into_windows(OnnxBuilder& out, const std::string& x, const Windows& w) {
  const auto parts = reshape(out, x, {-1, w.down(), w.side, w.across(), w.side, 3, w.heads, w.depth});
  const auto sorted = transpose(out, parts, {5, 0, 1, 3, 6, 2, 4, 7});
  return divided(out, reshape(out, sorted, {3, -1, w.heads, w.pixels(), w.depth}));
}

std::string joined_windows(OnnxBuilder& out, const std::string& x, const Windows& w) {
  const auto parts = reshape(out, x, {-1, w.down(), w.across(), w.heads, w.side, w.side, w.depth});
  const auto sorted = transpose(out, parts, {0, 1, 4, 2, 5, 3, 6});
  return reshape(out, sorted, {-1, w.height, w.width, w.heads * w.depth});
}

// (heads, pixels, pixels) of the trained table (distances, heads).
std::string distance_bias(Layer& layer, const Windows& w) {
  Axes entries;
  for (std::int64_t query = 0; query < w.pixels(); ++query) {
    for (std::int64_t key = 0; key < w.pixels(); ++key) {
      const auto down = query / w.side - key / w.side + w.side - 1;
      entries.push_back(down * (2 * w.side - 1) + query % w.side - key % w.side + w.side - 1);
    }
  }
  auto& out = layer.out;
  const auto* suffix = "relative_position_bias_table";
  const auto table = layer.parameter(suffix, layer.tensor(suffix).shape());
  const auto rows = out.add("Gather", {table, out.integers(entries)}, {{"axis", std::int64_t{0}}});
  return transpose(out, reshape(out, rows, {w.pixels(), w.pixels(), w.heads}), {2, 0, 1});
}

// (windows, 1, pixels, pixels): -100 where the rolling made neighbours of two pixels.
std::string rolling_mask(OnnxBuilder& out, const Windows& w, const Size2& shift) {
  std::vector<float> mask;
  const auto came = [&](std::int64_t window, std::int64_t pixel) {
    const auto y = window / w.across() * w.side + pixel / w.side;
    const auto x = window % w.across() * w.side + pixel % w.side;
    return (y >= w.height - shift.height ? 2 : 0) + (x >= w.width - shift.width ? 1 : 0);
  };
  for (std::int64_t window = 0; window < w.count(); ++window) {
    for (std::int64_t query = 0; query < w.pixels(); ++query) {
      for (std::int64_t key = 0; key < w.pixels(); ++key) {
        mask.push_back(came(window, query) == came(window, key) ? 0.0F : -100.0F);
      }
    }
  }
  return out.constant({w.count(), 1, w.pixels(), w.pixels()}, mask);
}

}  // namespace

OnnxValue lower(const SelfAttention& op, Layer& layer) {
  auto& out = layer.out;
  const auto tokens = layer.shape()[0];
  const auto channels = layer.shape()[1] / 3;
  const auto depth = channels / op.heads;
  const auto parts = reshape(out, layer.input().name, {0, tokens, 3, op.heads, depth});
  const auto heads = divided(out, transpose(out, parts, {2, 0, 3, 1, 4}));
  const auto value = weighted(out, scores(out, heads, depth), heads);
  return {reshape(out, transpose(out, value, {0, 2, 1, 3}), {0, tokens, channels})};
}

OnnxValue lower(const WindowAttention& op, Layer& layer) {
  auto& out = layer.out;
  const auto& shape = layer.shape();
  const Windows w{.height = shape[0],
                  .width = shape[1],
                  .side = op.window,
                  .heads = op.heads,
                  .depth = shape[2] / 3 / op.heads};
  auto x = rolled(out, layer.channels_last(), 1, w.height, op.shift.height);
  x = rolled(out, x, 2, w.width, op.shift.width);
  const auto heads = cut_into_windows(out, x, w);
  auto products = out.add("Add", {scores(out, heads, w.depth), distance_bias(layer, w)});
  if (op.shift.height != 0 || op.shift.width != 0) {
    const auto apart = reshape(out, products, {-1, w.count(), w.heads, w.pixels(), w.pixels()});
    products = reshape(out, out.add("Add", {apart, rolling_mask(out, w, op.shift)}),
                       {-1, w.heads, w.pixels(), w.pixels()});
  }
  x = joined_windows(out, weighted(out, products, heads), w);
  x = rolled(out, x, 1, w.height, -op.shift.height);
  return {rolled(out, x, 2, w.width, -op.shift.width)};
}

// A row of zeros in front, and the token added to it: no size is computed, whatever the batch.
OnnxValue lower(const ClassToken&, Layer& layer) {
  auto& out = layer.out;
  const auto tokens = layer.shape()[0];
  const auto channels = layer.shape()[1];
  const auto pad = [&](const std::string& value, std::int64_t before, std::int64_t after) {
    return out.add("Pad", {value, out.integers({0, before, 0, 0, after, 0}), out.number(0.0F)},
                   {{"mode", "constant"}});
  };
  const auto token = pad(layer.parameter("class_token", {1, 1, channels}), 0, tokens);
  return {out.add("Add", {pad(layer.input().name, 1, 0), token})};
}

OnnxValue lower(const PositionEmbedding&, Layer& layer) {
  const auto position = layer.parameter("position_embedding", {1, layer.shape()[0], layer.shape()[1]});
  return {layer.out.add("Add", {layer.input().name, position})};
}

}  // namespace headstart
