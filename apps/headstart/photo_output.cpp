#include "photo_output.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart::app {

void note_nameless(const Model& model, Progress& progress) {
  if (model.class_names.empty()) {
    progress.message(
        "note: the names of the classes are unknown; --class-index FILE gives them, or an "
        "imagenet_class_index.json beside the weights or in ~/.keras/models");
  }
}

void print_photo_error(const std::string& path, const std::string& error) {
  // A file may be called "a".
  const bool names_it =
      path.find_first_of("./") != std::string::npos && error.find(path) != std::string::npos;
  fmt::print(stderr, "error: {}{}{}\n", names_it ? "" : path, names_it ? "" : ": ", error);
}

void keep_photos(const std::vector<std::string>& photos, const std::string& output) {
  const bool over = std::ranges::any_of(photos, [&](const std::string& photo) {
    std::error_code ignored;
    return std::filesystem::equivalent(photo, output, ignored);
  });
  if (over) {
    throw Error(fmt::format(
        "expected a file to write that is none of the photos; received {}; choose another name", output));
  }
}

}  // namespace headstart::app
