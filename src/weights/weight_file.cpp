#include "weights/weight_file.h"

#include <algorithm>
#include <filesystem>
#include <new>

#include "core/files.h"
#include "headstart/text.h"
#include "weights/keras_config.h"
#include "weights/keras_h5.h"
#include "weights/keras_v3.h"
#include "weights/pytorch.h"
#include "weights/safetensors.h"
#include "weights/tfjs.h"
#include "weights/zip_archive.h"

namespace headstart {
namespace {

SharedBytes map_file(const std::string& path) {
  const MappedFile file(path);
  return {file.data(), file.size()};
}

// The official names say it: "vgg16_weights_th_dim_ordering_th_kernels.h5".
std::optional<bool> rotated_by_name(const std::string& file_name) {
  if (file_name.find("th_kernels") != std::string::npos) {
    return true;
  }
  if (file_name.find("tf_kernels") != std::string::npos) {
    return false;
  }
  return std::nullopt;
}

}  // namespace

WeightFile read_weight_bytes(const SharedBytes& file, const std::string& file_name, const Sibling& sibling) {
  if (is_keras_h5(file)) {
    auto result = read_keras_h5(file);
    if (const auto rotated = rotated_by_name(file_name)) {
      result.rotated_kernels = rotated;
    }
    return result;
  }
  if (is_safetensors(file)) {
    return {.format = WeightFormat::safetensors, .tensors = read_safetensors(file).tensors};
  }
  if (ZipArchive::is_zip(file)) {
    ZipArchive archive(file);
    if (is_keras_archive(archive)) {
      return read_keras_archive(archive);
    }
  }
  if (is_pytorch(file)) {
    return {.format = WeightFormat::pytorch, .tensors = read_pytorch(file)};
  }
  if (is_tfjs(file)) {
    return read_tfjs(file, sibling);
  }
  throw Error(
      "[weights] expected Keras .h5 or .keras, PyTorch .pth, safetensors or a tfjs model.json; received "
      "other content");
}

WeightFile read_weight_file(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  try {
    return read_weight_bytes(
        map_file(path), lower(std::filesystem::path(path).filename().string()),
        [&folder](const std::string& name) { return map_file((folder / name).string()); });
  } catch (const Error& problem) {
    const std::string message = problem.what();
    throw Error(message.find(path) == std::string::npos ? fmt::format("{}; in {}", message, path) : message);
  } catch (const std::bad_alloc&) {
    throw Error(fmt::format("[weights] out of memory while reading {}", path));
  }
}

Graph graph_of(const WeightFile& file) {
  if (file.architecture_json.empty()) {
    throw Error("[weights] expected a whole model; received weights alone; give the network's name as well");
  }
  return graph_from_keras_config(file.architecture_json);
}

}  // namespace headstart
