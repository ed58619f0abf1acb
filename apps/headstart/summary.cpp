// `headstart summary`: the layer table of a network.
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "commands.h"
#include "headstart/summary.h"
#include "model_options.h"
#include "output.h"

namespace headstart::app {
namespace {

struct SummaryOptions {
  ModelRequest request{};
  bool expand = false;
  bool json = false;
};

Json layer_json(const SummaryRow& row) {
  Json shape = Json::array({nullptr});  // the batch, as Keras's None
  for (const auto extent : row.output_shape) {
    shape.push_back(extent);
  }
  return {{"name", row.name},           {"type", row.type},
          {"output_shape", shape},      {"parameters", row.parameters},
          {"trainable", row.trainable}, {"inputs", row.inputs}};
}

Json summary_json(const Summary& summary) {
  Json layers = Json::array();
  for (const auto& row : summary.rows) {
    layers.push_back(layer_json(row));
  }
  return {{"name", summary.name},
          {"layers", layers},
          {"parameters", summary.parameters},
          {"trainable_parameters", summary.trainable_parameters},
          {"non_trainable_parameters", summary.non_trainable_parameters}};
}

void print_summary(const SummaryOptions& options) {
  const Model model = describe_model(options.request);
  const Summary summary =
      summarize(model.graph, options.expand ? NestedModels::expanded : NestedModels::collapsed);
  if (options.json) {
    print_json(summary_json(summary));
  } else {
    fmt::print("{}", to_text(summary));
  }
}

}  // namespace

void add_summary(CLI::App& program) {
  auto* command =
      program.add_subcommand("summary", "The layers of a network: shapes, parameters, connections");
  auto options = std::make_shared<SummaryOptions>();
  add_model_argument(*command, options->request);
  add_architecture_options(*command, options->request.architecture);
  command->add_flag("--expand", options->expand, "The layers of a nested base in place of one row for it");
  command->add_flag("--json", options->json, "One JSON document");
  command->footer("Example:\n  headstart summary vgg16 --no-top --input-size 150");
  command->callback([options] { print_summary(*options); });
}

}  // namespace headstart::app
