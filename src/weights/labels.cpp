#include "weights/labels.h"

#include <optional>
#include <sstream>

#include "weights/safe_json.h"

namespace headstart {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;

std::optional<std::string> text_of(const Sibling& sibling, const char* name) {
  try {
    const auto file = sibling(name);
    return file.size > kLargestFile ? std::nullopt : std::optional<std::string>(as_text(file.span()));
  } catch (const Error&) {
    return std::nullopt;  // most models have none
  }
}

std::vector<std::string> labels_from_json(const std::string& text) {
  std::vector<std::string> labels;
  try {
    const auto document = parse_json(text, "labels");
    for (const auto& label : json_member(document, "labels", "labels")) {
      if (!label.is_string()) {
        return {};
      }
      labels.push_back(label.get<std::string>());
    }
  } catch (const Error&) {
    return {};
  }
  return labels;
}

// "0 cat", "1 dog": the numbers go when every line has its own.
std::vector<std::string> labels_from_lines(const std::string& text) {
  std::vector<std::string> labels;
  bool numbered = true;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) {
      numbered = numbered && line.starts_with(std::to_string(labels.size()) + " ");
      labels.push_back(line);
    }
  }
  for (std::size_t i = 0; numbered && i < labels.size(); ++i) {
    labels[i].erase(0, std::to_string(i).size() + 1);
  }
  return labels;
}

}  // namespace

std::vector<std::string> read_labels(const Sibling& sibling) {
  if (const auto text = text_of(sibling, "metadata.json")) {
    if (auto labels = labels_from_json(*text); !labels.empty()) {
      return labels;
    }
  }
  const auto text = text_of(sibling, "labels.txt");
  return text ? labels_from_lines(*text) : std::vector<std::string>{};
}

}  // namespace headstart
