// `headstart relabel`: a list of decisions applied to a data set, or undone.
#include "headstart/relabel.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include "commands.h"
#include "headstart/error.h"

namespace headstart::app {
namespace {

struct RelabelCommand {
  std::string data, list, undo;
  bool dry_run = false;
};

void print_plan(const RelabelPlan& plan) {
  for (const auto& change : plan.changes) {
    const std::string place = change.target.empty() ? "" : fmt::format(" ({})", change.target);
    if (change.label.empty()) {
      fmt::print("remove   {}\n", change.path);
    } else {
      fmt::print("relabel  {}: {} -> {}{}\n", change.path, change.given, change.label, place);
    }
  }
  fmt::print("{} changes; nothing was done\n", plan.changes.size());
}

void run_undo(const RelabelCommand& command, Outcome& outcome) {
  const Undone undone = undo_relabel(command.data, command.undo);
  for (const auto& line : undone.lost) {
    fmt::print(stderr, "not put back: {}\n", line);
    outcome.exit_status = 1;
  }
  fmt::print("{} {} put back\n", undone.restored, undone.restored == 1 ? "file" : "files");
}

void run_relabel(const RelabelCommand& command, Outcome& outcome) {
  if (command.undo.empty() == command.list.empty()) {
    throw CLI::ValidationError("LIST", "expected either a list or --undo FILE");
  }
  if (!command.undo.empty()) {
    run_undo(command, outcome);
    return;
  }
  const RelabelPlan plan = plan_relabel(command.data, read_label_list(command.list));
  if (command.dry_run) {
    print_plan(plan);
    return;
  }
  const Relabelled result = apply_relabel(plan);
  if (result.undo.empty()) {
    fmt::print("nothing to do: no line of {} asks for a change\n", command.list);
    return;
  }
  fmt::print("{} relabelled, {} removed\nundo: headstart relabel {} --undo {}\n", result.relabelled,
             result.removed, command.data, result.undo);
  if (result.interrupted) {
    fmt::print(stderr, "interrupted after {} of {}\n", result.relabelled + result.removed,
               plan.changes.size());
    outcome.exit_status = 1;
  }
}

}  // namespace

void add_relabel(CLI::App& program, Outcome& outcome) {
  auto* command =
      program.add_subcommand("relabel", "Put photos into other classes, as a list says; with undo");
  auto options = std::make_shared<RelabelCommand>();
  command->add_option("DATA", options->data, "Folder of class folders (also within train/, ...), or a CSV")
      ->required();
  command->add_option(
      "LIST", options->list,
      "CSV path,given,suggested,score,action of `headstart labels`, from --out or from its page; or\n"
      "path,reason of `headstart check --quarantine`, all to be removed");
  command->add_option("--undo", options->undo, "Put back what this file of an earlier relabel names")
      ->type_name("FILE");
  command->add_flag("--dry-run", options->dry_run, "Check and print what would be done, and do nothing");
  command->footer(
      "Lines with the action relabel or remove count: relabel moves the photo into the folder of the class "
      "under\n"
      "`suggested` (edit it freely), remove moves it into DATA.removed/ beside the data. In a CSV the label\n"
      "changes, or the line goes. What `check --quarantine` lists is removed, every line. All is checked "
      "before the first change, and the undo file is written "
      "first.\n"
      "Examples:\n"
      "  headstart relabel photos/ labels.csv --dry-run\n"
      "  headstart relabel photos/ labels.csv\n"
      "  headstart relabel photos/ --undo photos.undo.csv");
  command->callback([options, &outcome] { run_relabel(*options, outcome); });
}

}  // namespace headstart::app
