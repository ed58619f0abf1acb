// `headstart features`: one layer's output for many photos, for other tools.
#include "headstart/features.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/progress.h"
#include "model_options.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct FeaturesOptions {
  ModelRequest request{};
  PredictOptions predict{};
  std::string data, layer, output;
};

void features(const FeaturesOptions& options, Outcome& outcome) {
  check_feature_path(options.output);
  const auto progress = make_console_progress();
  const Model model = open_model(options.request, *progress);
  const NodeId node = options.layer.empty() ? model.graph.output() : model.graph.require(options.layer);
  const FeatureTable table = extract_features(model, node, options.data, options.predict, *progress);
  const std::string csv = write_features(table, options.output);
  for (const auto& line : table.unreadable) {
    progress->message("skipped " + line);
    outcome.exit_status = 1;
  }
  fmt::print("{} {} -> {}, {}\n", model.graph.node(node).name, to_string(table.features.shape()),
             options.output, csv);
}

}  // namespace

void add_features(CLI::App& program, Outcome& outcome) {
  auto* command =
      program.add_subcommand("features", "One layer's output for each photo, as .npy or .safetensors");
  auto options = std::make_shared<FeaturesOptions>();
  add_model_options(*command, options->request);
  command->add_option("DATA", options->data, "A data set, a folder of photos or one photo")->required();
  command->add_option("--layer", options->layer, "Whose output (the last layer's)")->type_name("NAME");
  command
      ->add_option("--out", options->output,
                   "FILE.npy or FILE.safetensors; FILE.csv gets row, path, label and split")
      ->type_name("FILE")
      ->required()
      ->check(file_called({".npy", ".safetensors"}));
  command->add_flag("--strict", options->predict.strict, "An unreadable image is an error");
  add_predict_options(*command, options->predict);
  command->footer(
      "Example:\n"
      "  headstart features vgg16 --no-top --input-size 150 photos/ --layer block5_pool --out features.npy");
  command->callback([options, &outcome] { features(*options, outcome); });
}

}  // namespace headstart::app
