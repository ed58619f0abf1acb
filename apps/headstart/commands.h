// The commands: each function adds one to the program.
#pragma once

#include <CLI/CLI.hpp>

namespace headstart::app {

// What a command that did its work, but not without losses, reports.
struct Outcome {
  int exit_status = 0;
};

void add_models(CLI::App& program);

}  // namespace headstart::app
