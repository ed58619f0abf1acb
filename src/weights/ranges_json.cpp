#include "weights/ranges_json.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headstart/error.h"
#include "weights/safe_json.h"

namespace headstart {

using nlohmann::json;

std::string to_json(const ValueRanges& ranges) {
  json object = json::object();
  for (const auto& [layer, range] : ranges) {
    object[layer] = {range.low, range.high};
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

ValueRanges ranges_from_json(const std::string& text, const char* what) {
  const auto refuse = [what] {
    throw Error(fmt::format(
        "[{}] expected ranges as an object of pairs [low, high] with low <= 0 < high; received another value",
        what));
  };
  const auto object = parse_json(text, what);
  if (!object.is_object()) {
    refuse();
  }
  ValueRanges ranges;
  for (const auto& [layer, pair] : object.items()) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number()) {
      refuse();
    }
    const ValueRange range{.low = pair[0].get<float>(), .high = pair[1].get<float>()};
    if (!(range.low <= 0.0F && range.high > 0.0F && std::isfinite(range.low) && std::isfinite(range.high))) {
      refuse();
    }
    ranges.emplace(layer, range);
  }
  return ranges;
}

}  // namespace headstart
