// Which values and layers of an inference program are int8, and at which scales.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/emitter.h"
#include "engine/fusion.h"

namespace headstart {

// A value x as bytes: round(x / scale), without a sign (0 to 255) where no value is negative.
struct Int8Form {
  DataType type = DataType::s8;
  float scale = 1.0F;
};
Int8Form int8_form(const ValueRange& range);

struct Int8Plan {
  std::vector<std::optional<Int8Form>> forms;  // by node: how its value is as int8; none: it never is
  std::vector<bool> stored;                    // by node: its value exists as int8 only
  std::vector<bool> computed;                  // by tail: the layer multiplies int8
};

// What is planned, as FrozenLowering has it.
struct FusedGraph {
  const std::vector<Node>& nodes;
  const std::vector<std::vector<NodeId>>& consumers;
  const std::vector<bool>& must_exist;
  const Fusion& fusion;
};

// A layer with weights multiplies int8 where the range of its input is known, unless `is_faster_in_float`.
// Its result is stored as int8 when all that read it take that; else each reader has it converted. Values
// that poolings and concatenations pass on as they are share one scale. Nothing is int8 without `ranges`.
Int8Plan plan_int8(const FusedGraph& graph, const ValueRanges* ranges,
                   const std::function<bool(const FusedLayer&)>& is_faster_in_float);

// The name under which the value between the two halves of a separable convolution is known.
std::string depthwise_name(const std::string& separable);

}  // namespace headstart
