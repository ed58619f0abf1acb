// Names that torchvision gives to the layers of networks which the zoo builds with Keras's names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headstart {

// "vgg16", "block1_conv2" -> "features.2". Nothing for another architecture or layer.
std::optional<std::string> torchvision_name(std::string_view architecture, std::string_view keras_layer);

}  // namespace headstart
