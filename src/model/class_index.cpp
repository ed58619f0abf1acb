// Names for ImageNet's classes, from files that users have.
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "headstart/error.h"
#include "headstart/open_model.h"

namespace headstart {
namespace {

struct ClassIndex {
  std::vector<std::string> ids, names;
};

ClassIndex parse_json(const std::string& text, const std::string& path) {
  const auto document = nlohmann::json::parse(text, nullptr, false);
  const auto is_entry = [](const nlohmann::json& value) {
    return value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string();
  };
  ClassIndex index;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const auto found = document.find(std::to_string(i));
    if (found == document.end() || !is_entry(*found)) {
      break;
    }
    index.ids.push_back((*found)[0].get<std::string>());
    index.names.push_back((*found)[1].get<std::string>());
  }
  if (!document.is_object() || index.names.empty() || index.names.size() != document.size()) {
    throw Error(fmt::format(
        "[classes] {}: expected {{\"0\": [\"n01440764\", \"tench\"], ...}} with every number", path));
  }
  return index;
}

bool is_wordnet_id(std::string_view word) {
  return word.size() == 9 && word[0] == 'n' &&
         word.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

ClassIndex parse_lines(const std::string& text) {
  ClassIndex index;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) {
      line.pop_back();
    }
    if (line.empty()) {
      continue;
    }
    const auto space = line.find(' ');
    const bool has_id = space != std::string::npos && is_wordnet_id(std::string_view(line).substr(0, space));
    index.ids.push_back(has_id ? line.substr(0, space) : "");
    index.names.push_back(has_id ? line.substr(space + 1) : line);
  }
  return index;
}

}  // namespace

void read_class_index(Model& model, const std::string& path) {
  constexpr std::uint64_t kMaximumBytes = std::uint64_t{16} << 20U;
  const auto bytes = read_file(path, kMaximumBytes);
  const std::string text(bytes.begin(), bytes.end());
  const auto first = text.find_first_not_of(" \t\r\n");
  ClassIndex index =
      first != std::string::npos && text[first] == '{' ? parse_json(text, path) : parse_lines(text);
  const Shape& output = model.graph.output_shape();
  const auto expected = static_cast<std::size_t>(output.size() != 1 ? 0 : output[0] == 1 ? 2 : output[0]);
  if (index.names.size() != expected) {
    throw Error(fmt::format("[classes] {}: expected {} classes for {}; received {}", path, expected,
                            model.graph.name(), index.names.size()));
  }
  model.class_names = std::move(index.names);
  model.class_ids = std::move(index.ids);
}

std::string find_class_index(const std::string& weights) {
  constexpr const char* kName = "imagenet_class_index.json";
  std::vector<std::filesystem::path> folders{std::filesystem::path(weights).parent_path(), cache_directory()};
  if (const char* home = std::getenv("HOME"); home != nullptr) {
    folders.push_back(std::filesystem::path(home) / ".keras" / "models");
  }
  for (const auto& folder : folders) {
    std::error_code ignored;
    if (const auto path = folder / kName; std::filesystem::is_regular_file(path, ignored)) {
      return path.string();
    }
  }
  return "";
}

void add_imagenet_classes(Model& model, const std::string& weights) {
  const Shape imagenet{1000};
  if (!model.class_names.empty() || model.graph.output_shape() != imagenet) {
    return;
  }
  if (const auto path = find_class_index(weights); !path.empty()) {
    read_class_index(model, path);
  }
}

}  // namespace headstart
