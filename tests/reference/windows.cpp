#include "reference/windows.h"

#include <cmath>
#include <utility>

#include "reference/tokens.h"

namespace headstart::reference {

namespace {

struct Pixel {
  std::int64_t y = 0, x = 0;
};

// One head of one sample.
struct WindowHead {
  const WindowAttention& op;
  std::int64_t height = 0, width = 0, channels = 0, depth = 0, sample = 0, head = 0;

  std::int64_t in(int part, const Pixel& pixel, std::int64_t d) const {
    return (((sample * height + pixel.y) * width + pixel.x) * 3 + part) * channels + head * depth + d;
  }
  std::int64_t out(const Pixel& pixel, std::int64_t d) const {
    return ((sample * height + pixel.y) * width + pixel.x) * channels + head * depth + d;
  }
  Pixel rolled(const Pixel& pixel) const {
    return {(pixel.y - op.shift.height + height) % height, (pixel.x - op.shift.width + width) % width};
  }
  std::int64_t table_entry(const Pixel& query, const Pixel& key) const {
    const Pixel q = rolled(query), k = rolled(key);
    const std::int64_t side = 2 * std::int64_t{op.window} - 1;
    return ((q.y - k.y + op.window - 1) * side + q.x - k.x + op.window - 1) * op.heads + head;
  }
};

// Pixels that the rolling brought from one side to the other are apart from those that stayed.
bool are_apart(const WindowHead& h, const Pixel& a, const Pixel& b) {
  const Pixel p = h.rolled(a), q = h.rolled(b);
  const auto came = [](std::int64_t at, std::int64_t extent, int shift) { return at >= extent - shift; };
  return came(p.y, h.height, h.op.shift.height) != came(q.y, h.height, h.op.shift.height) ||
         came(p.x, h.width, h.op.shift.width) != came(q.x, h.width, h.op.shift.width);
}

std::vector<Pixel> window_of(const WindowHead& h, const Pixel& query) {
  std::vector<Pixel> keys;
  const Pixel q = h.rolled(query);
  for (std::int64_t y = 0; y < h.height; ++y) {
    for (std::int64_t x = 0; x < h.width; ++x) {
      const Pixel k = h.rolled({y, x});
      if (k.y / h.op.window == q.y / h.op.window && k.x / h.op.window == q.x / h.op.window) {
        keys.push_back({y, x});
      }
    }
  }
  return keys;
}

std::vector<double> window_weights(const Array& input, const Array& table, const WindowHead& h,
                                   const Pixel& query, const std::vector<Pixel>& keys) {
  std::vector<double> weights;
  for (const Pixel& key : keys) {
    double product = 0.0;
    for (std::int64_t d = 0; d < h.depth; ++d) {
      product += input[h.in(0, query, d)] * input[h.in(1, key, d)];
    }
    weights.push_back(product / std::sqrt(static_cast<double>(h.depth)) + table[h.table_entry(query, key)] -
                      (are_apart(h, query, key) ? 100.0 : 0.0));
  }
  return softmax(std::move(weights));
}

// visit(head, query, keys, weights) for every query of every head.
template <typename Visit>
void for_each_query(const Array& input, const WindowAttention& op, const Array& table, Visit visit) {
  const std::int64_t channels = input.shape[3] / 3;
  for (std::int64_t sample = 0; sample < input.shape[0]; ++sample) {
    for (std::int64_t head = 0; head < op.heads; ++head) {
      const WindowHead h{op, input.shape[1], input.shape[2], channels, channels / op.heads, sample, head};
      for (std::int64_t y = 0; y < h.height; ++y) {
        for (std::int64_t x = 0; x < h.width; ++x) {
          const auto keys = window_of(h, {y, x});
          visit(h, Pixel{y, x}, keys, window_weights(input, table, h, {y, x}, keys));
        }
      }
    }
  }
}

}  // namespace

Array window_attention(const Array& input, const WindowAttention& op, const Array& table) {
  Array output({input.shape[0], input.shape[1], input.shape[2], input.shape[3] / 3});
  for_each_query(input, op, table,
                 [&](const WindowHead& h, const Pixel& query, const auto& keys, const auto& weights) {
                   for (std::size_t k = 0; k < keys.size(); ++k) {
                     for (std::int64_t d = 0; d < h.depth; ++d) {
                       output[h.out(query, d)] += weights[k] * input[h.in(2, keys[k], d)];
                     }
                   }
                 });
  return output;
}

WindowGradients window_attention_backward(const Array& input, const WindowAttention& op, const Array& table,
                                          const Array& diff_output) {
  WindowGradients result{Array(input.shape), Array(table.shape)};
  for_each_query(input, op, table,
                 [&](const WindowHead& h, const Pixel& query, const auto& keys, const auto& weights) {
                   const double root = std::sqrt(static_cast<double>(h.depth));
                   std::vector<double> diff_weights(weights.size(), 0.0);
                   double mean = 0.0;
                   for (std::size_t k = 0; k < keys.size(); ++k) {
                     for (std::int64_t d = 0; d < h.depth; ++d) {
                       diff_weights[k] += diff_output[h.out(query, d)] * input[h.in(2, keys[k], d)];
                       result.input[h.in(2, keys[k], d)] += weights[k] * diff_output[h.out(query, d)];
                     }
                     mean += weights[k] * diff_weights[k];
                   }
                   for (std::size_t k = 0; k < keys.size(); ++k) {
                     const double diff_score = weights[k] * (diff_weights[k] - mean);
                     result.table[h.table_entry(query, keys[k])] += diff_score;
                     for (std::int64_t d = 0; d < h.depth; ++d) {
                       result.input[h.in(0, query, d)] += diff_score / root * input[h.in(1, keys[k], d)];
                       result.input[h.in(1, keys[k], d)] += diff_score / root * input[h.in(0, query, d)];
                     }
                   }
                 });
  return result;
}

}  // namespace headstart::reference
