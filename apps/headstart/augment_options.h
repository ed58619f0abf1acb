// --augment and its single options.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "headstart/augment.h"

namespace headstart::app {

// Single options change the preset wherever they stand on the command line.
struct AugmentOptions {
  std::string preset = "none";
  std::vector<std::function<void(Augmentation&)>> changes;
};

void add_augment_options(CLI::App& command, AugmentOptions& options);

// Throws Error for a value outside of its range.
Augmentation augmentation_of(const AugmentOptions& options);

}  // namespace headstart::app
