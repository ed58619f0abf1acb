#include "weights/keras_v3.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <vector>

#include "headstart/text.h"
#include "weights/keras_config.h"
#include "weights/safe_json.h"

namespace headstart {
namespace {

using nlohmann::json;
using Address = Hdf5File::Address;

constexpr int kMaximumNesting = 16;

// Newer files and those of TensorFlow 2.13.
std::optional<Address> layers_group(Hdf5File& h5, Address model) {
  const auto found = h5.find(model, "layers");
  return found ? found : h5.find(model, "_layer_checkpoint_dependencies");
}

// "conv2d_10" after "conv2d_9".
std::pair<std::string, int> stem_and_number(const std::string& name) {
  const auto at = name.rfind('_');
  const auto number = at == std::string::npos ? std::nullopt : number_from<int>(name.substr(at + 1));
  return number ? std::pair(name.substr(0, at), *number) : std::pair(name, 0);
}

// The layers of a model's config by the name of their group: the class in snake case, counted.
std::map<std::string, const json*> layers_by_group(const json* model) {
  std::map<std::string, const json*> result;
  if (model == nullptr || !model->is_object() || !model->contains("config")) {
    return result;
  }
  const auto& config = (*model)["config"];
  if (!config.is_object() || !config.contains("layers") || !config["layers"].is_array()) {
    return result;
  }
  std::map<std::string, int> counts;
  for (const auto& layer : config["layers"]) {
    const auto stem = keras_snake_case(json_string(layer, "class_name", kKerasTag));
    const int number = counts[stem]++;
    result.emplace(number == 0 ? stem : fmt::format("{}_{}", stem, number), &layer);
  }
  return result;
}

std::string layer_name(Hdf5File& h5, Address variables, const std::string& group, const json* layer) {
  if (const auto names = h5.strings(variables, "name"); names && !names->empty()) {
    return names->front();
  }
  return layer == nullptr ? group : json_string(json_member(*layer, "config", kKerasTag), "name", kKerasTag);
}

// HDF5 has no bfloat16: Keras leaves their bits, which h5py stores as opaque data, and an attribute that says
// so.
Tensor variable(Hdf5File& h5, Address data_set) {
  const auto type = h5.strings(data_set, "dtype");
  const bool bfloat16 = type && !type->empty() && type->front() == "bfloat16";
  return h5.tensor(data_set, bfloat16 ? Hdf5File::TwoBytes::bfloat16 : Hdf5File::TwoBytes::integer);
}

void read_variables(Hdf5File& h5, Address variables, const std::string& name, WeightFile& result) {
  WeightFile::Layer layer{.name = name, .weights = {}};
  for (int i = 0;; ++i) {
    const auto data_set = h5.find(variables, std::to_string(i));
    if (!data_set) {
      break;
    }
    layer.weights.push_back(fmt::format("{}/{}", name, i));
    result.tensors.insert(layer.weights.back(), variable(h5, *data_set));
  }
  if (!layer.weights.empty()) {
    result.layers.push_back(std::move(layer));
  }
}

void read_layers(Hdf5File& h5, Address group, const std::string& prefix, const json* config, int depth,
                 WeightFile& result) {
  if (depth == kMaximumNesting) {
    throw Error(fmt::format("[{}] expected models nested up to {} levels; received more", kKerasTag,
                            kMaximumNesting));
  }
  auto names = h5.children(group);
  std::sort(names.begin(), names.end(),
            [](const auto& a, const auto& b) { return stem_and_number(a) < stem_and_number(b); });
  const auto configs = layers_by_group(config);
  for (const auto& name : names) {
    const auto owner = h5.require(group, name);
    const auto variables = h5.find(owner, "vars");
    const auto found = configs.find(name);
    const json* layer = found == configs.end() ? nullptr : found->second;
    const auto own_name = prefix + (variables ? layer_name(h5, *variables, name, layer) : name);
    if (variables) {
      read_variables(h5, *variables, own_name, result);
    }
    if (const auto inner = layers_group(h5, owner)) {
      read_layers(h5, *inner, own_name + "/", layer, depth + 1, result);
    }
  }
}

}  // namespace

std::string keras_snake_case(const std::string& class_name) {
  const auto upper = [&](std::size_t i) {
    return std::isupper(static_cast<unsigned char>(class_name[i])) != 0;
  };
  const auto lower = [&](std::size_t i) {
    return i < class_name.size() && std::islower(static_cast<unsigned char>(class_name[i])) != 0;
  };
  std::string result;
  for (std::size_t i = 0; i < class_name.size(); ++i) {
    if (i > 0 && upper(i) && (lower(i - 1) || lower(i + 1))) {
      result += '_';
    }
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(class_name[i])));
  }
  return result;
}

bool is_keras_v3(Hdf5File& h5) { return layers_group(h5, h5.root()).has_value(); }

WeightFile read_keras_v3(Hdf5File& h5, const std::string& config) {
  const auto document = config.empty() ? json() : parse_json(config, kKerasTag);
  WeightFile result{.format = WeightFormat::keras_h5};
  result.architecture_json = config;
  read_layers(h5, layers_group(h5, h5.root()).value(), "", &document, 0, result);
  return result;
}

bool is_keras_archive(const ZipArchive& archive) {
  return archive.contains("config.json") &&
         (archive.contains("model.weights.h5") || archive.contains("model.weights.npz"));
}

WeightFile read_keras_archive(ZipArchive& archive) {
  if (!archive.contains("model.weights.h5")) {
    throw Error(
        "[keras] expected model.weights.h5 in the .keras file; received another kind of weights; save it "
        "again "
        "with Keras");
  }
  const auto config = archive.read("config.json");
  Hdf5File h5(archive.read("model.weights.h5"));
  return read_keras_v3(h5, std::string(as_text(config.span())));
}

}  // namespace headstart
