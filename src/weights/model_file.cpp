// Headstart's model file: safetensors whose metadata hold everything else (docs/model-file.md).
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "graph/serialize.h"
#include "headstart/error.h"
#include "headstart/model.h"
#include "weights/acceptance_file.h"
#include "weights/ranges_json.h"
#include "weights/safe_json.h"
#include "weights/safetensors.h"

namespace headstart {
namespace {

using nlohmann::json;

constexpr const char* kModelTag = "model";
constexpr const char* kVersion = "1";
constexpr const char* kVersionKey = "headstart.version";
constexpr const char* kGraphKey = "headstart.graph";
constexpr const char* kPreprocessingKey = "headstart.preprocessing";
constexpr const char* kClassNamesKey = "headstart.class_names";
constexpr const char* kClassIdsKey = "headstart.class_ids";
constexpr const char* kTemperatureKey = "headstart.temperature";
constexpr const char* kRangesKey = "headstart.ranges";
constexpr const char* kAcceptanceKey = "headstart.acceptance";
constexpr int kLargestSide = 1 << 16;
constexpr const char* kProvenanceKey = "headstart.provenance";

// Text of people is kept even where it is not valid UTF-8 (a folder name as class name).
std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json preprocessing_to_json(const Preprocessing& preprocessing) {
  return {{"height", preprocessing.height},
          {"width", preprocessing.width},
          {"channels", preprocessing.channels},
          {"kernel", to_string(preprocessing.kernel)},
          {"fit", to_string(preprocessing.fit)},
          {"resize_to", preprocessing.resize_to},
          {"bgr", preprocessing.bgr},
          {"scale", preprocessing.scale},
          {"mean", preprocessing.mean},
          {"std", preprocessing.std},
          {"mode", preprocessing.mode}};
}

int whole_number(const json& object, const char* key, int lowest, int highest) {
  const auto& value = json_member(object, key, kModelTag);
  const bool fits = value.is_number_integer() && value.get<std::int64_t>() >= lowest &&
                    value.get<std::int64_t>() <= highest;
  if (!fits) {
    throw Error(fmt::format("[{}] expected a whole number from {} to {} for \"{}\"; received another value",
                            kModelTag, lowest, highest, key));
  }
  return value.get<int>();
}

float real_number(const json& value, const char* key) {
  if (!value.is_number() || !(std::abs(value.get<double>()) <= std::numeric_limits<float>::max())) {
    throw Error(
        fmt::format("[{}] expected a number for \"{}\"; received {}", kModelTag, key, value.type_name()));
  }
  return value.get<float>();
}

std::array<float, 3> three_numbers(const json& object, const char* key) {
  const auto& value = json_member(object, key, kModelTag);
  if (!value.is_array() || value.size() != 3) {
    throw Error(
        fmt::format("[{}] expected three numbers for \"{}\"; received something else", kModelTag, key));
  }
  return {real_number(value[0], key), real_number(value[1], key), real_number(value[2], key)};
}

Preprocessing preprocessing_from_json(const json& object) {
  Preprocessing result;
  result.height = whole_number(object, "height", 1, kLargestSide);
  result.width = whole_number(object, "width", 1, kLargestSide);
  result.channels = whole_number(object, "channels", 1, 3);
  result.kernel = resize_kernel_from(json_string(object, "kernel", kModelTag));
  result.fit = resize_fit_from(json_string(object, "fit", kModelTag));
  result.resize_to = whole_number(object, "resize_to", 0, kLargestSide);
  const auto& bgr = json_member(object, "bgr", kModelTag);
  if (!bgr.is_boolean()) {
    throw Error(
        fmt::format("[{}] expected true or false for \"bgr\"; received {}", kModelTag, bgr.type_name()));
  }
  result.bgr = bgr.get<bool>();
  result.scale = real_number(json_member(object, "scale", kModelTag), "scale");
  result.mean = three_numbers(object, "mean");
  result.std = three_numbers(object, "std");
  result.mode = json_string(object, "mode", kModelTag);
  return result;
}

std::vector<std::string> strings_from_json(const json& value, const char* what) {
  std::vector<std::string> result;
  for (const auto& item : value) {
    if (!item.is_string()) {
      throw Error(fmt::format("[{}] expected strings as {}; received {}", kModelTag, what, item.type_name()));
    }
    result.push_back(item.get<std::string>());
  }
  return result;
}

class Metadata {
 public:
  explicit Metadata(const std::map<std::string, std::string>& values) : values_(values) {}

