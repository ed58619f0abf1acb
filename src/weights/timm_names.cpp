#include "weights/timm_names.h"

#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace headstart {
namespace {

using Block = std::pair<int, int>;  // stage, number in it
using Modules = std::set<std::string, std::less<>>;

std::optional<int> take_index(std::string_view& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || length == text.size() || text[length] != '.') {
    return std::nullopt;
  }
  text.remove_prefix(length + 1);
  return value;
}

// The modules of every block: "conv_pw", "se.conv_reduce".
std::map<Block, Modules> blocks_of(const std::set<std::string, std::less<>>& tensors) {
  constexpr std::string_view kPrefix = "blocks.";
  std::map<Block, Modules> blocks;
  for (std::string_view name : tensors) {
    if (!name.starts_with(kPrefix)) {
      continue;
    }
    name.remove_prefix(kPrefix.size());
    const auto stage = take_index(name);
    const auto number = stage ? take_index(name) : std::nullopt;
    if (number) {
      blocks[{*stage, *number}].emplace(name.substr(0, name.rfind('.')));
    }
  }
  return blocks;
}

// A convolution with its normalisation, in the order in which the block computes.
struct Unit {
  const char* convolution = "";
  const char* norm = "";
};

std::vector<Unit> units_of(const Modules& modules) {
  if (modules.contains("conv_pwl") && modules.contains("conv_dw")) {  // inverted residual
    return {{"conv_pw", "bn1"}, {"conv_dw", "bn2"}, {"conv_pwl", "bn3"}};
  }
  if (modules.contains("conv_dw")) {  // depthwise separable
    return {{"conv_dw", "bn1"}, {"conv_pw", "bn2"}};
  }
  if (modules.contains("conv_exp")) {  // fused
    return {{"conv_exp", "bn1"}, {"conv_pwl", "bn2"}};
  }
  return {{"conv", "bn1"}};
}

using Names = std::map<std::string, std::string, std::less<>>;

// torchvision numbers what a block computes; squeeze and excitation stands before the last convolution. The
// last one of MobileNetV2 is not in a module with its normalisation.
void add_block(const std::string& block, const Modules& modules, const std::string& prefix, bool flat_last,
               Names& names) {
  const auto units = units_of(modules);
  int index = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const bool last = i + 1 == units.size();
    if (last && modules.contains("se.conv_reduce")) {
      names[block + "se.conv_reduce"] = fmt::format("{}.{}.fc1", prefix, index);
      names[block + "se.conv_expand"] = fmt::format("{}.{}.fc2", prefix, index);
      ++index;
    }
    const bool flat = last && flat_last;
    names[block + units[i].convolution] = fmt::format("{}.{}{}", prefix, index, flat ? "" : ".0");
    names[block + units[i].norm] =
        flat ? fmt::format("{}.{}", prefix, index + 1) : fmt::format("{}.{}.1", prefix, index);
    ++index;
  }
}

}  // namespace

TimmNames::TimmNames(const std::set<std::string, std::less<>>& tensors) {
  if (!tensors.contains("conv_stem.weight") || !tensors.contains("conv_head.weight")) {
    return;
  }
  const auto blocks = blocks_of(tensors);
  bool efficientnet = false;
  int last_stage = -1;
  for (const auto& [block, modules] : blocks) {
    efficientnet = efficientnet || modules.contains("se.conv_reduce");
    last_stage = block.first;
  }
  int number = 0;
  for (const auto& [block, modules] : blocks) {
    const auto [stage, in_stage] = block;
    ++number;
    const auto prefix = efficientnet ? fmt::format("features.{}.{}.block", stage + 1, in_stage)
                                     : fmt::format("features.{}.conv", number);
    add_block(fmt::format("blocks.{}.{}.", stage, in_stage), modules, prefix, !efficientnet, names_);
  }
  const int head = efficientnet ? last_stage + 2 : number + 1;
  names_["conv_stem"] = "features.0.0";
  names_["bn1"] = "features.0.1";
  names_["conv_head"] = fmt::format("features.{}.0", head);
  names_["bn2"] = fmt::format("features.{}.1", head);
  names_["classifier"] = "classifier.1";
}

std::optional<std::string> TimmNames::torchvision(std::string_view module) const {
  const auto found = names_.find(module);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace headstart
