#include "photo_output.h"

#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart::app {

void require_png_name(const std::string& path) {
  if (lower(std::filesystem::path(path).extension().string()) != ".png") {
    throw Error(fmt::format("[out] expected --out FILE.png; received {}", path));
  }
}

void print_photo_error(const std::string& path, const std::string& error) {
  const bool names_it = error.find(path) != std::string::npos;
  fmt::print(stderr, "error: {}{}{}\n", names_it ? "" : path, names_it ? "" : ": ", error);
}

}  // namespace headstart::app