  const std::string& text(const char* key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) {
      throw Error(
          fmt::format("[{}] expected \"{}\" in the metadata; it is not there; the file is not one of "
                      "Headstart's, and weights "
                      "of others need the network's name",
                      kModelTag, key));
    }
    return found->second;
  }
  json document(const char* key, json::value_t type) const {
    auto value = parse_json(text(key), kModelTag);
    if (value.type() != type) {
      throw Error(fmt::format("[{}] expected an {} as \"{}\"; received {}", kModelTag, json(type).type_name(),
                              key, value.type_name()));
    }
    return value;
  }

 private:
  const std::map<std::string, std::string>& values_;
};

void check_preprocessing(const Preprocessing& p) {
  const auto is_side = [](int side) { return side >= 1 && side <= kLargestSide; };
  bool fits = is_side(p.height) && is_side(p.width) && (p.channels == 1 || p.channels == 3) &&
              p.resize_to >= 0 && p.resize_to <= kLargestSide && std::isfinite(p.scale) && p.scale != 0.0F;
  for (std::size_t c = 0; c < p.mean.size(); ++c) {
    fits = fits && std::isfinite(p.mean[c]) && std::isfinite(p.std[c]) && p.std[c] != 0.0F;
  }
  if (!fits) {
    throw Error(
        fmt::format("[{}] expected a preprocessing with sides from 1 to {}, 1 or 3 channels, finite "
                    "means and a scale and std without zeros; received another",
                    kModelTag, kLargestSide));
  }
}

void check_values(const Graph& graph, const Parameters& parameters) {
  for (const auto& [name, tensor] : parameters) {
    if (!is_finite(tensor)) {
      throw Error(
          fmt::format("[{}] expected numbers as parameters; received some in {} of {} that are none "
                      "or infinite; its training diverged, or its weights are damaged",
                      kModelTag, name, graph.name()));
    }
  }
}

void check_classes(const Model& model) {
  const auto& shape = model.graph.output_shape();
  const auto outputs = static_cast<std::size_t>(shape.empty() ? 0 : shape.back());
  const auto names = model.class_names.size();
  const bool names_fit = names == 0 || names == outputs || (outputs == 1 && names == 2);
  if (!names_fit || (!model.class_ids.empty() && model.class_ids.size() != names)) {
    throw Error(fmt::format("[{}] the model has {} outputs; received {} class names and {} ids", kModelTag,
                            outputs, names, model.class_ids.size()));
  }
}

void check_temperature(double temperature) {
  if (!(temperature >= 1e-3 && temperature <= 1e3)) {
    throw Error(
        fmt::format("[{}] expected a temperature from 0.001 to 1000; received {}", kModelTag, temperature));
  }
}

// Files that were never calibrated have none.
double temperature_of(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find(kTemperatureKey);
  if (found == metadata.end()) {
    return 1.0;
  }
  const auto value = parse_json(found->second, kModelTag);
  if (!value.is_number()) {
    throw Error(
        fmt::format("[{}] expected a number as \"{}\"; received another value", kModelTag, kTemperatureKey));
  }
  return value.get<double>();
}

// The tensors in the graph's order; a tensor that the graph does not know is not one of this model.
Parameters parameters_in_order(const Graph& graph, Parameters&& tensors) {
  check_parameters(graph, tensors);
  Parameters ordered;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    for (const auto& spec : parameter_specs(graph, id)) {
      const auto name = graph.node(id).name + "/" + spec.name;
      ordered.insert(name, std::move(tensors.at(name)));
    }
  }
  if (ordered.size() != tensors.size()) {
    throw Error(fmt::format("[{}] the graph has {} parameters; the file holds {}", kModelTag, ordered.size(),
                            tensors.size()));
  }
  return ordered;
}

}  // namespace

