// `headstart export`: a model as an ONNX file for other runtimes.
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checks.h"
#include "commands.h"
#include "headstart/export.h"
#include "headstart/open_model.h"
#include "headstart/progress.h"
#include "model_options.h"
#include "output.h"

namespace headstart::app {
namespace {

struct ExportCommand {
  ModelRequest request{};
  ExportOptions options{};
  std::string path;
  bool json = false;
};

void print_tensor(const char* what, const ExportedTensor& tensor) {
  fmt::print("{:<7} {} float32 (batch, {})\n", what, tensor.name, fmt::join(tensor.shape, ", "));
}

void run_export(const ExportCommand& command) {
  const auto progress = make_console_progress();
  const Model model = open_model(command.request, *progress);
  const ExportSummary summary = export_onnx(model, command.path, command.options);
  for (const auto& note : summary.notes) {
    fmt::print(stderr, "note: {}\n", note);
  }
  if (command.json) {
    print_json(Json::parse(summary.description));
    return;
  }
  const auto document = Json::parse(summary.description);
  print_tensor("input", summary.input);
  fmt::print("        {}\n", document["input"]["description"].get<std::string>());
  print_tensor("output", summary.output);
  fmt::print("        {}\n", document["output"]["description"].get<std::string>());
  if (summary.strangeness) {
    print_tensor("output", *summary.strangeness);
    fmt::print("        {}\n", document["strangeness"]["description"].get<std::string>());
  }
  fmt::print("{}: ONNX, operator set {}, {} operations, {:.1f} MB\n", command.path, summary.opset,
             summary.nodes, static_cast<double>(summary.bytes) / 1e6);
}

}  // namespace

void add_export(CLI::App& program) {
  auto* command = program.add_subcommand("export", "A model as an ONNX file, for other runtimes");
  auto options = std::make_shared<ExportCommand>();
  add_model_options(*command, options->request);
  add_class_index_option(*command, options->request);
  command->add_option("--out", options->path, "Where the model goes; ends in .onnx")
      ->type_name("FILE.onnx")
      ->required()
      ->check(file_called({".onnx"}));
  command->add_flag("--logits", options->options.logits,
                    "End in logits, without the last softmax or sigmoid");
  command->add_flag_callback(
      "--no-unknown", [options] { options->options.unknown = false; },
      "Leave out the second output, which tells photos that are none of the classes");
  command->add_flag_callback(
      "--no-preprocessing", [options] { options->options.preprocessing = false; },
      "Take the network's own normalised input; else scale, mean and order of the channels are part of the "
      "file");
  command
      ->add_option_function<std::string>(
          "--layout",
          [options](const std::string& text) {
            options->options.layout =
                text == "nhwc" ? ImageLayout::channels_last : ImageLayout::channels_first;
          },
          "Of the picture that goes in: nchw, as other exporters have it, or nhwc, as pixels lie in memory "
          "(nchw)")
      ->type_name("NAME")
      ->check(one_of({"nchw", "nhwc"}));
  command->add_flag("--json", options->json, "What the file says of itself (docs/exporting.md) as JSON");
  command->footer(
      "The file takes RGB values from 0 to 255 of the network's size and gives the probabilities of the "
      "classes.\n"
      "Of a model that tells unknown photos, a second output says how strange a picture is.\n"
      "How a picture is resized, the names of the classes and more stand in its metadata.\n"
      "Examples:\n"
      "  headstart export run/model.safetensors --out flowers.onnx\n"
      "  headstart export mobilenet_v2 --no-top --no-preprocessing --out base.onnx");
  command->callback([options] { run_export(*options); });
}

}  // namespace headstart::app
