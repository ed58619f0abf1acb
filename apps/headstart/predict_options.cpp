#include "predict_options.h"

#include <string>

#include <fmt/format.h>

#include "checks.h"
#include "headstart/engine.h"
#include "parsed_option.h"

namespace headstart::app {

void add_threads_option(CLI::App& command) {
  command
      .add_option_function<int>(
          "--threads", [](int threads) { set_engine_threads(threads); }, "Cores for the network (all)")
      ->type_name("N")
      ->check(whole_number(0, 4096));
}

void add_threads_option(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "Cores to use (all)")
      ->type_name("N")
      ->check(whole_number(0, 4096));
}

void add_precision_option(CLI::App& command, Precision& precision) {
  add_parsed_option(command, "--precision",
                    "auto, f32, bf16 or int8 (auto: bf16 where this CPU is faster with it; int8: for what is "
                    "frozen in training, and for models that were trained with it)",
                    [&precision](const std::string& name) { precision = precision_from(name); })
      ->type_name("P");
}

void add_predict_options(CLI::App& command, PredictOptions& options) {
  add_precision_option(command, options.precision);
  add_threads_option(command, options.threads);
}

void add_no_unknown_option(CLI::App& command, bool& accept_all) {
  command.add_flag(
      "--no-unknown", accept_all,
      "Every photo is one of the classes, also what is unlike those that the model was trained on");
}

void add_test_time_augmentation_option(CLI::App& command, PredictOptions& options) {
  command.add_flag("--tta", options.test_time_augmentation,
                   "Test-time augmentation: the mean of six views of each picture, at six times the work");
}

}  // namespace headstart::app
