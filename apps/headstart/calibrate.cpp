// `headstart calibrate`: probabilities that mean what they say, and which photos are none of the classes.
#include "headstart/calibrate.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "divided_data.h"
#include "headstart/error.h"
#include "headstart/progress.h"
#include "headstart/text.h"
#include "model_options.h"
#include "output.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct CalibrateOptions {
  std::string model, data, split = "validation", outside, output;
  double accepted_share = 0.99;
  PredictOptions predict{};
  bool json = false;
};

struct Calibrated {
  Calibration temperature{};
  std::optional<LimitsReport> limits{};
  std::optional<OutsideReport> outside{};
};

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json side_json(const Evaluation& evaluation) {
  return {{"loss", evaluation.loss}, {"calibration_error", evaluation.calibration_error}};
}

void print_document(const Calibrated& result, const std::string& path) {
  Json document{{"model", path},
                {"images", result.temperature.before.images},
                {"temperature", result.temperature.temperature},
                {"fitted", result.temperature.fitted},
                {"before", side_json(result.temperature.before)},
                {"after", side_json(result.temperature.after)}};
  if (result.limits) {
    Json classes = Json::array();
    for (const auto& one : result.limits->classes) {
      classes.push_back({{"name", one.name}, {"images", one.images}, {"accepted", one.accepted}});
    }
    document["accepted"] = {
        {"images", result.limits->images}, {"accepted", result.limits->accepted}, {"classes", classes}};
  }
  if (result.outside) {
    document["outside"] = {{"images", result.outside->images},
                           {"unknown", result.outside->unknown},
                           {"auroc", result.outside->separation}};
  }
  print_json(document);
}

void print_limits(const LimitsReport& limits) {
  fmt::print("\naccepted           {:.4f} of {} images\n", share(limits.accepted, limits.images),
             limits.images);
  std::vector<std::vector<std::string>> rows;
  rows.reserve(limits.classes.size());
  for (const auto& one : limits.classes) {
    rows.push_back(
        {one.name, fmt::format("{:.4f}", share(one.accepted, one.images)), fmt::format("{}", one.images)});
  }
  print_table({{"class", Align::left}, {"accepted", Align::right}, {"images", Align::right}}, rows);
}

void print_text(const Calibrated& result, const std::string& path) {
  const Calibration& fitted = result.temperature;
  fmt::print("temperature        {:.4f}, {} {} images\n", fitted.temperature,
             fitted.fitted ? "from" : "as it was: none follows from", fitted.before.images);
  fmt::print("loss               {:.4f} -> {:.4f}\n", fitted.before.loss, fitted.after.loss);
  fmt::print("calibration error  {:.4f} -> {:.4f}\n", fitted.before.calibration_error,
             fitted.after.calibration_error);
  if (result.limits) {
    print_limits(*result.limits);
  }
  if (result.outside) {
    fmt::print("\noutside            {} photos that belong to no class\n", result.outside->images);
    fmt::print("called unknown     {:.4f}\n", share(result.outside->unknown, result.outside->images));
    fmt::print("AUROC              {:.4f}\n", result.outside->separation);
  }
  fmt::print("model: {}\n", path);
}

// The temperature, then which photos are unknown, then how well strangers are told.
Calibrated calibrate_all(Model& model, const CalibrateOptions& options, Progress& progress) {
  const DatasetSplits splits =
      read_divided(options.data, options.model, options.split == "validation" ? "" : options.split, progress);
  const Dataset dataset = choose_split(splits, options.split);
  const bool apart = (splits.validation || splits.test) && options.split != "train" && options.split != "all";
  Calibrated result{.temperature = calibrate(model, dataset, options.predict, progress)};
  if (const Calibration& found = result.temperature; !found.fitted) {
    progress.message(fmt::format(
        "note: {:.0f} % of the {} images are answered rightly, from which no temperature follows; it takes "
        "more photos, of which some are answered rightly and some wrongly",
        100.0 * found.before.accuracy, found.before.images));
  }
  if (options.accepted_share == 0.0) {
    model.acceptance.reset();
    return result;
  }
  try {
    result.limits = fit_limits(model, apart ? &splits.train : nullptr, dataset, options.accepted_share,
                               options.predict, progress);
  } catch (const Error& error) {
    if (!options.outside.empty()) {
      throw;
    }
    // The temperature is worth keeping without.
    progress.message("note: nothing new about unknown photos: " + without_tag(error.what()));
    return result;
  }
  if (!options.outside.empty()) {
    result.outside = measure_outside(model, dataset, image_files(options.outside), options.predict, progress);
  }
  return result;
}

void run_calibrate(const CalibrateOptions& options) {
  if (options.accepted_share == 0.0 && !options.outside.empty()) {
    throw CLI::ValidationError("--outside", "expected --accept above 0: without limits no photo is unknown");
  }
  const auto progress = make_console_progress();
  const std::string from = model_file(options.model);
  Model model = load_model(from);
  const Calibrated result = calibrate_all(model, options, *progress);
  const std::string path = options.output.empty() ? from : options.output;
  save_model(model, path);
  options.json ? print_document(result, path) : print_text(result, path);
}

}  // namespace

void add_calibrate(CLI::App& program) {
  auto* command =
      program.add_subcommand("calibrate", "Make probabilities mean what they say; tell unknown photos");
  auto options = std::make_shared<CalibrateOptions>();
  command->add_option("MODEL", options->model, "Model file of a run, or its folder")->required();
  command->add_option("DATA", options->data, "Labelled photos that it was not trained on, as for evaluate")
      ->required();
  command->add_option("--split", options->split, "Which part to fit on (validation)")
      ->type_name("NAME")
      ->check(one_of({"train", "validation", "test", "all"}));
  command
      ->add_option(
          "--accept", options->accepted_share,
          "Share of photos of the classes that predict is to accept; what is further away than those it "
          "calls unknown; 0: nothing is unknown (0.99)")
      ->type_name("SHARE")
      ->check(number_between(0.0, 0.9999));
  command
      ->add_option("--outside", options->outside,
                   "Folder of photos that belong to no class: how many of them are told")
      ->type_name("DIR");
  command->add_option("--out", options->output, "Model file to write (MODEL itself)")->type_name("FILE");
  add_predict_options(*command, options->predict);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "One number, the temperature, is fitted (least cross-entropy) and kept in the model file; predict and\n"
      "evaluate use it. The most probable class of a picture does not change. Then, for every class, how far "
      "a\n"
      "photo may lie from the training photos before predict calls it unknown.\n"
      "Examples:\n"
      "  headstart calibrate run/model.safetensors photos/ --split validation\n"
      "  headstart calibrate run/model.safetensors photos/ --accept 0.95 --outside other_photos/");
  command->callback([options] { run_calibrate(*options); });
}

}  // namespace headstart::app
