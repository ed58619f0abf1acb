#include "weights/keras_h5.h"

#include <fmt/format.h>

#include "weights/hdf5_file.h"
#include "weights/keras_v3.h"

namespace headstart {
namespace {

using Address = Hdf5File::Address;

// Attributes beyond HDF5's 64 KiB are cut in pieces: name0, name1, ...
std::optional<std::vector<std::string>> strings_in_pieces(Hdf5File& h5, Address object,
                                                          const std::string& name) {
  auto whole = h5.strings(object, name);
  if (whole) {
    return whole;
  }
  for (int piece = 0;; ++piece) {
    auto part = h5.strings(object, name + std::to_string(piece));
    if (!part) {
      return whole;
    }
    if (!whole) {
      whole.emplace();
    }
    whole->insert(whole->end(), part->begin(), part->end());
  }
}

void read_layer(Hdf5File& h5, Address group, const std::string& name,
                const std::vector<std::string>& weight_names, WeightFile& result) {
  if (weight_names.empty()) {
    return;
  }
  WeightFile::Layer layer{.name = name, .weights = {}};
  for (const auto& weight : weight_names) {
    auto key = fmt::format("{}/{}", name, weight);
    result.tensors.insert(key, h5.tensor(h5.require(group, weight)));
    layer.weights.push_back(std::move(key));
  }
  result.layers.push_back(std::move(layer));
}

// Keras before 1.0: nb_layers, layer_0 ..., nb_params, param_0 ...
void read_numbered_layers(Hdf5File& h5, Address group, std::int64_t count, WeightFile& result) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto name = fmt::format("layer_{}", i);
    const auto layer = h5.require(group, name);
    std::vector<std::string> weights;
    const auto parameters = h5.integer(layer, "nb_params").value_or(0);
    for (std::int64_t k = 0; k < parameters; ++k) {
      weights.push_back(fmt::format("param_{}", k));
      h5.require(layer, weights.back());  // so that a huge nb_params ends here
    }
    read_layer(h5, layer, name, weights, result);
  }
}

std::string first_text(Hdf5File& h5, Address object, std::string_view name) {
  const auto texts = h5.strings(object, name);
  return texts && !texts->empty() ? texts->front() : std::string{};
}

}  // namespace

bool is_keras_h5(const SharedBytes& file) {
  return ByteView(file.span(), "h5").has_at(0, std::string_view("\x89HDF\r\n\x1a\n", 8));
}

WeightFile read_keras_h5(const SharedBytes& file) {
  Hdf5File h5(file);
  WeightFile result{.format = WeightFormat::keras_h5};
  result.architecture_json = first_text(h5, h5.root(), "model_config");
  const auto group = h5.find(h5.root(), "model_weights").value_or(h5.root());
  const auto backend = first_text(h5, group, "backend");
  if (backend == "theano") {
    result.rotated_kernels = true;
  }
  if (const auto layers = strings_in_pieces(h5, group, "layer_names")) {
    for (const auto& name : *layers) {
      const auto layer = h5.require(group, name);
      read_layer(h5, layer, name,
                 strings_in_pieces(h5, layer, "weight_names").value_or(std::vector<std::string>{}), result);
    }
  } else if (const auto count = h5.integer(group, "nb_layers")) {
    read_numbered_layers(h5, group, *count, result);
  } else if (is_keras_v3(h5)) {
    return read_keras_v3(h5, "");
  } else {
    throw Error("[h5] expected a Keras weights file (an attribute layer_names); received another HDF5 file");
  }
  return result;
}

}  // namespace headstart
