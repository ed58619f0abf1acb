// Groups read off the paths of samples.
#include <regex>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/split.h"

namespace headstart {

std::int64_t group_by_path(Dataset& dataset, const std::string& expression) {
  std::regex pattern;
  try {
    pattern = std::regex(expression, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw Error(fmt::format("[split] a regular expression was expected; received \"{}\": {}", expression,
                            error.what()));
  }
  if (pattern.mark_count() < 1) {
    throw Error(
        fmt::format("[split] a regular expression with a capture group was expected; received \"{}\"; put "
                    "parentheses around what names the group, as in \"(patient[0-9]+)_\"",
                    expression));
  }
  std::int64_t found = 0;
  for (auto& sample : dataset.samples) {
    std::smatch match;
    if (std::regex_search(sample.path, match, pattern) && match[1].length() > 0) {
      sample.group = match[1].str();
      ++found;
    }
  }
  if (found == 0) {
    throw Error(
        fmt::format("[split] \"{}\" was expected to be found in paths; it is in none, the first being {}",
                    expression, dataset.samples.empty() ? "none" : dataset.samples.front().path));
  }
  return found;
}

}  // namespace headstart
