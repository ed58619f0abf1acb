// `headstart report`: the page of a run, and its model card.
#include "headstart/report.h"

#include <memory>

#include <fmt/format.h>

#include "commands.h"
#include "predict_options.h"

namespace headstart::app {

void add_report(CLI::App& program) {
  auto* command = program.add_subcommand("report", "Write a run's report.html and model_card.md");
  auto request = std::make_shared<ReportRequest>();
  command->add_option("RUN", request->run, "Folder that train wrote")->required();
  command->add_option("DATA", request->data, "Labelled photos to measure on (those of the run)");
  add_predict_options(*command, request->predict);
  add_test_time_augmentation_option(*command, request->predict);
  command->footer(
      "One file that opens offline: curves, confusion matrix, classes with confidence intervals, "
      "reliability,\n"
      "mistakes as thumbnails, and the command that repeats the run. And a model card in Markdown, with the "
      "front\n"
      "matter of the Hugging Face Hub (there its name is README.md).\n"
      "Example:\n"
      "  headstart report run/");
  command->callback([request] {
    const auto progress = make_console_progress();
    const WrittenReport written = write_report(*request, *progress);
    fmt::print("report: {}\nmodel card: {}\n", written.page, written.card);
  });
}

}  // namespace headstart::app