void check_input(const Graph& graph, const Preprocessing& preprocessing) {
  const Shape made{preprocessing.height, preprocessing.width, preprocessing.channels};
  if (graph.input_shape() != made) {
    throw Error(
        fmt::format("[{}] expected a network that reads the pictures of its preprocessing, {}; {} reads {}",
                    kModelTag, to_string(made), graph.name(), to_string(graph.input_shape())));
  }
}

void check_model(const Model& model) {
  check_parameters(model.graph, model.parameters);
  std::size_t known = 0;
  for (NodeId id = 0; id < static_cast<NodeId>(model.graph.nodes().size()); ++id) {
    known += parameter_specs(model.graph, id).size();
  }
  if (known != model.parameters.size()) {
    throw Error(fmt::format("[{}] the graph has {} parameters; received {}", kModelTag, known,
                            model.parameters.size()));
  }
  check_values(model.graph, model.parameters);
  check_preprocessing(model.preprocessing);
  check_classes(model);
  check_temperature(model.temperature);
  if (model.acceptance) {
    check_acceptance(model.graph, *model.acceptance);
  }
}

void save_model(const Model& model, const std::string& path) {
  check_model(model);
  std::map<std::string, std::string> metadata{
      {kVersionKey, kVersion},
      {kGraphKey, graph_to_json(model.graph)},
      {kPreprocessingKey, dump(preprocessing_to_json(model.preprocessing))},
      {kClassNamesKey, dump(json(model.class_names))},
      {kClassIdsKey, dump(json(model.class_ids))},
      {kProvenanceKey, dump(json(model.provenance))}};
  if (model.temperature != 1.0) {
    metadata[kTemperatureKey] = fmt::format("{}", model.temperature);
  }
  if (!model.ranges.empty()) {
    metadata[kRangesKey] = to_json(model.ranges);
  }
  TensorList tensors;
  append(tensors, "", model.parameters);
  if (model.acceptance) {
    metadata[kAcceptanceKey] = acceptance_metadata(*model.acceptance);
    append_acceptance(tensors, *model.acceptance);
  }
  write_safetensors(path, tensors, metadata);
}

Model load_model(const std::string& path) {
  try {
    const MappedFile mapped(path);
    auto file = read_safetensors({mapped.data(), mapped.size()});
    const Metadata metadata(file.metadata);
    if (const auto& version = metadata.text(kVersionKey); version != kVersion) {
      throw Error(
          fmt::format("[{}] expected a model file of version {}; received version {}; use a newer Headstart",
                      kModelTag, kVersion, version));
    }
    Model model;
    model.graph = graph_from_json(metadata.text(kGraphKey));
    model.preprocessing =
        preprocessing_from_json(metadata.document(kPreprocessingKey, json::value_t::object));
    model.class_names =
        strings_from_json(metadata.document(kClassNamesKey, json::value_t::array), "class names");
    model.class_ids = strings_from_json(metadata.document(kClassIdsKey, json::value_t::array), "class ids");
    model.temperature = temperature_of(file.metadata);
    if (file.metadata.contains(kRangesKey)) {  // of models that were trained with int8
      model.ranges = ranges_from_json(metadata.text(kRangesKey), kModelTag);
    }
    const auto provenance = metadata.document(kProvenanceKey, json::value_t::object);
    for (const auto& [key, value] : provenance.items()) {
      model.provenance[key] = json_string(provenance, key.c_str(), kModelTag);
    }
    if (file.metadata.contains(kAcceptanceKey)) {
      model.acceptance = acceptance_from(metadata.text(kAcceptanceKey), model.graph, file.tensors);
      file.tensors = without_reserved_tensors(std::move(file.tensors));
    }
    model.parameters = parameters_in_order(model.graph, std::move(file.tensors));
    check_model(model);
    return model;
  } catch (const Error& problem) {
    const std::string message = problem.what();
    throw Error(message.find(path) == std::string::npos ? fmt::format("{}; in {}", message, path) : message);
  }
}

}  // namespace headstart
