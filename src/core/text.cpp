#include "headstart/text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "headstart/error.h"

namespace headstart {
namespace {

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost 1.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  std::iota(previous.begin(), previous.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

// From a word without separators and capitals, which people get wrong most, to a name: to the whole of it or,
// as people leave a nested model's scope and parts of a class's name away ("shepherd" for "German_shepherd"),
// to what stands behind its last '/' or a word of it.
std::size_t distance_to(const std::string& wanted, std::string_view candidate) {
  constexpr std::size_t kShortestWord = 4;
  const std::string name = plain_spelling(candidate);
  std::size_t distance =
      std::min(edit_distance(wanted, name),
               edit_distance(wanted, plain_spelling(candidate.substr(candidate.rfind('/') + 1))));
  const bool contains = wanted.size() >= 3 && name.find(wanted) != std::string::npos;
  const bool contained = 2 * name.size() >= wanted.size() && wanted.find(name) != std::string::npos;
  if (contains || contained) {
    distance = std::min<std::size_t>(distance, contains ? 1 : 2);
  }
  for (std::size_t begin = 0; begin < candidate.size();) {
    const auto end = std::min(candidate.find_first_of("-_ /", begin), candidate.size());
    if (end - begin >= kShortestWord) {
      const auto word = edit_distance(wanted, plain_spelling(candidate.substr(begin, end - begin)));
      distance = std::min(distance, std::max<std::size_t>(1, word));
    }
    begin = end + 1;
  }
  return distance;
}

// Length of the UTF-8 sequence at the start, 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80U              ? 1
                             : (byte(0) & 0xE0U) == 0xC0U ? 2
                             : (byte(0) & 0xF0U) == 0xE0U ? 3
                             : (byte(0) & 0xF8U) == 0xF0U ? 4
                                                          : 0;
  if (length == 0 || length > text.size() || byte(0) == 0xC0U || byte(0) == 0xC1U) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  return length;
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& candidates,
                                       std::size_t count) {
  constexpr std::size_t kLongestWord = 256;  // a hostile name must not cost minutes
  const std::string wanted = plain_spelling(word.substr(0, kLongestWord));
  if (wanted.empty()) {
    return {};
  }
  std::vector<std::pair<std::size_t, std::string>> near;
  const std::size_t farthest = std::max<std::size_t>(wanted.size() < 4 ? 1 : 2, wanted.size() / 3);
  for (const auto& candidate : candidates) {
    const auto distance = distance_to(wanted, std::string_view(candidate).substr(0, kLongestWord));
    if (distance <= farthest) {
      near.emplace_back(distance, candidate);
    }
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (auto& [distance, name] : near) {
    if (names.size() < count && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto names = nearest_names(word, candidates);
  return names.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(names, ", "));
}

std::string with_thousands(long long value) {
  const std::string digits = std::to_string(value);
  std::string result;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool boundary = i > 0 && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-';
    result += boundary ? "," : "";
    result += digits[i];
  }
  return result;
}

std::int64_t bytes_from(const std::string& text) {
  const std::map<std::string, double> units{{"", 1.0},       {"b", 1.0},      {"k", 1e3},     {"kb", 1e3},
                                            {"m", 1e6},      {"mb", 1e6},     {"g", 1e9},     {"gb", 1e9},
                                            {"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30}};
  double value = 0.0;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, value);
  const auto unit = lower(std::string(std::find_if(next, end, [](char c) { return c != ' '; }), end));
  const auto found = units.find(unit);
  constexpr double kMost = 0x1p60;
  if (error != std::errc{} || found == units.end() || !(value * found->second >= 1.0) ||
      value * found->second > kMost) {
    throw Error(fmt::format("[memory] expected a size like 512MB or 4GB; received \"{}\"", text));
  }
  return std::llround(value * found->second);
}

std::string bytes_text(std::int64_t bytes) {
  constexpr double kMega = 1e6, kGiga = 1e9;
  const auto value = static_cast<double>(bytes);
  return value < kGiga ? fmt::format("{:.0f} MB", value / kMega) : fmt::format("{:.1f} GB", value / kGiga);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) {
    return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c);
  });
  return result;
}

std::string extension_of(const std::string& path) {
  return lower(std::filesystem::path(path).extension().string());
}

std::string plain_spelling(std::string_view text) {
  std::string result = lower(text);
  std::erase_if(result, [](char c) { return c == '-' || c == '_' || c == ' '; });
  return result;
}

std::string without_tag(std::string message) {
  const auto end = message.find("] ");
  if (message.starts_with('[') && end != std::string::npos) {
    message.erase(0, end + 2);
  }
  return message;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string valid_utf8(const std::string& text) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = sequence_length(rest);
    const bool control = length == 1 && static_cast<unsigned char>(rest.front()) < 0x20U &&
                         rest.front() != '\n' && rest.front() != '\t';
    out += length == 0 || control ? std::string_view("\xEF\xBF\xBD") : rest.substr(0, length);
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace headstart
