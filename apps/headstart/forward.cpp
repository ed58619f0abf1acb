// `headstart forward`: a raw tensor through a network, to check an import against another framework.
#include <memory>
#include <string>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "comparison.h"
#include "headstart/npy.h"
#include "headstart/predict.h"
#include "headstart/progress.h"
#include "model_options.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct ForwardOptions {
  ModelRequest request{};
  Precision precision = Precision::f32;
  int batch_size = 32;
  std::string input, output, layer, against;
  double tolerance = kDefaultTolerance;
};

void forward(const ForwardOptions& options, Outcome& outcome) {
  const Tensor input = read_npy(options.input);
  const auto progress = make_console_progress();
  const Model model = open_model(options.request, *progress);
  const NodeId node = options.layer.empty() ? model.graph.output() : model.graph.require(options.layer);
  const auto results = Predictor(model, {node}, options.precision, options.batch_size).run(input);
  write_npy(results[0], options.output);
  fmt::print("{} {} -> {}\n", model.graph.node(node).name, to_string(results[0].shape()), options.output);
  if (!options.against.empty()) {
    outcome.exit_status = report_difference(results[0], options.against, options.tolerance);
  }
}

}  // namespace

void add_forward(CLI::App& program, Outcome& outcome) {
  auto* command =
      program.add_subcommand("forward", "A raw tensor (N, H, W, C) through a network, without preprocessing");
  auto options = std::make_shared<ForwardOptions>();
  add_model_options(*command, options->request);
  command->add_option("--input", options->input, "float32 tensor as NumPy saves it")
      ->type_name("X.npy")
      ->required();
  command->add_option("--out", options->output, "Where the result goes")->type_name("Y.npy")->required();
  command->add_option("--layer", options->layer, "Output of this layer (the last)")->type_name("NAME");
  add_comparison_options(*command, options->against, options->tolerance);
  command
      ->add_option("--batch-size", options->batch_size, fmt::format("Rows at once ({})", options->batch_size))
      ->type_name("N")
      ->check(whole_number(1, 65536));
  add_precision_option(*command, options->precision);
  add_threads_option(*command);
  command->footer(
      "Example:\n  headstart forward mobilenet_v2 --weights weights.h5 --no-top --input x.npy --out y.npy "
      "\\\n"
      "      --against keras_y.npy");
  command->callback([options, &outcome] { forward(*options, outcome); });
}

}  // namespace headstart::app
