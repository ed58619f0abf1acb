// Classes as people name them.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/explain.h"
#include "headstart/text.h"

namespace headstart {
namespace {

std::string folded(std::string_view name) {
  std::string result = lower(name);
  std::replace(result.begin(), result.end(), '_', ' ');
  return result;
}

std::optional<int> position(const std::vector<std::string>& names, const std::string& wanted) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const std::string& name) { return folded(name) == wanted; });
  return found == names.end() ? std::nullopt : std::optional(static_cast<int>(found - names.begin()));
}

}  // namespace

int find_class(const Model& model, const std::string& name) {
  const auto labels = class_labels(model);
  const std::string wanted = folded(name);
  if (const auto index = position(labels, wanted)) {
    return *index;
  }
  if (const auto index = position(model.class_ids, wanted)) {
    return *index;
  }
  int index = -1;
  const auto* end = name.data() + name.size();
  const auto [rest, status] = std::from_chars(name.data(), end, index);
  if (status == std::errc{} && rest == end && index >= 0 && index < static_cast<int>(labels.size())) {
    return index;
  }
  throw Error(fmt::format("[explain] expected one of the {} classes by name or index; received \"{}\"{}",
                          labels.size(), name, did_you_mean(name, labels)));
}

}  // namespace headstart
