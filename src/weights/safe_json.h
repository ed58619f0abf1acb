// Parsing of JSON that strangers wrote.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "headstart/tensor.h"

namespace headstart {

// Throws Error "[tag] ..." for malformed text, nesting beyond 100 levels, a key that stands twice in one
// object.
nlohmann::json parse_json(std::string_view text, std::string_view tag);

// Members of an object with their type checked; each throws Error "[tag] ..." naming the key.
const nlohmann::json& json_member(const nlohmann::json& object, const char* key, std::string_view tag);
std::string json_string(const nlohmann::json& object, const char* key, std::string_view tag);
// An array of up to 32 non-negative integers, each up to 2^60.
std::vector<std::int64_t> json_counts(const nlohmann::json& object, const char* key, std::string_view tag);
// The same as the shape of a tensor: their product is that of one.
Shape json_shape(const nlohmann::json& object, const char* key, std::string_view tag);

}  // namespace headstart
