#include "weights/torchvision_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include <fmt/format.h>

namespace headstart {
namespace {

// The number at the beginning of `text`, taken off it.
std::optional<int> take_number(std::string_view& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

using VggBlocks = std::array<int, 5>;  // convolutions in each

// `features` counts a convolution, its ReLU and each pooling.
std::optional<std::string> vgg_name(const VggBlocks& blocks, std::string_view layer) {
  static const std::map<std::string_view, const char*> top_names{
      {"fc1", "classifier.0"}, {"fc2", "classifier.3"}, {"predictions", "classifier.6"}};
  if (const auto top = top_names.find(layer); top != top_names.end()) {
    return top->second;
  }
  std::optional<int> block;
  std::optional<int> convolution;
  if (!take_prefix(layer, "block") || !(block = take_number(layer)) || !take_prefix(layer, "_conv") ||
      !(convolution = take_number(layer)) || *block < 1 || *block > 5) {
    return std::nullopt;
  }
  int index = 2 * (*convolution - 1);
  for (int earlier = 0; earlier < *block - 1; ++earlier) {
    index += 2 * blocks[static_cast<std::size_t>(earlier)] + 1;
  }
  return fmt::format("features.{}", index);
}

// A block is Sequential(expand, depthwise, project conv, project norm); the first has no expand.
std::optional<std::string> mobilenet_v2_name(std::string_view layer) {
  static const std::map<std::string_view, const char*> ends{{"Conv1", "features.0.0"},
                                                            {"bn_Conv1", "features.0.1"},
                                                            {"Conv_1", "features.18.0"},
                                                            {"Conv_1_bn", "features.18.1"},
                                                            {"predictions", "classifier.1"}};
  static const std::map<std::string_view, const char*> first_block{
      {"depthwise", "0.0"}, {"depthwise_BN", "0.1"}, {"project", "1"}, {"project_BN", "2"}};
  static const std::map<std::string_view, const char*> block_names{
      {"expand", "0.0"},       {"expand_BN", "0.1"}, {"depthwise", "1.0"},
      {"depthwise_BN", "1.1"}, {"project", "2"},     {"project_BN", "3"}};
  if (const auto end = ends.find(layer); end != ends.end()) {
    return end->second;
  }
  int number = 0;
  if (!take_prefix(layer, "expanded_conv_")) {
    if (!take_prefix(layer, "block_")) {
      return std::nullopt;
    }
    number = take_number(layer).value_or(0);
    if (number == 0 || !take_prefix(layer, "_")) {
      return std::nullopt;
    }
  }
  const auto& parts = number == 0 ? first_block : block_names;
  const auto part = parts.find(layer);
  if (part == parts.end()) {
    return std::nullopt;
  }
  return fmt::format("features.{}.conv.{}", number + 1, part->second);
}

std::string_view without_module(std::string_view name) {
  constexpr std::string_view kPrefix = "module.";
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

// torchvision's old DenseNet files say "denselayer1.norm.1" for "denselayer1.norm1", its old vision
// transformers "mlp.linear_2" for "mlp.3".
std::string current_torch_name(std::string_view layer) {
  if (layer.ends_with(".mlp.linear_1") || layer.ends_with(".mlp.linear_2")) {
    return std::string(layer.substr(0, layer.rfind('.'))) + (layer.ends_with('1') ? ".0" : ".3");
  }
  const auto dot = layer.rfind('.');
  const auto parent = layer.substr(0, dot);
  const bool old = dot != std::string_view::npos && layer.find(".denselayer") != std::string_view::npos &&
                   (parent.ends_with(".norm") || parent.ends_with(".conv"));
  return old ? std::string(parent) + std::string(layer.substr(dot + 1)) : std::string(layer);
}

}  // namespace

std::string torch_kind(const std::string& parameter) {
  static const std::map<std::string, std::string> kind_names{{"kernel", "weight"},
                                                             {"gamma", "weight"},
                                                             {"class_token", "weight"},
                                                             {"position_embedding", "weight"},
                                                             {"bias", "bias"},
                                                             {"beta", "bias"},
                                                             {"moving_mean", "running_mean"},
                                                             {"moving_variance", "running_var"}};
  const auto found = kind_names.find(parameter);
  return found == kind_names.end() ? parameter : found->second;
}

bool is_bare_parameter(std::string_view layer) {
  constexpr std::array<std::string_view, 5> kNames{"class_token", "cls_token", "pos_embedding", "pos_embed",
                                                   "layer_scale"};
  const auto last = layer.substr(layer.rfind('.') + 1);
  return std::find(kNames.begin(), kNames.end(), last) != kNames.end();
}

TorchName torch_name(std::string_view key) {
  constexpr std::string_view kPacked = "in_proj_";  // of nn.MultiheadAttention
  key = without_module(key);
  if (is_bare_parameter(key)) {
    return {std::string(key), "weight"};
  }
  const auto dot = key.rfind('.');
  const auto layer = key.substr(0, dot == std::string_view::npos ? 0 : dot);
  const auto kind = key.substr(dot + 1);
  if (kind.starts_with(kPacked)) {
    return {std::string(layer) + ".in_proj", std::string(kind.substr(kPacked.size()))};
  }
  return {current_torch_name(layer), std::string(kind)};
}

std::optional<std::string> torchvision_name(std::string_view architecture, std::string_view layer) {
  if (architecture == "vgg16") {
    return vgg_name({2, 2, 3, 3, 3}, layer);
  }
  if (architecture == "vgg19") {
    return vgg_name({2, 2, 4, 4, 4}, layer);
  }
  if (architecture == "mobilenet_v2") {
    return mobilenet_v2_name(layer);
  }
  return std::nullopt;
}

}  // namespace headstart
