// PyTorch's names for parameters, and torchvision's for the layers of networks which the zoo builds with
// Keras's names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headstart {

// "vgg16", "block1_conv2" -> "features.2". Nothing for another architecture or layer.
std::optional<std::string> torchvision_name(std::string_view architecture, std::string_view keras_layer);

// "kernel" -> "weight", "moving_mean" -> "running_mean", ...: what PyTorch calls this parameter of a layer.
std::string torch_kind(const std::string& parameter);

// "a.layer_scale", "class_token", ...: layers of one parameter, which PyTorch calls by the layer's name
// alone.
bool is_bare_parameter(std::string_view layer);

struct TorchName {
  std::string layer, kind;
};

// A key of a state dict: "module.layer1.0.bn1.weight" -> "layer1.0.bn1", "weight". What nn.MultiheadAttention
// and bare parameters are called is made alike, and what older releases called otherwise as now.
TorchName torch_name(std::string_view key);

}  // namespace headstart
