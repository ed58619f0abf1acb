// --against: a result held against another framework's.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "headstart/tensor.h"

namespace headstart::app {

// Of the largest value: f32 sums in another order differ by about 1e-6 a layer.
constexpr double kDefaultTolerance = 1e-4;

// --against and --tolerance.
void add_comparison_options(CLI::App& command, std::string& against, double& tolerance);

// Prints the largest difference to stderr; the exit status: 1 when it is beyond the tolerance.
int report_difference(const Tensor& result, const std::string& reference_path, double tolerance);

}  // namespace headstart::app
