#include "weights/safe_json.h"

#include <set>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

using nlohmann::json;

constexpr std::size_t kMaximumDepth = 100;
constexpr std::size_t kMaximumRank = 32;

// Watches depth and keys while the parser builds the document.
class Guard {
 public:
  explicit Guard(std::string_view tag) : tag_(tag) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (static_cast<std::size_t>(depth) > kMaximumDepth) {
      throw Error(
          fmt::format("[{}] expected JSON nested up to {} levels; received more", tag_, kMaximumDepth));
    }
    if (event == json::parse_event_t::object_start) {
      keys_.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == json::parse_event_t::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(name).second) {
        throw Error(
            fmt::format("[{}] the key {} stands twice in one JSON object", tag_, name.substr(0, 100)));
      }
    }
    return true;
  }

 private:
  std::string_view tag_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

json parse_json(std::string_view text, std::string_view tag) {
  try {
    Guard guard(tag);
    return json::parse(text, [&guard](int depth, json::parse_event_t event, json& parsed) {
      return guard(depth, event, parsed);
    });
  } catch (const json::exception& problem) {
    throw Error(fmt::format("[{}] expected JSON; {}", tag, problem.what()));
  }
}

const json& json_member(const json& object, const char* key, std::string_view tag) {
  if (!object.is_object()) {
    throw Error(
        fmt::format("[{}] expected a JSON object with \"{}\"; received {}", tag, key, object.type_name()));
  }
  const auto found = object.find(key);
  if (found == object.end()) {
    throw Error(fmt::format("[{}] expected \"{}\" in the JSON; it is not there", tag, key));
  }
  return *found;
}

std::string json_string(const json& object, const char* key, std::string_view tag) {
  const auto& value = json_member(object, key, tag);
  if (!value.is_string()) {
    throw Error(fmt::format("[{}] expected a string for \"{}\"; received {}", tag, key, value.type_name()));
  }
  return value.get<std::string>();
}

std::vector<std::int64_t> json_counts(const json& object, const char* key, std::string_view tag) {
  const auto& value = json_member(object, key, tag);
  if (!value.is_array() || value.size() > kMaximumRank) {
    throw Error(fmt::format("[{}] expected a list of up to {} integers for \"{}\"; received {}", tag,
                            kMaximumRank, key, value.type_name()));
  }
  std::vector<std::int64_t> counts;
  for (const auto& count : value) {
    if (!count.is_number_unsigned() || count.get<std::uint64_t>() > std::uint64_t{1} << 60) {
      throw Error(
          fmt::format("[{}] expected non-negative integers in \"{}\"; received another value", tag, key));
    }
    counts.push_back(count.get<std::int64_t>());
  }
  return counts;
}

Shape json_shape(const json& object, const char* key, std::string_view tag) {
  Shape shape = json_counts(object, key, tag);
  element_count(shape);  // throws on overflow
  return shape;
}

}  // namespace headstart
