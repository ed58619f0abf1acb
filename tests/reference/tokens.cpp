#include "reference/tokens.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace headstart::reference {

namespace {

// Indices into the rows of one head of one sample: query, key and value are the parts 0, 1 and 2.
struct Head {
  std::int64_t tokens = 0, channels = 0, depth = 0, sample = 0, head = 0;

  std::int64_t in(int part, std::int64_t token, std::int64_t d) const {
    return ((sample * tokens + token) * 3 + part) * channels + head * depth + d;
  }
  std::int64_t out(std::int64_t token, std::int64_t d) const {
    return (sample * tokens + token) * channels + head * depth + d;
  }
};

template <typename Visit>
void for_each_head(const Array& input, int heads, Visit visit) {
  const std::int64_t channels = input.shape[2] / 3;
  for (std::int64_t sample = 0; sample < input.shape[0]; ++sample) {
    for (std::int64_t head = 0; head < heads; ++head) {
      visit(Head{input.shape[1], channels, channels / heads, sample, head});
    }
  }
}

// softmax(q k^T / sqrt(depth)) of one query over all keys.
std::vector<double> weights_of(const Array& input, const Head& h, std::int64_t query) {
  std::vector<double> weights;
  for (std::int64_t key = 0; key < h.tokens; ++key) {
    double product = 0.0;
    for (std::int64_t d = 0; d < h.depth; ++d) {
      product += input[h.in(0, query, d)] * input[h.in(1, key, d)];
    }
    weights.push_back(product / std::sqrt(static_cast<double>(h.depth)));
  }
  return softmax(std::move(weights));
}

}  // namespace

std::vector<double> softmax(std::vector<double> scores) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  for (double& score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (double& score : scores) {
    score /= sum;
  }
  return scores;
}

Array self_attention(const Array& input, int heads) {
  Array output({input.shape[0], input.shape[1], input.shape[2] / 3});
  for_each_head(input, heads, [&](const Head& h) {
    for (std::int64_t query = 0; query < h.tokens; ++query) {
      const auto weights = weights_of(input, h, query);
      for (std::int64_t key = 0; key < h.tokens; ++key) {
        for (std::int64_t d = 0; d < h.depth; ++d) {
          output[h.out(query, d)] += weights[static_cast<std::size_t>(key)] * input[h.in(2, key, d)];
        }
      }
    }
  });
  return output;
}

Array self_attention_backward(const Array& input, int heads, const Array& diff_output) {
  Array diff_input(input.shape);
  for_each_head(input, heads, [&](const Head& h) {
    const double root = std::sqrt(static_cast<double>(h.depth));
    for (std::int64_t query = 0; query < h.tokens; ++query) {
      const auto weights = weights_of(input, h, query);
      std::vector<double> diff_weights(weights.size(), 0.0);
      double mean = 0.0;
      for (std::size_t k = 0; k < weights.size(); ++k) {
        const auto key = static_cast<std::int64_t>(k);
        for (std::int64_t d = 0; d < h.depth; ++d) {
          diff_weights[k] += diff_output[h.out(query, d)] * input[h.in(2, key, d)];
          diff_input[h.in(2, key, d)] += weights[k] * diff_output[h.out(query, d)];
        }
        mean += weights[k] * diff_weights[k];
      }
      for (std::size_t k = 0; k < weights.size(); ++k) {
        const auto key = static_cast<std::int64_t>(k);
        const double diff_score = weights[k] * (diff_weights[k] - mean) / root;
        for (std::int64_t d = 0; d < h.depth; ++d) {
          diff_input[h.in(0, query, d)] += diff_score * input[h.in(1, key, d)];
          diff_input[h.in(1, key, d)] += diff_score * input[h.in(0, query, d)];
        }
      }
    }
  });
  return diff_input;
}

Array prepend_token(const Array& input, const Array& token) {
  const std::int64_t channels = token.size();
  Array output({input.shape[0], input.shape[1] + 1, channels});
  for (std::int64_t i = 0; i < output.size(); ++i) {
    const std::int64_t row = i / channels;
    const std::int64_t sample = row / output.shape[1];
    output[i] = row % output.shape[1] == 0 ? token[i % channels] : input[i - (sample + 1) * channels];
  }
  return output;
}

TokenGradients prepend_token_backward(const Array& input, const Array& diff_output) {
  const std::int64_t channels = input.shape[2];
  TokenGradients gradients{.input = Array(input.shape), .token = Array({channels})};
  for (std::int64_t i = 0; i < diff_output.size(); ++i) {
    const std::int64_t row = i / channels;
    const std::int64_t sample = row / diff_output.shape[1];
    if (row % diff_output.shape[1] == 0) {
      gradients.token[i % channels] += diff_output[i];
    } else {
      gradients.input[i - (sample + 1) * channels] = diff_output[i];
    }
  }
  return gradients;
}

Array add_position(const Array& input, const Array& position) {
  Array output = input;
  for (std::int64_t i = 0; i < input.size(); ++i) {
    output[i] += position[i % position.size()];
  }
  return output;
}

Array position_gradient(const Array& diff_output) {
  Array gradient({diff_output.shape[1], diff_output.shape[2]});
  for (std::int64_t i = 0; i < diff_output.size(); ++i) {
    gradient[i % gradient.size()] += diff_output[i];
  }
  return gradient;
}

}  // namespace headstart::reference
