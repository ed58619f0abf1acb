// Parsing of JSON that strangers wrote.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "headstart/tensor.h"

namespace headstart {

// Throws Error "[tag] ..." for malformed text, nesting beyond 100 levels, a key that stands twice in one
// object.
nlohmann::json parse_json(std::string_view text, std::string_view tag);

// Members of an object with their type checked; each throws Error "[tag] ..." naming the key.
const nlohmann::json& json_member(const nlohmann::json& object, const char* key, std::string_view tag);
std::string json_string(const nlohmann::json& object, const char* key, std::string_view tag);
// An array of up to 32 non-negative integers whose product is that of a tensor.
Shape json_shape(const nlohmann::json& object, const char* key, std::string_view tag);

}  // namespace headstart
