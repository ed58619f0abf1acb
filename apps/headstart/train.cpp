// `headstart train`: photos and a pre-trained base in, a classifier and its history out.
#include "headstart/train.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "commands.h"
#include "headstart/dataset.h"
#include "headstart/error.h"
#include "headstart/head.h"
#include "headstart/open_model.h"
#include "headstart/plan.h"
#include "headstart/plot.h"
#include "headstart/rate_finder.h"
#include "headstart/split.h"
#include "headstart/text.h"
#include "model_options.h"
#include "output.h"
#include "predict_options.h"
#include "run_config.h"
#include "run_outputs.h"
#include "train_console.h"
#include "train_options.h"

namespace headstart::app {
namespace {

// The base with its head, trainable where --freeze says so.
Model make_model(const TrainCommand& command, const Dataset& data, Progress& progress) {
  const std::vector<std::string>& classes = data.class_names;
  if (command.head == "keep") {
    return open_to_go_on(command.base, command.freeze, classes, progress);
  }
  if (command.train.head.epochs == 0 && !command.train.fine_tune_from.empty()) {
    progress.message("fine-tuning begins with a new head, which knows nothing: --epochs trains it first");
  }
  const HeadOptions head{
      .head = command.head, .classes = static_cast<int>(classes.size()), .multi_label = is_multi_label(data)};
  if (command.base.model == "none") {
    return with_head(input_only(command.base.architecture), head, command.train.seed);
  }
  ModelRequest base = command.base;
  const bool of_the_zoo = is_zoo_name(base.model);
  base.architecture.include_top = base.architecture.include_top && !of_the_zoo;
  base.seed = command.train.seed;
  Model pretrained = open_model(base, progress);
  if (!of_the_zoo) {
    pretrained = without_head(pretrained);
  }
  if (base.weights == "none" && command.freeze == "all" && command.train.fine_tune_from.empty()) {
    progress.message("the base has random weights and is frozen: --freeze none trains it too");
  }
  Model model = with_head(pretrained, head, command.train.seed);
  freeze_base(model.graph, pretrained.graph.name(), command.freeze);
  return model;
}

void print_result(const TrainCommand& command, const TrainResult& result) {
  if (result.best_epoch == 0) {
    fmt::print(stderr, "no epoch was finished\n");
    return;
  }
  const EpochRecord& best = result.history.at(static_cast<std::size_t>(result.best_epoch - 1));
  const std::string model = file_of_run(command.train, "model.safetensors");
  if (command.json) {
    print_json({{"model", model},
                {"epochs", result.history.size()},
                {"best_epoch", best.epoch},
                {"val_accuracy", best.val_accuracy},
                {"val_loss", best.val_loss},
                {"interrupted", result.interrupted}});
    return;
  }
  fmt::print("best epoch {} of {}: val_accuracy {:.4f}, val_loss {:.4f}\n", best.epoch, result.history.size(),
             best.val_accuracy, best.val_loss);
  fmt::print("model: {}\n", model);
}

// --find-lr: the curve of the range test, and the rate that it suggests.
void run_rate_finder(const TrainCommand& command, const Model& model, const DatasetSplits& data,
                     TrainObserver& observer, Outcome& outcome) {
  const RateCurve curve = find_learning_rate(model, data, command.train, observer);
  if (curve.interrupted) {
    outcome.exit_status = 1;
    return;
  }
  const std::string path = file_of_run(command.train, "learning_rates.csv");
  write_rate_curve(curve, path);
  const std::string plot = file_of_run(command.train, "learning_rates.png");
  plot_rates(curve, plot);
  if (command.json) {
    print_json({{"suggestion", curve.suggestion == 0.0 ? Json() : Json(curve.suggestion)},
                {"curve", path},
                {"plot", plot}});
    return;
  }
  fmt::print("{}\ncurve: {}\nplot: {}\n",
             curve.suggestion == 0.0
                 ? "learning rate: the loss does not fall clearly at any; look at the plot, or leave out --lr"
                 : fmt::format("learning rate: the loss falls fastest at {:.2g}; try --lr {:.1g}",
                               curve.suggestion, curve.suggestion),
             path, plot);
}

void print_plan(const std::vector<PlanRow>& plan, bool json) {
  if (json) {
    Json rows = Json::array();
    for (const PlanRow& row : plan) {
      rows.push_back({{"fine_tune_from", row.fine_tune_from},
                      {"cached", row.cached},
                      {"seconds_features", row.seconds_features},
                      {"seconds_per_epoch", row.seconds_per_epoch},
                      {"seconds_total", row.seconds_total},
                      {"memory_bytes", row.memory_bytes},
                      {"disk_bytes", row.disk_bytes}});
    }
    print_json({{"plan", std::move(rows)}});
    return;
  }
  const auto size = [](std::int64_t bytes) { return bytes == 0 ? std::string("-") : bytes_text(bytes); };
  std::vector<std::vector<std::string>> cells;
  cells.reserve(plan.size());
  for (const PlanRow& row : plan) {
    cells.push_back({row.fine_tune_from.empty() ? "head only" : "head, then from " + row.fine_tune_from,
                     row.cached ? "cached" : "each time", duration_text(row.seconds_features),
                     duration_text(row.seconds_per_epoch), duration_text(row.seconds_total),
                     size(row.memory_bytes), size(row.disk_bytes)});
  }
  print_table({{"trained", Align::left},
               {"features", Align::left},
               {"before"},
               {"an epoch"},
               {"in all"},
               {"memory"},
               {"disk"}},
              cells);
}

// What the budget came to goes into config.json in its place: measured again it would come to something else.
TrainOptions with_budget_spent(TrainOptions options) {
  auto& command = options.command;
  command.erase("budget");
  command["epochs"] = std::to_string(options.head.epochs);
  if (options.fine_tune_from.empty()) {
    std::erase_if(command, [](const auto& option) { return option.first.starts_with("fine-tune"); });
  } else {
    command["fine-tune-from"] = options.fine_tune_from;
  }
  if (options.cache == CacheMode::off) {
    command["cache"] = "off";
  }
  return options;
}

// The command's options, or those that keep to its budget; a run that goes on keeps what it began with.
TrainOptions within_budget(const TrainCommand& command, const Model& model, const DatasetSplits& data,
                           TrainObserver& observer) {
  if (command.budget == 0.0) {
    return command.train;
  }
  const auto begun = command.train.resume ? read_run_config(command.train.out_directory) : std::nullopt;
  if (begun) {
    TrainOptions options = command.train;
    options.head.epochs = begun->train.head.epochs;
    options.fine_tune_from = begun->train.fine_tune_from;
    options.cache = begun->train.cache;
    return with_budget_spent(std::move(options));
  }
  const auto plan = plan_costs(model, data, command.train);
  const auto chosen = fit_budget(plan, command.train, command.budget);
  if (!chosen) {
    throw Error(
        fmt::format("[train] expected a budget of at least {} for the features and one epoch of the head; "
                    "received {}; use a smaller network or --input-size",
                    duration_text(plan.front().seconds_features + plan.front().seconds_per_epoch),
                    duration_text(command.budget)));
  }
  observer.message(fmt::format(
      "budget {}: {}, {} epochs of the head", duration_text(command.budget),
      chosen->fine_tune_from.empty() ? std::string("head only") : "head, then from " + chosen->fine_tune_from,
      chosen->head.epochs));
  return with_budget_spent(*chosen);
}

// For config.json: what of the network follows from no option is written down as well.
std::map<std::string, std::string> with_network_defaults(std::map<std::string, std::string> given,
                                                         const TrainCommand& command) {
  given.try_emplace("head", command.head);
  if (command.base.model != "none") {
    given.try_emplace("freeze", command.freeze);
  }
  if (is_zoo_name(command.base.model)) {
    given.try_emplace("weights", "imagenet");
  }
  return given;
}

void run_train(const TrainCommand& command, Outcome& outcome) {
  const DatasetSplits data = read_dataset(command.data, LabelsOfPhoto::any_number);
  TrainConsole console;
  TrainObserver silent;
  TrainObserver& observer = command.quiet ? silent : console;
  require_same_split(command.data, data, command.train.threads, observer.progress());
  Model model = make_model(command, data.train, observer.progress());
  if (command.plan) {
    return print_plan(plan_costs(model, data, command.train), command.json);
  }
  if (command.find_rate) {
    return run_rate_finder(command, model, data, observer, outcome);
  }
  const TrainOptions options = within_budget(command, model, data, observer);
  std::optional<EventObserver> events;
  if (command.tensorboard) {
    events.emplace(observer, options.out_directory);
  }
  const TrainResult result = train(std::move(model), data, options, events ? *events : observer);
  for (const auto& line : result.unreadable) {
    console.message("skipped " + line);
  }
  print_result(command, result);
  if (!command.no_report) {
    write_run_report(command.train, command.data, result, observer);
  }
  if (result.interrupted) {
    console.message(
        std::filesystem::exists(file_of_run(command.train, "checkpoint/state.safetensors"))
            ? "interrupted; the same command with --resume goes on"
            : "interrupted before the first checkpoint: the same command begins with the first epoch again");
    outcome.exit_status = 1;
  }
}

}  // namespace

void add_train(CLI::App& program, Outcome& outcome) {
  auto* command = program.add_subcommand("train", "Train a classifier of photos on a pre-trained base");
  auto options = std::make_shared<TrainCommand>();
  auto config = std::make_shared<std::string>();
  add_train_options(*command, *options);
  command
      ->add_option("--config", *config,
                   "config.json of a run, which is repeated; options given here come before it")
      ->type_name("FILE");
  command->add_flag("--tensorboard", options->tensorboard, "Write TensorBoard's event files into --out");
  command->add_flag("--no-report", options->no_report, "Do not write report.html and model_card.md");
  command->footer(
      "Examples:\n"
      "  headstart train photos/ --base mobilenet_v2 --out run/\n"
      "  headstart train cats_and_dogs/ --base vgg16 --input-size 150 --out run/ \\\n"
      "      --head flatten,dense:256:relu,dropout:0.5,dense --optimizer rmsprop --lr 2e-5 --batch-size 20\n"
      "  headstart train cats_and_dogs/ --base vgg16 --input-size 150 --epochs 5 --out run/ \\\n"
      "      --fine-tune-from block5_conv1 --fine-tune-epochs 10 --fine-tune-lr 1e-5");
  command->callback([command, options, config, &outcome] {
    if (!config->empty()) {
      apply_config(*command, *config);
    }
    require_options(*command, options->plan ? std::vector<std::string>{"DATA", "--base"}
                                            : std::vector<std::string>{"DATA", "--base", "--out"});
    options->train.command = with_network_defaults(given_options(*command), *options);
    refuse_idle_options(*command, *options);
    finish_train_options(*options);
    run_train(*options, outcome);
  });
}

}  // namespace headstart::app
