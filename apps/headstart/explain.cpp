// `headstart explain`: what a network looks at, and what is inside it.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checks.h"
#include "commands.h"
#include "explain_maps.h"
#include "explain_network.h"
#include "headstart/engine.h"
#include "headstart/error.h"
#include "headstart/progress.h"
#include "headstart/text.h"
#include "model_options.h"
#include "parsed_option.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

// Options of some kinds alone.
struct KindOption {
  const char* name;
  std::vector<std::string> kinds;
};

void check_usage(const CLI::App& command, const ExplainCommand& options) {
  static const std::vector<KindOption> options_of_kinds{
      {"--class", {"gradcam", "maximize"}},
      {"--method", {"gradcam"}},
      {"--colormap", {"gradcam", "activations"}},
      {"--opacity", {"gradcam"}},
      {"--heatmap", {"gradcam"}},
      {"--no-unknown", {"gradcam"}},
      {"--layer", {"gradcam", "filters", "activations", "maximize", "neighbours"}},
      {"--filter", {"maximize"}},
      {"--steps", {"maximize"}},
      {"--data", {"neighbours"}},
      {"--count", {"filters", "activations", "neighbours", "gradients"}},
      {"--lr", {"gradients"}}};
  for (const auto& [name, kinds] : options_of_kinds) {
    if (command.get_option(name)->count() > 0 &&
        std::find(kinds.begin(), kinds.end(), options.kind) == kinds.end()) {
      throw CLI::ValidationError(name, fmt::format("does nothing with --kind {}, but with {}", options.kind,
                                                   fmt::join(kinds, ", ")));
    }
  }
  if (options.data.empty() && options.kind != "filters" && options.kind != "maximize") {
    throw CLI::ValidationError("IMAGE", "expected a photo or a folder after the model; received none");
  }
  if (options.kind == "neighbours" && options.train_data.empty()) {
    throw CLI::ValidationError("--data", "expected the photos to compare with; received none");
  }
  if (!options.classes.empty() && !options.filters.empty()) {
    throw CLI::ValidationError("--filter", "expected either filters of a layer or --class; received both");
  }
  if (!options.layer.empty() && options.explain.method == ExplainMethod::occlusion) {
    throw CLI::ValidationError("--layer", "does nothing with --method occlusion, which looks at the classes");
  }
}

// `options` by value: what was not asked for follows from the kind.
void explain(ExplainCommand options, Outcome& outcome) {
  if (options.overlay.colormap.empty()) {
    options.overlay.colormap = options.kind == "activations" ? "viridis" : "jet";
  }
  const auto progress = make_console_progress();
  const Model model = open_model(options.request, *progress);
  if (options.kind == "filters") {
    explain_filters(options, model);
  } else if (options.kind == "activations") {
    explain_activations(options, model);
  } else if (options.kind == "maximize") {
    explain_maximize(options, model, *progress);
  } else if (options.kind == "neighbours") {
    explain_neighbours(options, model, *progress);
  } else if (options.kind == "gradients") {
    explain_gradients(options, model, *progress);
  } else {
    explain_maps(options, model, *progress, outcome);
  }
}

void add_map_options(CLI::App& command, ExplainCommand& options) {
  command.add_option("--layer", options.layer, "Where to look (the last layer with a spatial extent)")
      ->type_name("NAME");
  command
      .add_option("--class", options.classes,
                  "NAME, INDEX or topK: the class that is asked about (the most probable one)")
      ->type_name("CLASS");
  add_parsed_option(
      command, "--method", "gradcam, gradcam++, hirescam, eigencam, occlusion or rollout (gradcam)",
      [&options](const std::string& name) { options.explain.method = explain_method_from(name); })
      ->type_name("NAME");
  add_parsed_option(
      command, "--colormap",
      "jet, viridis, turbo, inferno, magma, plasma, cividis, hot or gray (jet; activations: viridis)",
      [&options](const std::string& name) {
        check_overlay({.colormap = name});
        options.overlay.colormap = name;
      })
      ->type_name("NAME");
  command.add_option("--opacity", options.overlay.alpha, "How much of the heat map's colour is seen (0.4)")
      ->type_name("0..1")
      ->check(number_between(0.0, 1.0));
  command.add_option("--heatmap", options.heatmap, "The maps as numbers from 0 to 1, (pictures, h, w)")
      ->type_name("FILE.npy")
      ->check(file_called({".npy"}));
}

int filter_number(const std::string& text) {
  const auto filter = number_from<int>(text);
  if (!filter || *filter < 0) {
    throw Error(fmt::format("expected numbers of filters, such as 0,5,12; received \"{}\"", text));
  }
  return *filter;
}

void add_kind_options(CLI::App& command, ExplainCommand& options) {
  command
      .add_option(
          "--kind", options.kind,
          "gradcam (maps of evidence), filters (kernels), activations (feature maps), maximize (what excites "
          "a filter or --class), neighbours (the nearest photos of --data), gradients (of a batch of the "
          "data set IMAGE, layer by layer) (gradcam)")
      ->type_name("KIND")
      ->check(one_of({"gradcam", "filters", "activations", "maximize", "neighbours", "gradients"}));
  add_parsed_option(command, "--filter", "maximize: numbers of filters, such as 0,5,12 (the first nine)",
                    [&options](const std::string& text) {
                      for (const auto& number : split(text, ',')) {
                        options.filters.push_back(filter_number(number));
                      }
                    })
      ->type_name("N,...");
  command.add_option("--steps", options.steps, "maximize: steps of gradient ascent (200)")
      ->type_name("N")
      ->check(whole_number(1, 100'000));
  command.add_option("--data", options.train_data, "neighbours: the data set, as `train` takes it")
      ->type_name("DATA");
  command
      .add_option(
          "--count", options.count,
          "How many kernels (256), feature maps a layer (16), neighbours (8), images of the batch (32)")
      ->type_name("N")
      ->check(whole_number(1, 100'000));
  command.add_option("--lr", options.learning_rate, "gradients: the rate that the update is told for (0.01)")
      ->type_name("RATE")
      ->check(positive_number());
}

}  // namespace

void add_explain(CLI::App& program, Outcome& outcome) {
  auto* command =
      program.add_subcommand("explain", "What a network looks at in a photo: Grad-CAM and others");
  auto options = std::make_shared<ExplainCommand>();
  add_model_options(*command, options->request);
  command->add_option("IMAGE", options->data, "A photo, or a folder of photos; for gradients a data set");
  command->add_option("--out", options->output, "The picture that is written")
      ->type_name("FILE.png")
      ->required()
      ->check(file_called({".png"}));
  add_map_options(*command, *options);
  add_kind_options(*command, *options);
  add_class_index_option(*command, options->request);
  add_precision_option(*command, options->explain.precision);
  add_threads_option(*command, options->explain.threads);
  add_no_unknown_option(*command, options->explain.accept_all);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "Examples:\n"
      "  headstart explain run/model.safetensors photo.jpg --out cam.png\n"
      "  headstart explain run/model.safetensors photos/ --out sheet.png\n"
      "  headstart explain mobilenet_v2 dog.jpg --class top3 --method hirescam --colormap viridis --out "
      "cam.png");
  command->callback([command, options, &outcome] {
    check_usage(*command, *options);
    set_engine_threads(options->explain.threads);
    explain(*options, outcome);
  });
}

}  // namespace headstart::app
