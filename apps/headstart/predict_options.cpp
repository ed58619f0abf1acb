#include "predict_options.h"

#include <string>

#include <fmt/format.h>

#include "headstart/engine.h"
#include "parsed_option.h"

namespace headstart::app {
void add_threads_option(CLI::App& command) {
  command
      .add_option_function<int>(
          "--threads", [](int threads) { set_engine_threads(threads); }, "Cores for the network (all)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
}

void add_precision_option(CLI::App& command, Precision& precision) {
  add_parsed_option(command, "--precision", "auto, f32 or bf16 (auto: bf16 where this CPU is faster with it)",
                    [&precision](const std::string& name) { precision = precision_from(name); })
      ->type_name("P");
}

void add_predict_options(CLI::App& command, PredictOptions& options) {
  command
      .add_option("--batch-size", options.batch_size, fmt::format("Images at once ({})", options.batch_size))
      ->type_name("N")
      ->check(CLI::Range(1, 65536));
  command.add_option("--workers", options.workers, "Threads that decode images (automatic)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
  add_precision_option(command, options.precision);
  add_threads_option(command);
}

}  // namespace headstart::app
