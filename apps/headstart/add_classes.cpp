// `headstart add-classes`: a finished classifier and photos of something new in, one that knows both out.
#include "headstart/add_classes.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "model_options.h"
#include "output.h"
#include "predict_options.h"
#include "run_config.h"
#include "run_outputs.h"
#include "train_console.h"

namespace headstart::app {
namespace {

struct AddClassesCommand {
  std::string model, data;
  AddClassesOptions options{};
  bool quiet = false, json = false, no_report = false;
};

Json answers_json(const RightAnswers& answers) {
  return {{"images", answers.images}, {"before", answers.before}, {"after", answers.after}};
}

void print_added(const AddClassesCommand& command, const AddedClasses& added) {
  const std::string model = file_of_run(command.options.train, "model.safetensors");
  if (command.json) {
    print_json({{"model", model},
                {"classes", added.result.model.class_names},
                {"added", added.names},
                {"filled", added.filled},
                {"old_classes", answers_json(added.old_classes)},
                {"new_classes", {{"images", added.new_classes.images}, {"after", added.new_classes.after}}}});
    return;
  }
  fmt::print("added: {}\n", fmt::join(added.names, ", "));
  if (added.old_classes.images > 0) {
    fmt::print("old classes: {:.4f} right before, {:.4f} now ({} held-out photos)\n",
               added.old_classes.before, added.old_classes.after, added.old_classes.images);
  } else {
    fmt::print("old classes: no photos, so it is not known how many are taken for new ones now\n");
  }
  fmt::print("new classes: {:.4f} right ({} held-out photos)\n", added.new_classes.after,
             added.new_classes.images);
  fmt::print("model: {}\n", model);
}

void run_add_classes(const AddClassesCommand& command, Outcome& outcome) {
  const Model model = load_model(model_file(command.model));
  const DatasetSplits data = read_new_classes(command.data);
  TrainConsole console;
  TrainObserver silent;
  TrainObserver& observer = command.quiet ? silent : console;
  const AddedClasses added = add_classes(model, data, command.options, observer);
  for (const auto& line : added.result.unreadable) {
    console.message("skipped " + line);
  }
  if (added.result.interrupted || added.result.best_epoch == 0) {
    console.message("interrupted; nothing was written");
    outcome.exit_status = 1;
    return;
  }
  if (!added.filled.empty()) {
    observer.message(fmt::format("few photos or none of {}: where the model knows them to lie was used",
                                 fmt::join(added.filled, ", ")));
  }
  print_added(command, added);
  if (!command.no_report) {
    write_run_report(command.options.train, command.data, added.result, observer);
  }
}

void add_training_options(CLI::App& command, TrainOptions& train) {
  constexpr int kMany = 1'000'000;
  command.add_option("--epochs", train.head.epochs, fmt::format("({})", train.head.epochs))
      ->type_name("N")
      ->check(whole_number(1, kMany));
  command.add_option("--lr", train.head.optimizer.learning_rate, "Learning rate (0.003)")
      ->type_name("RATE")
      ->check(positive_number());
  command.add_option("--batch-size", train.batch_size, fmt::format("({})", train.batch_size))
      ->type_name("N")
      ->check(whole_number(1, kMany));
  command
      .add_option("--validation-fraction", train.validation_fraction,
                  "Of the images, when there is no validation folder (0.2)")
      ->type_name("F")
      ->check(number_between(0.0, 1.0));
  command.add_option("--seed", train.seed, "Of the order and the split (0)")->type_name("N");
  add_precision_option(command, train.precision);
  add_threads_option(command, train.threads);
  command.add_flag("--strict", train.strict, "An unreadable image is an error");
}

}  // namespace

void add_add_classes(CLI::App& program, Outcome& outcome) {
  auto* command = program.add_subcommand("add-classes", "Teach a finished classifier new classes");
  auto options = std::make_shared<AddClassesCommand>();
  auto config = std::make_shared<std::string>();
  command->add_option("MODEL", options->model, "Model file of a run, or its folder");
  command->add_option("DATA", options->data,
                      "As for train: photos of the new classes, and of the old ones what there is");
  command
      ->add_option("--out", options->options.train.out_directory,
                   "Gets model.safetensors, history.csv, config.json, report.html, model_card.md")
      ->type_name("DIR");
  add_training_options(*command, options->options.train);
  command
      ->add_option("--config", *config,
                   "config.json of such a run, which is repeated; options given here come before it")
      ->type_name("FILE");
  command->add_flag("--no-report", options->no_report, "Do not write report.html and model_card.md");
  command->add_flag("--json", options->json, "One JSON document");
  command->add_flag("--quiet", options->quiet, "No progress");
  command->footer(
      "Only the outputs of the new classes are trained: the network and the outputs of the old classes stay\n"
      "as they are, to the bit. Some dozens of photos of each old class keep them apart from the new ones.\n"
      "Example:\n"
      "  headstart add-classes run/model.safetensors more_photos/ --out run2/");
  command->callback([command, options, config, &outcome] {
    if (!config->empty()) {
      apply_config(*command, *config);
    }
    require_options(*command, {"MODEL", "DATA", "--out"});
    options->options.train.command = given_options(*command);
    run_add_classes(*options, outcome);
  });
}

}  // namespace headstart::app
