#include "weights/tfjs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "weights/element_type.h"
#include "weights/safe_json.h"

namespace headstart {
namespace {

using nlohmann::json;

constexpr const char* kTfjsTag = "tfjs";
constexpr std::uint64_t kMaximumJson = 100'000'000;

struct Quantisation {
  double scale = 1.0, minimum = 0.0;
};

// One tensor as the manifest describes it.
struct ManifestEntry {
  std::string name;
  Shape shape;
  ElementType stored = ElementType::f32;
  std::optional<Quantisation> quantised{};
  bool integer = false;  // dequantised values are rounded
  std::uint64_t bytes() const {
    return static_cast<std::uint64_t>(element_count(shape)) * element_size(stored);
  }
};

double number(const json& object, const char* key) {
  const auto& value = json_member(object, key, kTfjsTag);
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    throw Error(
        fmt::format("[{}] expected a number for \"{}\"; received {}", kTfjsTag, key, value.type_name()));
  }
  return value.get<double>();
}

ManifestEntry manifest_entry(const json& weight) {
  ManifestEntry entry{.name = json_string(weight, "name", kTfjsTag),
                      .shape = json_shape(weight, "shape", kTfjsTag)};
  const auto type = json_string(weight, "dtype", kTfjsTag);
  if (type == "float32") {
    entry.stored = ElementType::f32;
  } else if (type == "float16") {
    entry.stored = ElementType::f16;
  } else if (type == "int32") {
    entry.stored = ElementType::i32;
    entry.integer = true;
  } else if (type == "bool" || type == "uint8") {
    entry.stored = ElementType::u8;
  } else {
    throw Error(fmt::format("[{}] {} has the type {}; expected float32, float16, int32, bool or uint8",
                            kTfjsTag, entry.name, type));
  }
  if (weight.contains("quantization")) {
    const auto& quantisation = weight["quantization"];
    const auto stored = json_string(quantisation, "dtype", kTfjsTag);
    if (stored == "float16") {
      entry.stored = ElementType::f16;
    } else if (stored == "uint8" || stored == "uint16") {
      entry.stored = stored == "uint8" ? ElementType::u8 : ElementType::u16;
      entry.quantised =
          Quantisation{.scale = number(quantisation, "scale"), .minimum = number(quantisation, "min")};
    } else {
      throw Error(fmt::format("[{}] {} is quantised to {}; expected uint8, uint16 or float16", kTfjsTag,
                              entry.name, stored));
    }
  }
  return entry;
}

const json& array(const json& object, const char* key) {
  const auto& value = json_member(object, key, kTfjsTag);
  if (!value.is_array()) {
    throw Error(
        fmt::format("[{}] expected a list for \"{}\"; received {}", kTfjsTag, key, value.type_name()));
  }
  return value;
}

// The shards of one group, one after the other; a single one is not copied.
SharedBytes group_bytes(const json& group, std::uint64_t expected, const Sibling& sibling,
                        std::set<std::string>& seen) {
  std::vector<SharedBytes> shards;
  std::uint64_t total = 0;
  std::string names;
  for (const auto& path : array(group, "paths")) {
    if (!path.is_string()) {
      throw Error(fmt::format("[{}] expected the names of shards; received {}", kTfjsTag, path.type_name()));
    }
    const auto name = path.get<std::string>();
    check_sibling_path(name, kTfjsTag);
    if (!seen.insert(name).second) {
      throw Error(fmt::format("[{}] the shard {} stands twice in the manifest", kTfjsTag, name));
    }
    shards.push_back(sibling(name));
    total += shards.back().size;
    names += (names.empty() ? "" : ", ") + name;
  }
  if (total != expected) {
    throw Error(fmt::format("[{}] expected {} bytes of weights in {}; received {}", kTfjsTag, expected, names,
                            total));
  }
  if (shards.size() == 1) {
    return shards.front();
  }
  SharedBytes whole{
      std::shared_ptr<std::uint8_t>(new std::uint8_t[total], std::default_delete<std::uint8_t[]>()), total};
  auto* position = whole.data.get();
  for (const auto& shard : shards) {
    position = std::copy_n(shard.data.get(), shard.size, position);
  }
  return whole;
}

Tensor tensor_from(const ManifestEntry& entry, const SharedBytes& bytes, std::uint64_t offset) {
  auto tensor = tensor_from_file(bytes, offset, entry.shape, entry.stored, ByteOrder::little, kTfjsTag);
  if (entry.quantised) {
    for (auto& value : tensor.values()) {
      const double exact = static_cast<double>(value) * entry.quantised->scale + entry.quantised->minimum;
      value = static_cast<float>(entry.integer ? std::round(exact) : exact);
    }
  }
  return tensor;
}

// What the groups of a manifest have named so far.
struct Seen {
  std::set<std::string> shards;
  std::map<std::string, std::size_t> layers;  // to their index
};

// "conv1_bn/gamma" belongs to the layer "conv1_bn", whose statistics may come much later: a nested model
// keeps them at its end.
void add_to_layer(const std::string& name, std::map<std::string, std::size_t>& index,
                  std::vector<WeightFile::Layer>& layers) {
  const auto slash = name.rfind('/');
  const auto layer = slash == std::string::npos ? name : name.substr(0, slash);
  const auto [found, fresh] = index.emplace(layer, layers.size());
  if (fresh) {
    layers.push_back({.name = layer});
  }
  layers[found->second].weights.push_back(name);
}

void read_group(const json& group, const Sibling& sibling, Seen& seen, WeightFile& result) {
  std::vector<ManifestEntry> entries;
  std::uint64_t total = 0;
  for (const auto& weight : array(group, "weights")) {
    entries.push_back(manifest_entry(weight));
    const auto bytes = entries.back().bytes();
    if (bytes > (std::uint64_t{1} << 62) - total) {
      throw Error(fmt::format("[{}] the weights together are larger than any file; the manifest is damaged",
                              kTfjsTag));
    }
    total += bytes;
  }
  const auto bytes = group_bytes(group, total, sibling, seen.shards);
  std::uint64_t offset = 0;
  for (const auto& entry : entries) {
    result.tensors.insert(entry.name, tensor_from(entry, bytes, offset));
    add_to_layer(entry.name, seen.layers, result.layers);
    offset += entry.bytes();
  }
}

}  // namespace

bool is_tfjs(const SharedBytes& file) {
  const auto text = as_text(file.span().first(std::min<std::size_t>(file.size, 100)));
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

WeightFile read_tfjs(const SharedBytes& model_json, const Sibling& sibling) {
  if (model_json.size > kMaximumJson) {
    throw Error(fmt::format("[{}] expected a model.json of up to {} bytes; received {}", kTfjsTag,
                            kMaximumJson, model_json.size));
  }
  const auto model = parse_json(as_text(model_json.span()), kTfjsTag);
  const auto format = model.find("format");
  if (format != model.end() && format->is_string() &&
      format->get_ref<const std::string&>() == "graph-model") {
    throw Error(
        fmt::format("[{}] expected a layers-model; received a graph-model (a frozen TensorFlow graph without "
                    "layers); convert the Keras model to a tfjs_layers_model",
                    kTfjsTag));
  }
  WeightFile result{.format = WeightFormat::tfjs};
  Seen seen;
  for (const auto& group : array(model, "weightsManifest")) {
    read_group(group, sibling, seen, result);
  }
  if (model.contains("modelTopology") && model["modelTopology"].is_object()) {
    result.architecture_json = model["modelTopology"].dump();
  }
  return result;
}

}  // namespace headstart
