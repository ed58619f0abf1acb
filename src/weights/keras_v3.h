// Keras 3: `.weights.h5` (layers/<class>_<k>/vars/<i>) and `.keras` (a zip of config.json and
// model.weights.h5).
#pragma once

#include <string>

#include "headstart/weights.h"
#include "weights/bytes.h"
#include "weights/hdf5_file.h"
#include "weights/zip_archive.h"

namespace headstart {

// "BatchNormalization" -> "batch_normalization", "Conv2D" -> "conv2d", as Keras names its groups.
std::string keras_snake_case(const std::string& class_name);

bool is_keras_v3(Hdf5File& h5);

// Layers are called as the file says (attribute `name`), else as `config` says (a model's config.json, or
// empty), else by their class and number; inside nested models with those in front. Weights keep their
// numbers as names.
WeightFile read_keras_v3(Hdf5File& h5, const std::string& config);

bool is_keras_archive(const ZipArchive& archive);
WeightFile read_keras_archive(ZipArchive& archive);

}  // namespace headstart
