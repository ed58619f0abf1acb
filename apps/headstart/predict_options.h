// Options of commands that run a network.
#pragma once

#include <CLI/CLI.hpp>

#include "headstart/predict.h"

namespace headstart::app {

// --threads; without a place for it, it takes effect while the command line is read.
void add_threads_option(CLI::App& command, int& threads);
void add_threads_option(CLI::App& command);
void add_precision_option(CLI::App& command, Precision& precision);
// --precision, --threads.
void add_predict_options(CLI::App& command, PredictOptions& options);
// --no-unknown.
void add_no_unknown_option(CLI::App& command, bool& accept_all);
// --tta.
void add_test_time_augmentation_option(CLI::App& command, PredictOptions& options);

}  // namespace headstart::app
