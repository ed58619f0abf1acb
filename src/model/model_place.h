// What a path that is given for a model leads to.
#pragma once

#include <string>

namespace headstart {

// The model file in the folder of a run, or model.json in that of a tfjs model; any other path as it is.
std::string model_file_in(const std::string& path);

// By its name: weight files of others hold no graph or none that is trusted, they need the network's name.
bool is_foreign_weight_file(const std::string& path);

}  // namespace headstart
