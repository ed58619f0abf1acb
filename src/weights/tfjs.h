// TensorFlow.js layers-models: model.json and its weight shards.
#pragma once

#include "headstart/weights.h"
#include "weights/bytes.h"
#include "weights/weight_file.h"

namespace headstart {

bool is_tfjs(const SharedBytes& file);

// float32, float16, int32 and bool, also quantised to uint8 or uint16. Shards must lie in the folder of
// model.json.
WeightFile read_tfjs(const SharedBytes& model_json, const Sibling& sibling);

}  // namespace headstart
