// Reference self-attention and the trained tokens and positions of vision transformers, with their gradients.
#pragma once

#include <vector>

#include "reference/array.h"

namespace headstart::reference {

// Of one query's scores.
std::vector<double> softmax(std::vector<double> scores);

// (N, T, 3C) holding queries, keys, values -> (N, T, C).
Array self_attention(const Array& input, int heads);
Array self_attention_backward(const Array& input, int heads, const Array& diff_output);

// token (C) in front of every sample's rows (N, T, C).
Array prepend_token(const Array& input, const Array& token);
struct TokenGradients {
  Array input, token;
};
TokenGradients prepend_token_backward(const Array& input, const Array& diff_output);

// position (T, C) added to every sample.
Array add_position(const Array& input, const Array& position);
Array position_gradient(const Array& diff_output);

}  // namespace headstart::reference
