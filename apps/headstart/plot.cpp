// `headstart plot`: the curves of runs as a picture.
#include "headstart/plot.h"

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"

namespace headstart::app {
namespace {

struct PlotCommand {
  std::vector<std::string> runs;
  std::string output;
  PlotOptions plot{};
};

void run_plot(const PlotCommand& command) {
  std::vector<RunCurves> runs;
  for (const auto& run : command.runs) {
    runs.push_back(read_run_curves(run));
  }
  plot_curves(runs, command.plot, command.output);
  fmt::print("{}: the curves of {} run{}\n", command.output, runs.size(), runs.size() == 1 ? "" : "s");
}

}  // namespace

void add_plot(CLI::App& program) {
  auto* command = program.add_subcommand("plot", "Draw the curves of one run or several");
  auto options = std::make_shared<PlotCommand>();
  command->add_option("RUN", options->runs, "Folders of runs, or their history.csv")->required();
  command->add_option("--out", options->output, "Picture to write, .png or .svg")
      ->type_name("FILE")
      ->required()
      ->check(file_called({".png", ".svg"}));
  command
      ->add_option("--smooth", options->plot.smoothing,
                   "Share of the smoothed value before in each value, 0 to below 1 (0); the courses take 0.8")
      ->type_name("SHARE")
      ->check(number_between(0.0, 0.999));
  command->footer(
      "Training is drawn as dots, validation as a line.\n"
      "Examples:\n"
      "  headstart plot run/ --out curves.png\n"
      "  headstart plot plain/ augmented/ --out compared.svg --smooth 0.8");
  command->callback([options] { run_plot(*options); });
}

}  // namespace headstart::app
