// How the ONNX files that Headstart writes tell parameters from other constants.
#pragma once

#include <string_view>

namespace headstart {

inline constexpr std::string_view kOnnxProducer = "headstart";
// A float initializer of another name is a parameter, "layer/kernel": kernels of convolutions in ONNX's order
// (outputs, inputs, height, width), of dense layers (outputs, inputs) where they take a vector and (inputs,
// outputs) where they take rows, all else as in Headstart, with extents of one around it where they
// broadcast.
inline constexpr std::string_view kOnnxConstantPrefix = "headstart::";

}  // namespace headstart
