// Keras's HDF5 files: the legacy form (Keras 1 and 2, and the official ImageNet weights), whole models and
// weights alone.
#pragma once

#include "headstart/weights.h"
#include "weights/bytes.h"

namespace headstart {

bool is_keras_h5(const SharedBytes& file);

// Tensors are called "<layer>/<weight name>"; most alias the file.
WeightFile read_keras_h5(const SharedBytes& file);

// Writes atomically in the layout of the official files: layer_names and weight_names as fixed-length
// strings, one group a layer, in Keras's order, by which load_weights goes. `backend` "tensorflow".
void write_keras_h5(const Graph& graph, const Parameters& parameters, const std::string& path);

}  // namespace headstart
