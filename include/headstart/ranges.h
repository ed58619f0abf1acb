// Where the values of a network's layers lie: what int8 needs to know.
#pragma once

#include <map>
#include <string>

namespace headstart {

// Between which bounds int8 represents the values of a layer: [-b, b], or [0, b] where none is negative.
struct ValueRange {
  float low = 0.0F, high = 0.0F;
  friend bool operator==(const ValueRange&, const ValueRange&) = default;
};
// By layer. A layer that is not among them is computed in floating point.
using ValueRanges = std::map<std::string, ValueRange>;

}  // namespace headstart
