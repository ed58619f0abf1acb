// Multi-head self-attention as batched matrix products, forwards and backwards.
#pragma once

#include <optional>
#include <string>

#include "engine/emitter.h"

namespace headstart {

struct AttentionShape {
  std::int64_t batch = 1, tokens = 1, channels = 1, heads = 1;  // channels of the result
  std::int64_t depth() const { return channels / heads; }
};

// What the backward pass needs again; `query`, `key` and `value` are contiguous for every head.
struct Attention {
  AttentionShape shape{};
  Value query{}, key{}, value{};
  Value weights{};  // the softmax: (batch * heads, tokens, tokens)
  Value result{};   // (batch, tokens, channels)
};

// `src`: (batch, tokens, 3 * channels). `bias` is added to the scores: (1, n) for every n of the values of
// (batch, heads, tokens, tokens).
Attention emit_attention(Emitter& emitter, const std::string& node, const Value& src,
                         const AttentionShape& shape, const std::optional<Value>& bias = std::nullopt);

struct AttentionGradients {
  Value src{}, scores{};
};
AttentionGradients emit_attention_backward(Emitter& emitter, const std::string& node,
                                           const Attention& attention, const Value& diff);

}  // namespace headstart
