// `headstart calibrate`: the temperature that makes a model's probabilities mean what they say.
#include "headstart/calibrate.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include "commands.h"
#include "headstart/progress.h"
#include "output.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct CalibrateOptions {
  std::string model, data, split = "validation", output;
  PredictOptions predict{};
  bool json = false;
};

Json side_json(const Evaluation& evaluation) {
  return {{"loss", evaluation.loss}, {"calibration_error", evaluation.calibration_error}};
}

void run_calibrate(const CalibrateOptions& options) {
  const Dataset dataset = choose_split(read_dataset(options.data), options.split);
  const auto progress = make_console_progress();
  Model model = load_model(options.model);
  const Calibration result = calibrate(model, dataset, options.predict, *progress);
  const std::string path = options.output.empty() ? options.model : options.output;
  save_model(model, path);
  if (options.json) {
    print_json({{"model", path},
                {"images", result.before.images},
                {"temperature", result.temperature},
                {"before", side_json(result.before)},
                {"after", side_json(result.after)}});
    return;
  }
  fmt::print("temperature        {:.4f}, from {} images\n", result.temperature, result.before.images);
  fmt::print("loss               {:.4f} -> {:.4f}\n", result.before.loss, result.after.loss);
  fmt::print("calibration error  {:.4f} -> {:.4f}\n", result.before.calibration_error,
             result.after.calibration_error);
  fmt::print("model: {}\n", path);
}

}  // namespace

void add_calibrate(CLI::App& program) {
  auto* command = program.add_subcommand("calibrate", "Make a model's probabilities mean what they say");
  auto options = std::make_shared<CalibrateOptions>();
  command->add_option("MODEL", options->model, "Model file of a run")->required();
  command->add_option("DATA", options->data, "Labelled photos that it was not trained on, as for evaluate")
      ->required();
  command->add_option("--split", options->split, "Which part to fit on (validation)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"train", "validation", "test", "all"}));
  command->add_option("--out", options->output, "Model file to write (MODEL itself)")->type_name("FILE");
  add_predict_options(*command, options->predict);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "One number, the temperature, is fitted (least cross-entropy) and kept in the model file; predict and\n"
      "evaluate use it. The most probable class of a picture does not change.\n"
      "Example:\n"
      "  headstart calibrate run/model.safetensors photos/ --split validation");
  command->callback([options] { run_calibrate(*options); });
}

}  // namespace headstart::app
