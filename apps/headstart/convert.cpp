// `headstart convert`: weights from one format to another, with an account of every tensor.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "comparison.h"
#include "headstart/convert.h"
#include "headstart/npy.h"
#include "headstart/predict.h"
#include "headstart/text.h"
#include "model_options.h"
#include "output.h"

namespace headstart::app {
namespace {

struct ConvertCommand {
  ConvertRequest request{};
  std::string input, against;
  double tolerance = kDefaultTolerance;
  bool verbose = false;
  bool json = false;
};

Json report_json(const WeightReport& report) {
  Json mapped = Json::array();
  for (const auto& entry : report.mapped) {
    mapped.push_back(
        {{"parameter", entry.parameter}, {"source", entry.source}, {"transform", entry.transform}});
  }
  return {{"mapped", mapped},
          {"missing", report.missing},
          {"unused", report.unused},
          {"mismatched", report.mismatched},
          {"folded", report.folded},
          {"matched_by", report.matched_by},
          {"parameters", report.parameters}};
}

void print_list(const char* title, const std::vector<std::string>& lines) {
  for (const auto& line : lines) {
    fmt::print("{:<10}  {}\n", title, line);
  }
}

void print_report(const WeightReport& report, bool verbose) {
  int transformed = 0;
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : report.mapped) {
    transformed += entry.transform.empty() ? 0 : 1;
    rows.push_back({entry.parameter, entry.source, entry.transform});
  }
  if (verbose) {
    print_table({{"parameter", Align::left}, {"source", Align::left}, {"changed", Align::left}}, rows);
  }
  fmt::print(
      "{} tensors mapped ({} of them transposed or reordered), {} missing, {} mismatched, {} unused; {} "
      "parameters\n",
      report.mapped.size(), transformed, report.missing.size(), report.mismatched.size(),
      report.unused.size(), with_thousands(report.parameters));
  fmt::print("layers matched by {}\n", report.matched_by);
  if (!report.folded.empty()) {
    fmt::print(
        "{} batch normalisations were folded into the convolutions before them; they are identities here: "
        "the "
        "network computes the same, and has lost its statistics\n",
        report.folded.size());
  }
  print_list("missing", report.missing);
  print_list("mismatched", report.mismatched);
  print_list("unused", report.unused);
}

void convert(const ConvertCommand& command, Outcome& outcome) {
  if (command.request.architecture.empty() && needs_architecture(command.request.source)) {
    throw CLI::ValidationError(
        "--arch",
        "expected the network that the weights are for; received none; a model file alone has its own");
  }
  const Conversion conversion = read_foreign_weights(command.request);
  const WeightReport& report = conversion.report;
  command.json ? print_json(report_json(report)) : print_report(report, command.verbose);
  if (!report.missing.empty() || !report.mismatched.empty()) {
    fmt::print(
        stderr,
        "error: {} does not fit {}: {} parameters missing, {} of another shape; nothing was written{}{}\n",
        command.request.source, conversion.model.graph.name(), report.missing.size(),
        report.mismatched.size(), report.advice.empty() ? "" : "; ", report.advice);
    outcome.exit_status = 1;
    return;
  }
  if (!command.against.empty()) {
    Predictor predictor(conversion.model, {conversion.model.graph.output()}, Precision::f32);
    outcome.exit_status =
        report_difference(predictor.run(read_npy(command.input))[0], command.against, command.tolerance);
    if (outcome.exit_status != 0) {
      return;
    }
  }
  write_converted(conversion.model, command.request);
}

}  // namespace

void add_convert(CLI::App& program, Outcome& outcome) {
  auto* command =
      program.add_subcommand("convert", "Weights from one format to another, every tensor accounted for");
  auto options = std::make_shared<ConvertCommand>();
  command
      ->add_option(
          "SOURCE", options->request.source,
          "Keras .h5 or .keras, PyTorch .pth, .safetensors, tfjs model.json, .onnx, or the folder of a run")
      ->required();
  command
      ->add_option(
          "DEST", options->request.destination,
          ".safetensors (a model file, complete in itself), .h5 (Keras weights) or .pth (PyTorch state dict)")
      ->required();
  command
      ->add_option(
          "--arch", options->request.architecture,
          "The network (see `headstart models`); without it SOURCE is a model file, taken with its head")
      ->type_name("NAME");
  add_architecture_options(*command, options->request.options);
  command
      ->add_option_function<std::string>(
          "--names",
          [options](const std::string& text) {
            const auto& destination = options->request.destination;
            if (extension_of(destination) != ".safetensors") {
              throw CLI::ValidationError(
                  "--names", fmt::format("expected a .safetensors file, the only one with a choice of names; "
                                         "received {}; leave --names out",
                                         destination));
            }
            options->request.names = text == "torch" ? TensorNames::torch : TensorNames::headstart;
          },
          "In a .safetensors file: headstart (a model file) or torch (tensors alone, for PyTorch) "
          "(headstart)")
      ->type_name("NAME")
      ->check(one_of({"headstart", "torch"}));
  command->add_flag("--verbose", options->verbose, "A line for every tensor");
  auto* input =
      command->add_option("--input", options->input, "float32 tensor (N, H, W, C) to compute for --against")
          ->type_name("X.npy");
  add_comparison_options(*command, options->against, options->tolerance);
  command->get_option("--against")->needs(input);
  input->needs(command->get_option("--against"));
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "Examples:\n"
      "  headstart convert mobilenet_0.25.h5 mobilenet.safetensors --arch mobilenet --alpha 0.25\n"
      "  headstart convert vgg16.pth vgg16.h5 --arch vgg16 --input x.npy --against torch_y.npy\n"
      "  headstart convert run/ trained.h5");
  command->callback([options, &outcome] { convert(*options, outcome); });
}

}  // namespace headstart::app
