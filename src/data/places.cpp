#include "data/places.h"

namespace headstart {

namespace fs = std::filesystem;

fs::path place_of_data(const std::string& data) {
  std::error_code error;
  fs::path place = fs::path(data).lexically_normal();
  if (!fs::is_directory(place, error)) {
    place = place.parent_path();
  } else if (!place.has_filename()) {  // "photos/"
    place = place.parent_path();
  }
  return place.empty() ? fs::path(".") : place;
}

std::string path_in_data(const std::string& data, const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  const fs::path relative = normal.lexically_relative(place_of_data(data));
  return relative.empty() ? normal.string() : relative.string();
}

}  // namespace headstart
