// `headstart bench`: time and implementation of every step of both programs.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/engine.h"
#include "headstart/progress.h"
#include "headstart/text.h"
#include "model_options.h"
#include "output.h"
#include "parsed_option.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct BenchOptions {
  ModelRequest request{};
  std::string program = "both";
  int batch_size = 20;
  int runs = 10;
  Precision precision = Precision::automatic;
  std::int64_t memory = 0;  // for the activations of the training program; 0: no limit
  bool json = false;
};

// One program, measured.
struct Measured {
  std::string name;
  std::vector<StepReport> steps;
  std::int64_t activation_bytes = 0;
  std::int64_t unlimited_bytes = 0;  // what they would be where nothing runs again
  double recomputed_share = 0.0;     // of a forward pass's work
};

double total(const std::vector<StepReport>& steps) {
  double sum = 0;
  for (const auto& step : steps) {
    sum += step.milliseconds;
  }
  return sum;
}

double images_per_second(const BenchOptions& options, const Measured& measured) {
  return 1000.0 * options.batch_size / std::max(total(measured.steps), 1e-9);
}

// A picture of no photo: enough where only the time counts.
Tensor stripes(const Graph& graph) {
  Shape shape = graph.input_shape();
  shape.insert(shape.begin(), 1);
  Tensor image(shape);
  for (std::int64_t i = 0; i < image.size(); ++i) {
    image[i] = static_cast<float>(i % 255) / 127.5F - 1.0F;
  }
  return image;
}

std::vector<Measured> measure_programs(const BenchOptions& options, Model& model) {
  const Precision precision = resolve(options.precision);
  std::vector<Measured> results;
  if (options.program != "training") {
    if (precision == Precision::int8 && model.ranges.empty()) {
      model.ranges =
          measure_ranges(model.graph, model.parameters, {model.graph.output()}, stripes(model.graph)).ranges;
    }
    FrozenProgram program(model.graph, model.parameters, {model.graph.output()},
                          {.batch = options.batch_size, .precision = precision, .ranges = &model.ranges});
    results.push_back(
        {"frozen", program.report(options.runs), program.activation_bytes(), program.activation_bytes()});
  }
  if (options.program != "frozen") {
    TrainingProgram program(
        model.graph, model.parameters,
        {.batch = options.batch_size, .precision = precision, .activation_limit = options.memory});
    results.push_back({"training", program.report(options.runs), program.activation_bytes(),
                       program.unlimited_activation_bytes(), program.recomputed_share()});
  }
  return results;
}

void print_measured(const BenchOptions& options, const Measured& measured) {
  std::vector<std::vector<std::string>> rows;
  const double sum = std::max(total(measured.steps), 1e-9);
  for (const auto& step : measured.steps) {
    rows.push_back({step.node, step.kind, step.implementation, fmt::format("{:.3f}", step.milliseconds),
                    fmt::format("{:.1f} %", 100.0 * step.milliseconds / sum)});
  }
  fmt::print("{} program, batch {}, {}: {:.2f} ms, {:.0f} images/s, {:.1f} MB of activations{}\n",
             measured.name, options.batch_size, to_string(resolve(options.precision)), sum,
             images_per_second(options, measured), static_cast<double>(measured.activation_bytes) / 1e6,
             measured.activation_bytes == measured.unlimited_bytes
                 ? ""
                 : fmt::format(", not {:.1f}, as {:.0f} % of the forward pass runs again",
                               static_cast<double>(measured.unlimited_bytes) / 1e6,
                               100.0 * measured.recomputed_share));
  print_table({{"layer", Align::left},
               {"step", Align::left},
               {"implementation", Align::left},
               {"ms", Align::right},
               {"share", Align::right}},
              rows);
}

Json measured_json(const BenchOptions& options, const Measured& measured) {
  Json steps = Json::array();
  for (const auto& step : measured.steps) {
    steps.push_back({{"layer", step.node},
                     {"kind", step.kind},
                     {"implementation", step.implementation},
                     {"milliseconds", step.milliseconds}});
  }
  return {{"program", measured.name},
          {"milliseconds", total(measured.steps)},
          {"images_per_second", images_per_second(options, measured)},
          {"activation_bytes", measured.activation_bytes},
          {"unlimited_activation_bytes", measured.unlimited_bytes},
          {"recomputed_share", measured.recomputed_share},
          {"steps", steps}};
}

void bench(BenchOptions options) {
  if (options.request.weights.empty() && is_zoo_name(options.request.model)) {
    options.request.weights = "none";  // the values do not change the time
  }
  const auto progress = make_console_progress();
  Model model = open_model(options.request, *progress);
  const auto results = measure_programs(options, model);
  if (!options.json) {
    for (const auto& measured : results) {
      fmt::print("{}", &measured == &results.front() ? "" : "\n");
      print_measured(options, measured);
    }
    return;
  }
  Json programs = Json::array();
  for (const auto& measured : results) {
    programs.push_back(measured_json(options, measured));
  }
  print_json({{"model", options.request.model},
              {"batch_size", options.batch_size},
              {"precision", to_string(resolve(options.precision))},
              {"programs", programs}});
}

}  // namespace

void add_bench(CLI::App& program) {
  auto* command = program.add_subcommand(
      "bench", "Time and implementation of every step of the frozen and the training program");
  auto options = std::make_shared<BenchOptions>();
  add_model_options(*command, options->request);
  command->add_option("--program", options->program, "frozen, training or both (both)")
      ->type_name("NAME")
      ->check(one_of({"frozen", "training", "both"}));
  command->add_option("--batch-size", options->batch_size, "Images at once (20)")
      ->type_name("N")
      ->check(whole_number(1, 65536));
  command->add_option("--runs", options->runs, "Measured runs, of which the median counts (10)")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
  add_precision_option(*command, options->precision);
  add_parsed_option(*command, "--memory",
                    "For the activations of the training program: 4GB, 512MB (no limit)",
                    [options](const std::string& text) { options->memory = bytes_from(text); })
      ->type_name("SIZE");
  add_threads_option(*command);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer("Example:\n  headstart bench vgg16 --no-top --input-size 150 --batch-size 20");
  command->callback([options] { bench(*options); });
}

}  // namespace headstart::app
