#include "weights/source_layers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "weights/onnx_names.h"
#include "weights/timm_names.h"
#include "weights/torchvision_names.h"

namespace headstart {
namespace {

constexpr std::array<std::string_view, 15> kKerasKinds{"kernel",
                                                       "bias",
                                                       "gamma",
                                                       "beta",
                                                       "moving_mean",
                                                       "moving_variance",
                                                       "depthwise_kernel",
                                                       "pointwise_kernel",
                                                       "recurrent_kernel",
                                                       "class_token",
                                                       "position_embedding",
                                                       "relative_position_bias_table",
                                                       "mean",
                                                       "variance",
                                                       "count"};

struct SplitName {
  std::string_view layer, weight;
};

SplitName split_last(std::string_view name, char separator) {
  const auto at = name.rfind(separator);
  return at == std::string_view::npos ? SplitName{{}, name}
                                      : SplitName{name.substr(0, at), name.substr(at + 1)};
}

// "kernel_1:0" -> "kernel"; empty for a name that is none of Keras's.
std::string_view keras_kind(std::string_view weight) {
  weight = weight.substr(0, weight.find(':'));
  for (const auto kind : kKerasKinds) {
    const bool numbered = weight.starts_with(kind) && weight.size() > kind.size() + 1 &&
                          weight[kind.size()] == '_' &&
                          std::all_of(weight.begin() + static_cast<std::ptrdiff_t>(kind.size()) + 1,
                                      weight.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (weight == kind || numbered) {
      return kind;
    }
  }
  return {};
}

SourceLayer& layer_named(std::vector<SourceLayer>& layers,
                         std::map<std::string, std::size_t, std::less<>>& index, const std::string& group,
                         std::string_view name) {
  const auto found = index.find(name);
  if (found != index.end()) {
    return layers[found->second];
  }
  index.emplace(name, layers.size());
  layers.push_back({.group = group, .name = std::string(name), .weights = {}});
  return layers.back();
}

// The weights of one group belong to one layer, or to several where it is a nested model: "vgg16" with
// "block1_conv1/kernel:0", .... Positions do not tell, because a model saved while frozen has another order.
void add_keras_group(const WeightFile& file, const WeightFile::Layer& group,
                     std::vector<SourceLayer>& layers) {
  std::vector<std::string_view> owners;
  bool named = true;
  for (const auto& key : group.weights) {
    auto weight = std::string_view(key);
    if (weight.starts_with(group.name + "/") && weight.size() > group.name.size() + 1) {
      weight.remove_prefix(group.name.size() + 1);
    }
    const auto split = split_last(weight, '/');
    named = named && !keras_kind(split.weight).empty();
    owners.push_back(split.layer);
  }
  const bool nested =
      named && std::any_of(owners.begin(), owners.end(), [&](auto owner) { return owner != owners[0]; });
  std::map<std::string, std::size_t, std::less<>> index;
  for (std::size_t i = 0; i < group.weights.size(); ++i) {
    const auto& key = group.weights[i];
    const auto kind = named ? keras_kind(split_last(key, '/').weight) : std::string_view{};
    layer_named(layers, index, group.name, nested ? owners[i] : std::string_view(group.name))
        .weights.push_back({.key = key, .kind = std::string(kind), .tensor = &file.tensors.at(key)});
  }
}

std::vector<SourceLayer> torch_layers(const WeightFile& file, std::string_view prefix) {
  std::vector<SourceLayer> layers;
  std::map<std::string, std::size_t, std::less<>> index;
  const auto without_prefix = [prefix](std::string_view key) {
    return key.starts_with(prefix) ? key.substr(prefix.size()) : key;
  };
  std::set<std::string, std::less<>> names;
  for (const auto& [key, tensor] : file.tensors) {
    names.emplace(without_prefix(key));
  }
  const TimmNames timm(names);
  for (const auto& [key, tensor] : file.tensors) {
    auto [layer, kind] = torch_name(without_prefix(key));
    layer = timm.torchvision(layer).value_or(layer);
    if (kind != "num_batches_tracked" && kind != "relative_position_index") {
      layer_named(layers, index, layer, layer)
          .weights.push_back({.key = key, .kind = std::move(kind), .tensor = &tensor});
    }
  }
  return layers;
}

std::vector<SourceLayer> our_layers(const WeightFile& file) {
  std::vector<SourceLayer> layers;
  std::map<std::string, std::size_t, std::less<>> index;
  for (const auto& [key, tensor] : file.tensors) {
    const auto split = split_last(key, '/');
    layer_named(layers, index, std::string(split.layer), split.layer)
        .weights.push_back({.key = key, .kind = std::string(split.weight), .tensor = &tensor});
  }
  return layers;
}

// Layers without a place are what no node took: they go by their names alone.
std::vector<SourceLayer> onnx_layers(const WeightFile& file) {
  std::vector<SourceLayer> layers;
  for (const auto& layer : file.layers) {
    SourceLayer source{
        .group = layer.name, .name = layer.name, .place = layer.place, .epsilon = layer.epsilon};
    for (std::size_t i = 0; layer.place != 0 && i < layer.weights.size(); ++i) {
      const auto& key = layer.weights[i];
      source.weights.push_back({.key = key, .kind = layer.kinds[i], .tensor = &file.tensors.at(key)});
    }
    if (!source.weights.empty()) {
      layers.push_back(std::move(source));
    }
  }
  std::map<std::string, std::size_t, std::less<>> index;
  for (const auto& layer : file.layers) {
    for (std::size_t i = 0; layer.place == 0 && i < layer.weights.size(); ++i) {
      const auto& key = layer.weights[i];
      auto [name, kind] = torch_name(key);
      layer_named(layers, index, name, name)
          .weights.push_back({.key = key, .kind = std::move(kind), .tensor = &file.tensors.at(key)});
    }
  }
  return layers;
}

// safetensors files hold our names ("conv1/kernel") or PyTorch's ("conv1.weight").
bool has_torch_names(const WeightFile& file) {
  return std::any_of(file.tensors.begin(), file.tensors.end(), [](const auto& entry) {
    return entry.first.find('/') == std::string::npos && entry.first.ends_with(".weight");
  });
}

}  // namespace

Source source_layers(const WeightFile& file, std::string_view prefix) {
  Source source;
  if (file.format == WeightFormat::pytorch ||
      (file.format == WeightFormat::safetensors && has_torch_names(file))) {
    source.layout = WeightLayout::torch;
    source.layers = torch_layers(file, prefix);
  } else if (file.format == WeightFormat::onnx && file.producer == kOnnxProducer) {
    source.layout = WeightLayout::exported;
    source.layers = our_layers(file);
  } else if (file.format == WeightFormat::onnx) {
    source.layout = WeightLayout::torch;
    source.layers = onnx_layers(file);
    source.may_be_folded = true;
    source.flattened_hwc = file.producer.starts_with("tf2onnx") || file.producer.starts_with("keras2onnx");
  } else if (file.format == WeightFormat::safetensors) {
    source.layers = our_layers(file);
  } else {
    for (const auto& group : file.layers) {
      add_keras_group(file, group, source.layers);
    }
  }
  return source;
}

std::vector<std::string> module_prefixes(const WeightFile& file) {
  constexpr std::size_t kDeepest = 4;
  std::vector<std::string> result;
  std::string prefix;
  while (result.size() < kDeepest) {
    std::map<std::string_view, std::size_t> counts;
    for (const auto& [key, tensor] : file.tensors) {
      const std::string_view name = key;
      const auto dot = name.starts_with(prefix) ? name.find('.', prefix.size()) : std::string_view::npos;
      if (dot != std::string_view::npos) {
        ++counts[name.substr(0, dot + 1)];
      }
    }
    const auto most = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == counts.end() || 2 * most->second <= file.tensors.size()) {
      break;
    }
    prefix = most->first;
    result.push_back(prefix);
  }
  return result;
}

}  // namespace headstart
