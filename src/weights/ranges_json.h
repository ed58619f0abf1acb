// Ranges for int8 as a JSON object: pairs [low, high] by layer.
#pragma once

#include <string>

#include "headstart/ranges.h"

namespace headstart {

std::string to_json(const ValueRanges& ranges);
// Throws Error with `what` as its tag for anything else than pairs with low <= 0 < high.
ValueRanges ranges_from_json(const std::string& text, const char* what);

}  // namespace headstart
