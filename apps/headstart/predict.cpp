// `headstart predict`: the most probable classes of photos.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/predict.h"
#include "headstart/progress.h"
#include "model_options.h"
#include "photo_output.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct PredictCommand {
  ModelRequest request{};
  PredictOptions predict{};
  std::vector<std::string> inputs;
  int top = 5;
  bool json = false;
};

std::string class_id(const Model& model, int index) {
  const auto i = static_cast<std::size_t>(index);
  return i < model.class_ids.size() ? model.class_ids[i] : "";
}

void print_prediction(const Model& model, const std::vector<std::string>& labels,
                      const ImagePrediction& prediction) {
  fmt::print("{}\n", prediction.path);
  if (prediction.strangeness && is_unknown(*prediction.strangeness)) {
    const RankedClass& nearest = prediction.classes.front();
    fmt::print("  {}\n", unknown_text(labels[static_cast<std::size_t>(nearest.index)], nearest.probability));
    return;
  }
  for (const auto& entry : prediction.classes) {
    const std::string id = class_id(model, entry.index);
    fmt::print("  {:6.4f}  {:>4}  {}{}{}\n", entry.probability, entry.index, id, id.empty() ? "" : "  ",
               labels[static_cast<std::size_t>(entry.index)]);
  }
}

void predict(const PredictCommand& options, Outcome& outcome) {
  std::vector<std::string> paths;
  for (const auto& input : options.inputs) {
    const auto files = image_files(input);
    paths.insert(paths.end(), files.begin(), files.end());
  }
  const auto progress = make_console_progress();
  const Model model = open_model(options.request, *progress);
  const auto predictions = classify(model, paths, options.top, options.predict, *progress);
  const auto labels = class_labels(model);
  note_nameless(model, *progress);
  for (const auto& prediction : predictions) {
    if (!prediction.error.empty()) {
      print_photo_error(prediction.path, prediction.error);
      outcome.exit_status = 1;
    } else if (!options.json) {
      print_prediction(model, labels, prediction);
    }
  }
  if (options.json) {
    fmt::print("{}\n", predictions_json(model, options.request.model, predictions));
  }
}

}  // namespace

void add_predict(CLI::App& program, Outcome& outcome) {
  auto* command = program.add_subcommand("predict", "The most probable classes of photos");
  auto options = std::make_shared<PredictCommand>();
  add_model_options(*command, options->request);
  command->add_option("IMAGE", options->inputs, "Photos, or folders of photos")->required();
  command->add_option("--top", options->top, "How many classes (5)")
      ->type_name("K")
      ->check(whole_number(1, 1'000'000));
  add_class_index_option(*command, options->request);
  add_predict_options(*command, options->predict);
  add_test_time_augmentation_option(*command, options->predict);
  add_no_unknown_option(*command, options->predict.accept_all);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "A model that `headstart train` wrote says \"unknown\" of photos that are unlike those of its "
      "classes.\n"
      "Examples:\n"
      "  headstart predict run/model.safetensors photo.jpg more_photos/\n"
      "  headstart predict mobilenet --alpha 0.25 --weights mobilenet_0.25.h5 dog.jpg --top 3 --json");
  command->callback([options, &outcome] { predict(*options, outcome); });
}

}  // namespace headstart::app
