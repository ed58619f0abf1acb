// One layer of a Keras model's config as an op of a graph.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "headstart/op.h"

namespace headstart {

// `class_name` and `config` as Keras 2 and 3 (and TensorFlow.js) write them. Throws Error naming the layer
// for a class or option that no op stands for; nothing of a Lambda is run.
// `rank`: number of axes of the layer's first input, without the batch.
Op op_from_keras(const std::string& class_name, const std::string& layer, const nlohmann::json& config,
                 std::size_t rank);

// batch_input_shape or batch_shape without the batch; empty when the config has none or leaves extents open.
Shape input_shape_from_keras(const std::string& layer, const nlohmann::json& config);

}  // namespace headstart
