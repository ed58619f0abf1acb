#include "explain/explore_attention.h"

#include <algorithm>
#include <cmath>

namespace headstart {
namespace {

// One head of queries, keys and values side by side, a row a token.
struct Head {
  const Tensor& input;
  std::int64_t channels = 0, depth = 0, head = 0;

  Head(const Tensor& rows, int heads, std::int64_t which)
      : input(rows), channels(rows.shape().back() / 3), depth(channels / heads), head(which) {}

  double score(std::int64_t query, std::int64_t key) const {
    const float* q = input.data() + query * 3 * channels + head * depth;
    const float* k = input.data() + key * 3 * channels + channels + head * depth;
    double product = 0;
    for (std::int64_t d = 0; d < depth; ++d) {
      product += static_cast<double>(q[d]) * static_cast<double>(k[d]);
    }
    return product / std::sqrt(static_cast<double>(depth));
  }
};

void append_softmax(std::vector<double>& scores, std::vector<float>& kept) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (const double score : scores) {
    kept.push_back(static_cast<float>(score / sum));
  }
}

// One side of the image that is rolled and cut into windows.
struct Side {
  std::int64_t extent = 0, window = 1, shift = 0;

  std::int64_t rolled(std::int64_t at) const { return (at - shift + extent) % extent; }
  std::int64_t place(std::int64_t at) const { return rolled(at) % window; }  // in its window
  // The pixel at `place` of the window that holds the pixel `at`.
  std::int64_t neighbour(std::int64_t at, std::int64_t other) const {
    return (rolled(at) - place(at) + other + shift) % extent;
  }
  bool apart(std::int64_t a, std::int64_t b) const {
    return (rolled(a) >= extent - shift) != (rolled(b) >= extent - shift);
  }
};

}  // namespace

std::vector<float> attention_weights(const SelfAttention& op, const Tensor& input, std::int64_t head) {
  const Head one(input, op.heads, head);
  const std::int64_t tokens = input.shape().front();
  std::vector<float> kept;
  std::vector<double> scores(static_cast<std::size_t>(tokens));
  for (std::int64_t query = 0; query < tokens; ++query) {
    for (std::int64_t key = 0; key < tokens; ++key) {
      scores[static_cast<std::size_t>(key)] = one.score(query, key);
    }
    append_softmax(scores, kept);
  }
  return kept;
}

std::vector<float> attention_weights(const WindowAttention& op, const Tensor& input, const Tensor& table,
                                     std::int64_t head) {
  constexpr double kApart = -100.0;
  const Head one(input, op.heads, head);
  const std::int64_t window = op.window, width = input.shape()[1];
  const Side down{.extent = input.shape()[0], .window = window, .shift = op.shift.height};
  const Side right{.extent = width, .window = window, .shift = op.shift.width};
  std::vector<float> kept;
  std::vector<double> scores(static_cast<std::size_t>(window * window));
  for (std::int64_t pixel = 0; pixel < down.extent * width; ++pixel) {
    const std::int64_t y = pixel / width, x = pixel % width;
    for (std::int64_t key = 0; key < window * window; ++key) {
      const std::int64_t row = key / window, column = key % window;
      const std::int64_t other_y = down.neighbour(y, row), other_x = right.neighbour(x, column);
      const std::int64_t distance =
          (down.place(y) - row + window - 1) * (2 * window - 1) + right.place(x) - column + window - 1;
      const bool apart = down.apart(y, other_y) || right.apart(x, other_x);
      scores[static_cast<std::size_t>(key)] = one.score(pixel, other_y * width + other_x) +
                                              static_cast<double>(table[distance * op.heads + head]) +
                                              (apart ? kApart : 0.0);
    }
    append_softmax(scores, kept);
  }
  return kept;
}

}  // namespace headstart
