// Suggestions for mistyped names, and numbers as people write them.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headstart {

// Up to `count` different candidates nearest to `word` by edit distance (a substring match counts as near),
// nearest first; far ones are left out.
std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& candidates,
                                       std::size_t count = 3);
// "; did you mean a, b?" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// The number that the whole of `text` is, as std::from_chars reads it; nothing for any other text.
template <typename Number>
std::optional<Number> number_from(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}
std::string with_thousands(long long value);  // "14,714,688"
// "512MB", "1.5 GB" (powers of ten), "4GiB", a number of bytes; throws Error.
std::int64_t bytes_from(const std::string& text);
std::string bytes_text(std::int64_t bytes);  // "830 MB", "4.2 GB"
std::string lower(std::string_view text);
std::string extension_of(const std::string& path);  // in lower case: ".jpg"
std::string plain_spelling(std::string_view text);  // lower case, without hyphens, underscores and spaces
// Bytes that are not UTF-8, and control characters, become U+FFFD.
std::string valid_utf8(const std::string& text);
std::string without_tag(std::string message);  // an Error's message without its "[tag] "
// The parts between separators, empty ones too: "a,,b" -> "a", "", "b".
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace headstart
