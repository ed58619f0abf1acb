// How strange a picture is, as ONNX operations: what Model::acceptance says of a row of features.
#pragma once

#include <string>

#include "export/onnx_builder.h"
#include "headstart/acceptance.h"

namespace headstart {

// (N, 1), of features (N, channels) of any length and scores (N, classes), of which the greatest is the class
// that the network says. Only operations that OpenCV 4.6 knows too: the limit of that class is chosen by
// arithmetic.
std::string lower_strangeness(OnnxBuilder& out, const Acceptance& acceptance, const std::string& features,
                              const std::string& scores);

}  // namespace headstart
