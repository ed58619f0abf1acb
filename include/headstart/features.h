// One layer's output for many photos, as a table for other tools.
#pragma once

#include <string>
#include <vector>

#include "headstart/predict.h"

namespace headstart {

// Row i belongs to paths[i]. Labels and splits are "" where the photos have none.
struct FeatureTable {
  Tensor features;  // (N, shape of the layer)
  std::vector<std::string> paths, labels, splits;
  std::vector<std::string> unreadable;  // "path: reason"
};

// `data` is a photo, a folder of photos, or a data set with or without splits (all of them are computed).
FeatureTable extract_features(const Model& model, NodeId node, const std::string& data,
                              const PredictOptions& options, Progress& progress);

// PATH by its extension: .npy, or .safetensors with the one tensor "features"; and beside it, under the same
// name with .csv, the lines `row,path,label,split`. Returns the name of the CSV. Throws Error for another
// extension.
std::string write_features(const FeatureTable& table, const std::string& path);

// Throws Error, before hours of work, for what write_features would refuse.
void check_feature_path(const std::string& path);

}  // namespace headstart
