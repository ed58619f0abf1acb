#include "weights/weight_file.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <optional>

#include "core/files.h"
#include "headstart/text.h"
#include "weights/acceptance_file.h"
#include "weights/keras_config.h"
#include "weights/keras_h5.h"
#include "weights/keras_v3.h"
#include "weights/labels.h"
#include "weights/onnx.h"
#include "weights/onnx_file.h"
#include "weights/pytorch.h"
#include "weights/safetensors.h"
#include "weights/tfjs.h"
#include "weights/zip_archive.h"

namespace headstart {
namespace {

SharedBytes map_file(const std::string& path) {
  const MappedFile file(path);
  return {.data = file.data(), .size = file.size(), .mapped = true};
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

// A Teachable Machine export as it is downloaded: a tfjs or Keras model with its labels.
std::optional<std::string> model_in_archive(const ZipArchive& archive) {
  if (archive.find_suffix("/data.pkl")) {  // PyTorch
    return std::nullopt;
  }
  auto found = archive.find_suffix("model.json");
  return found ? found : archive.find_suffix(".h5");
}

WeightFile read_model_in_archive(ZipArchive& archive, const std::string& model) {
  const auto folder = model.substr(0, model.rfind('/') + 1);
  const auto content = archive.read(model);
  if (ZipArchive::is_zip(content)) {  // no archives in archives in archives
    throw Error(fmt::format("[zip] expected a model as {}; received another archive", model.substr(0, 200)));
  }
  return read_weight_bytes(content, model,
                           [&](const std::string& name) { return archive.read(folder + name); });
}

WeightFile read_format(const SharedBytes& file, const std::string& file_name, const Sibling& sibling) {
  if (file_name.ends_with(".onnx")) {
    return read_onnx(file, sibling);
  }
  if (is_keras_h5(file)) {
    auto result = read_keras_h5(file);
    if (const auto rotated = rotated_by_name(file_name)) {
      result.rotated_kernels = rotated;
    }
    return result;
  }
  if (is_safetensors(file)) {
    return {.format = WeightFormat::safetensors,
            .tensors = without_reserved_tensors(read_safetensors(file).tensors)};
  }
  if (ZipArchive::is_zip(file)) {
    ZipArchive archive(file);
    if (is_keras_archive(archive)) {
      return read_keras_archive(archive);
    }
    if (const auto model = model_in_archive(archive)) {
      return read_model_in_archive(archive, *model);
    }
  }
  if (is_pytorch(file)) {
    return {.format = WeightFormat::pytorch, .tensors = read_pytorch(file)};
  }
  if (is_tfjs(file)) {
    return read_tfjs(file, sibling);
  }
  if (is_onnx(file)) {
    return read_onnx(file, sibling);
  }
  throw Error(
      "[weights] expected Keras .h5 or .keras, PyTorch .pth, safetensors, ONNX or a tfjs model.json; "
      "received "
      "other content");
}

}  // namespace

void check_sibling_path(const std::string& path, std::string_view tag) {
  const std::filesystem::path parts(path);
  const bool escapes = std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part == ".."; });
  if (path.empty() || parts.is_absolute() || escapes || path.find('\0') != std::string::npos) {
    throw Error(
        fmt::format("[{}] expected a path inside the model's folder; received {}", tag, path.substr(0, 200)));
  }
}

WeightFile read_weight_bytes(const SharedBytes& file, const std::string& file_name, const Sibling& sibling) {
  auto result = read_format(file, file_name, sibling);
  if (!result.architecture_json.empty() && result.class_names.empty()) {
    result.class_names = read_labels(sibling);
  }
  return result;
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
