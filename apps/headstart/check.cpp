// `headstart check`: the data doctor.
#include "headstart/check.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/text.h"
#include "output.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

constexpr std::size_t kShown = 10;  // of a kind; --json has all

struct CheckCommand {
  CheckOptions check{};
  std::string data, quarantine;
  bool json = false;
};

Json check_json(const DatasetCheck& check) {
  Json classes = Json::array(), problems = Json::array(), duplicates = Json::array();
  for (const auto& one : check.classes) {
    classes.push_back(
        {{"name", one.name}, {"train", one.train}, {"validation", one.validation}, {"test", one.test}});
  }
  for (const auto& finding : check.findings) {
    problems.push_back({{"problem", to_string(finding.problem)},
                        {"image", check.images[finding.image].path},
                        {"detail", finding.detail}});
  }
  for (const auto& group : check.duplicates) {
    Json images = Json::array();
    for (const auto image : group.images) {
      const auto& one = check.images[image];
      images.push_back({{"path", one.path}, {"label", one.label}, {"split", one.split}});
    }
    duplicates.push_back({{"exact", group.exact},
                          {"across_classes", group.across_classes},
                          {"across_splits", group.across_splits},
                          {"images", images}});
  }
  Json changes = Json::array();
  for (const auto& change : check.since_split) {
    changes.push_back(
        {{"change", to_string(change.kind)}, {"path", change.path}, {"was", change.was}, {"is", change.is}});
  }
  return {{"images", check.images.size()},
          {"clean", !spoils_measurement(check)},
          {"classes", classes},
          {"imbalance", check.imbalance},
          {"problems", problems},
          {"duplicates", duplicates},
          {"since_split", changes},
          {"unused_folders", check.unused_folders},
          {"skipped", check.skipped}};
}

void print_classes(const DatasetCheck& check) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : check.classes) {
    rows.push_back(
        {one.name, with_thousands(one.train), with_thousands(one.validation), with_thousands(one.test)});
  }
  print_table(
      {{"class", Align::left}, {"train", Align::right}, {"validation", Align::right}, {"test", Align::right}},
      rows);
  fmt::print("the largest class has {:.1f} times the training images of the smallest{}\n", check.imbalance,
             check.imbalance >= 2.0 ? "; train --logit-adjustment 1 makes up for that" : "");
}

void print_list(const std::string& title, const std::vector<std::string>& lines) {
  if (lines.empty()) {
    return;
  }
  fmt::print("\n{}: {}\n", title, lines.size());
  for (std::size_t i = 0; i < std::min(lines.size(), kShown); ++i) {
    fmt::print("  {}\n", lines[i]);
  }
  if (lines.size() > kShown) {
    fmt::print("  and {} more; --json lists them\n", lines.size() - kShown);
  }
}

void print_findings(const DatasetCheck& check) {
  std::map<ImageProblem, std::vector<std::string>> by_problem;
  for (const auto& finding : check.findings) {
    by_problem[finding.problem].push_back(
        fmt::format("{} ({})", check.images[finding.image].path, finding.detail));
  }
  for (const auto& [problem, lines] : by_problem) {
    print_list(to_string(problem), lines);
  }
}

void print_duplicates(const DatasetCheck& check) {
  std::vector<std::string> leaks, contradictions, others;
  for (const auto& group : check.duplicates) {
    std::string line = group.exact ? "equal files:" : "look alike:";
    for (const auto image : group.images) {
      line += " " + check.images[image].path;
    }
    (group.across_splits    ? leaks
     : group.across_classes ? contradictions
                            : others)
        .push_back(line + (group.across_splits && group.across_classes ? " (of several classes too)" : ""));
  }
  print_list("the same picture in two splits (a leak)", leaks);
  print_list("the same picture in two classes (labels that contradict)", contradictions);
  print_list("the same picture twice in a class", others);
}

void print_changes(const DatasetCheck& check) {
  std::map<SplitChange::Kind, std::vector<std::string>> by_kind;
  for (const auto& change : check.since_split) {
    by_kind[change.kind].push_back(
        change.was.empty() ? change.path
                           : fmt::format("{} (was {}, is {})", change.path, change.was, change.is));
  }
  for (const auto& [kind, lines] : by_kind) {
    print_list(fmt::format("since the split was made, {}{}", to_string(kind),
                           kind == SplitChange::Kind::moved ? " to another part (a leak)" : ""),
               lines);
  }
}

void print_check(const DatasetCheck& check) {
  fmt::print("{} images, {} classes\n", with_thousands(static_cast<long long>(check.images.size())),
             check.classes.size());
  if (!check.classes.empty()) {
    print_classes(check);
  }
  print_findings(check);
  print_duplicates(check);
  print_changes(check);
  print_list("folders that are not used (without a picture, or beside train/)", check.unused_folders);
  print_list("not taken for pictures", check.skipped);
  fmt::print("\n{}\n", spoils_measurement(check)
                           ? "A measurement on this data would be wrong: see unreadable files, leaks and "
                             "contradicting labels above."
                           : "Nothing that would spoil a measurement.");
}

void run_check(const CheckCommand& command, Outcome& outcome) {
  const auto progress = make_console_progress();
  const DatasetCheck check = check_dataset(command.data, command.check, *progress);
  if (!command.quarantine.empty()) {
    const auto list = quarantine(check);
    write_quarantine(list, command.quarantine);
    progress->message(
        fmt::format("{}: {} files that are better left out; nothing was moved yet: headstart relabel {} {}",
                    command.quarantine, list.size(), command.data, command.quarantine));
  }
  command.json ? print_json(check_json(check)) : print_check(check);
  outcome.exit_status = spoils_measurement(check) ? 1 : 0;
}

}  // namespace

void add_check(CLI::App& program, Outcome& outcome) {
  auto* command = program.add_subcommand("check", "Find what is wrong with a folder of photos");
  auto options = std::make_shared<CheckCommand>();
  command
      ->add_option("DATA", options->data,
                   "Folder of class folders (also within train/, validation/, test/), a CSV, or photos")
      ->required();
  command
      ->add_option("--quarantine", options->quarantine,
                   "Write a CSV of path,reason of what is better left out, for `headstart relabel DATA FILE`")
      ->type_name("FILE");
  command
      ->add_option("--tiny", options->check.tiny_side,
                   fmt::format("A shorter side below this is tiny ({})", options->check.tiny_side))
      ->type_name("PIXELS")
      ->check(whole_number(0, 65536));
  command
      ->add_option(
          "--aspect", options->check.extreme_ratio,
          fmt::format("Sides further apart than this are extreme ({})", options->check.extreme_ratio))
      ->type_name("RATIO")
      ->check(number_between(1.0, 1e6));
  add_threads_option(*command, options->check.threads);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "Every file is decoded once. Exit status: 1 when a measurement would be wrong (unreadable files, the "
      "same\n"
      "picture in two splits or in two classes, one in another split than manifest.csv says), else 0; other "
      "findings\n"
      "are only told. Photos in the wrong class are found by `headstart labels`.\n"
      "Examples:\n"
      "  headstart check photos/\n"
      "  headstart check photos/ --quarantine bad.csv\n"
      "  headstart relabel photos/ bad.csv   moves them into photos.removed/, with undo");
  command->callback([options, &outcome] { run_check(*options, outcome); });
}

}  // namespace headstart::app
