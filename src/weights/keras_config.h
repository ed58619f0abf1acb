// A whole Keras model's config (Sequential, Functional, nested) as a graph.
#pragma once

#include <string>

#include "headstart/graph.h"

namespace headstart {

inline constexpr const char* kKerasTag = "keras";  // of the errors of every Keras reader

// `text`: the attribute model_config of a .h5 file, or modelTopology of a tfjs model.json. Throws Error
// naming what is not understood.
Graph graph_from_keras_config(const std::string& text);

}  // namespace headstart
