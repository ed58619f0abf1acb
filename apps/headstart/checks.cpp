#include "checks.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "headstart/text.h"

namespace headstart::app {
namespace {

// `accepts` says whether the text is what `expected` describes; `hint` follows a refusal.
CLI::Validator check(const std::string& expected, std::function<bool(const std::string&)> accepts,
                     std::function<std::string(const std::string&)> hint = {}) {
  const auto refusal = [expected, accepts = std::move(accepts), hint = std::move(hint)](std::string& text) {
    return accepts(text) ? std::string()
                         : fmt::format("expected {}; received {}{}", expected,
                                       text.empty() ? "nothing" : text, hint ? hint(text) : "");
  };
  return {refusal, ""};
}

bool is_whole_number(const std::string& text, std::int64_t least, std::int64_t most) {
  const auto value = number_from<std::int64_t>(text);
  return value && *value >= least && *value <= most;
}

// The square root of the largest double is beyond every sensible rate, size and share.
constexpr double kLargest = 1e150;

CLI::Validator number_check(const std::string& expected, double least, double most) {
  return check(expected, [least, most](const std::string& text) {
    const auto value = number_from<double>(text);
    return value && *value >= least && *value <= most;
  });
}

}  // namespace

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
  return check(fmt::format("a whole number from {} to {}", least, most),
               [least, most](const std::string& text) { return is_whole_number(text, least, most); });
}

CLI::Validator number_between(double least, double most) {
  return number_check(fmt::format("a number from {} to {}", least, most), least, most);
}

CLI::Validator positive_number() {
  return number_check("a number above 0", std::nextafter(0.0, 1.0), kLargest);
}

CLI::Validator number_from_zero() { return number_check("a number from 0 on", 0.0, kLargest); }

CLI::Validator not_empty(const std::string& expected) {
  return check(expected, [](const std::string& text) { return !text.empty(); });
}

CLI::Validator file_called(const std::vector<std::string>& extensions) {
  return check(fmt::format("a file called {}", fmt::join(extensions, " or ")),
               [extensions](const std::string& text) {
                 const std::string extension = extension_of(text);
                 return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
               });
}

CLI::Validator one_of(const std::vector<std::string>& words) {
  auto validator = check(
      fmt::format("one of {}", fmt::join(words, ", ")),
      [words](const std::string& text) { return std::find(words.begin(), words.end(), text) != words.end(); },
      [words](const std::string& text) { return did_you_mean(text, words); });
  return validator.description(fmt::format("{{{}}}", fmt::join(words, ",")));
}

CLI::Validator one_of_or_whole_number(const std::vector<std::string>& words, std::int64_t least,
                                      std::int64_t most) {
  return check(
      fmt::format("{} or a whole number from {} to {}", fmt::join(words, ", "), least, most),
      [words, least, most](const std::string& text) {
        return std::find(words.begin(), words.end(), text) != words.end() ||
               is_whole_number(text, least, most);
      },
      [words](const std::string& text) { return did_you_mean(text, words); });
}

}  // namespace headstart::app
