#include "model/model_place.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string_view>

#include "headstart/text.h"

namespace headstart {

std::string model_file_in(const std::string& path) {
  for (const char* name : {"model.safetensors", "model.json"}) {
    const auto file = std::filesystem::path(path) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file, ignored)) {
      return file.string();
    }
  }
  return path;
}

bool is_foreign_weight_file(const std::string& path) {
  const std::string extension = extension_of(path);
  constexpr std::string_view kExtensions[] = {".h5", ".keras", ".pth",  ".pt",
                                              ".th", ".json",  ".onnx", ".zip"};
  return std::find(std::begin(kExtensions), std::end(kExtensions), extension) != std::end(kExtensions);
}

}  // namespace headstart
