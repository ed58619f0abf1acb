// `headstart summary`: the layer table of a network.
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "commands.h"
#include "headstart/head.h"
#include "headstart/summary.h"
#include "headstart/text.h"
#include "model_options.h"
#include "output.h"

namespace headstart::app {
namespace {

struct SummaryOptions {
  ModelRequest request{};
  std::string head, freeze;  // freeze: empty where nothing is said
  bool expand = false;
  bool multiply_adds = false;
  bool json = false;
};

Json layer_json(const SummaryRow& row) {
  Json shape = Json::array({nullptr});  // the batch, as Keras's None
  for (const auto extent : row.output_shape) {
    shape.push_back(extent);
  }
  return {{"name", row.name},
          {"type", row.type},
          {"output_shape", shape},
          {"parameters", row.parameters},
          {"trainable", row.trainable},
          {"inputs", row.inputs},
          {"multiply_adds", row.multiply_adds}};
}

Json preprocessing_json(const Preprocessing& preprocessing) {
  return {{"mode", preprocessing.mode},
          {"resize", to_string(preprocessing.kernel)},
          {"fit", to_string(preprocessing.fit)},
          {"resize_to", preprocessing.resize_to},
          {"bgr", preprocessing.bgr},
          {"scale", preprocessing.scale},
          {"mean", preprocessing.mean},
          {"std", preprocessing.std}};
}

Json summary_json(const Summary& summary, const Preprocessing& preprocessing) {
  Json layers = Json::array();
  for (const auto& row : summary.rows) {
    layers.push_back(layer_json(row));
  }
  return {{"name", summary.name},
          {"layers", layers},
          {"parameters", summary.parameters},
          {"trainable_parameters", summary.trainable_parameters},
          {"non_trainable_parameters", summary.non_trainable_parameters},
          {"trainable_weights", summary.trainable_tensors},
          {"multiply_adds", summary.multiply_adds},
          {"preprocessing", preprocessing_json(preprocessing)}};
}

// The network that `train` would make with this head.
Model with_new_head(const SummaryOptions& options) {
  const ArchitectureOptions& architecture = options.request.architecture;
  const HeadOptions head{
      .head = options.head,
      .classes = architecture.classes > 0 ? architecture.classes : classes_of_head(options.head).value_or(2)};
  Model model;
  if (options.request.model == "none") {
    model = input_only(architecture);
    model.graph = attach_head(model.graph, head);
    return model;
  }
  ModelRequest request = options.request;
  request.architecture.classes = 0;
  request.architecture.include_top = !is_zoo_name(request.model);
  model = describe_model(request);
  const Graph base = is_zoo_name(request.model) ? model.graph : without_head(model).graph;
  model.graph = attach_head(base, head);
  freeze_base(model.graph, base.name(), options.freeze.empty() ? "all" : options.freeze);
  return model;
}

// The network as it is, or a base frozen without a head.
Model without_new_head(const SummaryOptions& options) {
  Model model = describe_model(options.request);
  if (options.freeze == "all") {
    model.graph.set_all_trainable(false);
  } else if (!options.freeze.empty()) {
    freeze_base(model.graph, "", options.freeze);
  }
  return model;
}

void print_summary(const SummaryOptions& options) {
  const Model model = options.head.empty() ? without_new_head(options) : with_new_head(options);
  const Summary summary =
      summarize(model.graph, options.expand ? NestedModels::expanded : NestedModels::collapsed);
  if (options.json) {
    print_json(summary_json(summary, model.preprocessing));
  } else {
    const auto columns =
        options.multiply_adds ? SummaryColumns::with_multiply_adds : SummaryColumns::as_keras;
    fmt::print("{}Layers: {}\nTrainable weights: {}\nMultiply-adds of an image: {}\n",
               to_text(summary, columns), summary.rows.size(), summary.trainable_tensors,
               with_thousands(summary.multiply_adds));
  }
}

}  // namespace

void add_summary(CLI::App& program) {
  auto* command =
      program.add_subcommand("summary", "The layers of a network: shapes, parameters, connections");
  auto options = std::make_shared<SummaryOptions>();
  add_model_argument(*command, options->request);
  add_architecture_options(*command, options->request.architecture);
  add_preprocessing_options(*command, options->request);
  command
      ->add_option("--head", options->head,
                   "With these layers on it, as `train --head` has them; MODEL may be none then")
      ->type_name("LAYERS");
  command
      ->add_option("--freeze", options->freeze,
                   "all, none, or what comes before a layer; with --head: of the base (all)")
      ->type_name("all|none|NAME");
  command->add_flag("--expand", options->expand, "The layers of a nested base in place of one row for it");
  command->add_flag("--multiply-adds", options->multiply_adds,
                    "A column with the multiply-adds of every layer for one image");
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "Examples:\n"
      "  headstart summary vgg16 --no-top --input-size 150\n"
      "  headstart summary inception_v3 --no-top --freeze all\n"
      "  headstart summary mobilenet --multiply-adds\n"
      "  headstart summary vgg16 --input-size 150 --head flatten,dense:256:relu,dense\n"
      "  headstart summary none --input-size 28x28x1 --classes 10 \\\n"
      "      --head conv:8:5:same,maxpool,dropout:0.25,flatten,dense:256:relu,dense");
  command->callback([options] { print_summary(*options); });
}

}  // namespace headstart::app
