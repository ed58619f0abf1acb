// The commands: each function adds one to the program.
#pragma once

#include <CLI/CLI.hpp>

namespace headstart::app {

// What a command that did its work, but not without losses, reports.
struct Outcome {
  int exit_status = 0;
};

void add_train(CLI::App& program, Outcome& outcome);
void add_add_classes(CLI::App& program, Outcome& outcome);
void add_models(CLI::App& program);
void add_summary(CLI::App& program);
void add_evaluate(CLI::App& program);
void add_calibrate(CLI::App& program);
void add_plot(CLI::App& program);
void add_report(CLI::App& program);
void add_predict(CLI::App& program, Outcome& outcome);
void add_serve(CLI::App& program);
void add_explore(CLI::App& program);
void add_features(CLI::App& program, Outcome& outcome);
void add_explain(CLI::App& program, Outcome& outcome);
void add_augment(CLI::App& program);
void add_forward(CLI::App& program, Outcome& outcome);
void add_convert(CLI::App& program, Outcome& outcome);
void add_export(CLI::App& program);
void add_split(CLI::App& program);
void add_check(CLI::App& program, Outcome& outcome);
void add_labels(CLI::App& program, Outcome& outcome);
void add_relabel(CLI::App& program, Outcome& outcome);
void add_cache(CLI::App& program, Outcome& outcome);
void add_bench(CLI::App& program);
void add_demo(CLI::App& program);

}  // namespace headstart::app
