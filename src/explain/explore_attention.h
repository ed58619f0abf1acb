// How much every token of an attention takes of each other one: the weights of one head.
#pragma once

#include <cstdint>
#include <vector>

#include "headstart/op.h"
#include "headstart/tensor.h"

namespace headstart {

// softmax(q k^T / sqrt(depth)) of queries, keys and values side by side, (T, 3C): (query, key).
std::vector<float> attention_weights(const SelfAttention& op, const Tensor& input, std::int64_t head);
// Of an image (H, W, 3C) with the table of the pixels' distances: (H * W, window * window), a row for every
// pixel, in it the pixels of its window from left to right and top to bottom.
std::vector<float> attention_weights(const WindowAttention& op, const Tensor& input, const Tensor& table,
                                     std::int64_t head);

}  // namespace headstart
