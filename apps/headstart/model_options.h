// Options that say which model is meant.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "headstart/open_model.h"

namespace headstart::app {

// --input-size and --alpha.
void add_size_options(CLI::App& command, ArchitectureOptions& options);
// --flavour.
void add_flavour_option(CLI::App& command, ArchitectureOptions& options);
// --input-size, --alpha, --no-top, --classes, --flavour.
void add_architecture_options(CLI::App& command, ArchitectureOptions& options);
// --weights.
void add_weights_option(CLI::App& command, ModelRequest& request);
// --weights, --seed.
void add_weight_options(CLI::App& command, ModelRequest& request);
// --preprocessing, --resize.
void add_preprocessing_options(CLI::App& command, ModelRequest& request);
// --class-index.
void add_class_index_option(CLI::App& command, ModelRequest& request);
// The model file of a run's folder; any other path as it is.
std::string model_file(const std::string& path);
// The positional MODEL.
void add_model_argument(CLI::App& command, ModelRequest& request);
// MODEL, --weights, --seed, the architecture and the preprocessing options.
void add_model_options(CLI::App& command, ModelRequest& request);

}  // namespace headstart::app
