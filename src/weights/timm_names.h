// timm's names of MobileNetV2's and EfficientNet's modules as torchvision's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace headstart {

class TimmNames {
 public:
  // From the names of a state dict's tensors; another network's file gives no names.
  explicit TimmNames(const std::set<std::string, std::less<>>& tensors);

  // "blocks.1.0.conv_pw" -> "features.2.conv.0.0" (MobileNetV2), "features.2.0.block.0.0" (EfficientNet).
  std::optional<std::string> torchvision(std::string_view module) const;

 private:
  std::map<std::string, std::string, std::less<>> names_;
};

}  // namespace headstart
