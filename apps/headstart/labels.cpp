// `headstart labels`: the labels that are probably wrong.
#include "headstart/labels.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/dataset.h"
#include "headstart/open_model.h"
#include "headstart/relabel.h"
#include "headstart/text.h"
#include "model_options.h"
#include "output.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

constexpr std::size_t kShown = 20;  // on a terminal; --out, --page and --json have all

struct LabelsCommand {
  std::string data, list, page;
  ModelRequest base{.model = "mobilenet_v2"};
  LabelErrorOptions labels{};
  std::size_t most_on_page = 1000;
  bool json = false;
};

Json errors_json(const LabelErrors& errors) {
  Json classes = Json::array(), candidates = Json::array();
  for (std::size_t c = 0; c < errors.class_names.size(); ++c) {
    classes.push_back({{"name", errors.class_names[c]},
                       {"images", errors.support[c]},
                       {"threshold", errors.learning.threshold[c]},
                       {"wrong", errors.learning.wrong_of_class[c]}});
  }
  for (const auto& one : errors.learning.candidates) {
    candidates.push_back({{"path", errors.images[one.sample].path},
                          {"split", errors.images[one.sample].split},
                          {"given", errors.class_names[static_cast<std::size_t>(one.given)]},
                          {"given_probability", one.given_probability},
                          {"suggested", errors.class_names[static_cast<std::size_t>(one.suggested)]},
                          {"suggested_probability", one.suggested_probability},
                          {"score", one.score}});
  }
  return {{"images", errors.images.size()},
          {"accuracy", errors.accuracy},
          {"wrong", errors.learning.wrong},
          {"classes", classes},
          {"confident_joint", errors.learning.counts},
          {"candidates", candidates},
          {"unjudged", errors.unjudged},
          {"unreadable", errors.unreadable}};
}

void print_classes(const LabelErrors& errors) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t c = 0; c < errors.class_names.size(); ++c) {
    const auto& counts = errors.learning.counts[c];
    std::size_t other = c == 0 ? 1 : 0;
    for (std::size_t j = 0; j < counts.size(); ++j) {
      other = j != c && counts[j] > counts[other] ? j : other;
    }
    rows.push_back({errors.class_names[c], with_thousands(errors.support[c]),
                    fmt::format("{:.1f} %", 100.0 * errors.learning.wrong_of_class[c]),
                    counts[other] > 0 ? errors.class_names[other] : "-"});
  }
  print_table({{"class", Align::left},
               {"photos", Align::right},
               {"wrong", Align::right},
               {"most often it is", Align::left}},
              rows);
}

void print_errors(const LabelErrors& errors) {
  const auto& candidates = errors.learning.candidates;
  fmt::print("{} photos, {} classes; heads that have not seen them agree with {:.1f} % of the labels\n",
             with_thousands(static_cast<long long>(errors.images.size())), errors.class_names.size(),
             100.0 * errors.accuracy);
  fmt::print("about {:.1f} % of the labels are estimated to be wrong; {} to look at\n\n",
             100.0 * errors.learning.wrong, with_thousands(static_cast<long long>(candidates.size())));
  print_classes(errors);
  if (candidates.empty()) {
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < std::min(kShown, candidates.size()); ++i) {
    const LabelCandidate& one = candidates[i];
    rows.push_back({errors.images[one.sample].path, errors.class_names[static_cast<std::size_t>(one.given)],
                    fmt::format("{:.3f}", one.given_probability),
                    errors.class_names[static_cast<std::size_t>(one.suggested)],
                    fmt::format("{:.3f}", one.suggested_probability)});
  }
  fmt::print("\n");
  print_table({{"photo", Align::left},
               {"given", Align::left},
               {"", Align::right},
               {"suggested", Align::left},
               {"", Align::right}},
              rows);
  if (candidates.size() > kShown) {
    fmt::print("and {} more; --page, --out and --json have them\n", candidates.size() - kShown);
  }
}

void run_labels(const LabelsCommand& command, Outcome& outcome) {
  const DatasetSplits data = read_dataset(command.data);
  const auto progress = make_console_progress();
  ModelRequest request = command.base;
  request.architecture.include_top = false;
  const LabelErrors errors =
      find_label_errors(open_model(request, *progress), data, command.labels, *progress);
  for (const auto& line : errors.unreadable) {
    progress->message("skipped " + line);
    outcome.exit_status = 1;
  }
  for (const auto& path : errors.unjudged) {
    progress->message(fmt::format("not judged: {}; its class has no picture to compare it with", path));
  }
  command.json ? print_json(errors_json(errors)) : print_errors(errors);
  if (!command.list.empty()) {
    write_label_list(suggestions(errors, command.data), command.list);
    progress->message(
        fmt::format("{}: write relabel, remove or keep under action, then headstart relabel {} {}",
                    command.list, command.data, command.list));
  }
  if (!command.page.empty()) {
    write_label_page(errors, command.data, command.most_on_page, command.page);
    progress->message(fmt::format("{}: decide there and save the list", command.page));
  }
}

void add_base_options(CLI::App& command, LabelsCommand& options) {
  command.add_option("--base", options.base.model, "A network of `headstart models` (mobilenet_v2)")
      ->type_name("NAME");
  add_weights_option(command, options.base);
  add_size_options(command, options.base.architecture);
  add_flavour_option(command, options.base.architecture);
  add_precision_option(command, options.labels.precision);
}

}  // namespace

void add_labels(CLI::App& program, Outcome& outcome) {
  auto* command = program.add_subcommand("labels", "Find photos that are probably in the wrong class");
  auto options = std::make_shared<LabelsCommand>();
  command
      ->add_option("DATA", options->data,
                   "Folder of class folders (also within train/, validation/, test/), or a CSV")
      ->required();
  command
      ->add_option("--page", options->page, "Page with the photos, to decide with clicks and save the list")
      ->type_name("FILE.html");
  command
      ->add_option("--out", options->list, "List path,given,suggested,score,action for `headstart relabel`")
      ->type_name("FILE.csv");
  add_base_options(*command, *options);
  command
      ->add_option("--split", options->labels.split, "train, validation, test or all, judged together (all)")
      ->type_name("NAME")
      ->check(one_of({"train", "validation", "test", "all"}));
  command->add_option("--folds", options->labels.folds, fmt::format("({})", options->labels.folds))
      ->type_name("N")
      ->check(whole_number(2, 100));
  command->add_flag("--group-duplicates", options->labels.group_duplicates,
                    "Pictures that look alike are judged without each other; decodes every file once more");
  command
      ->add_option("--most", options->most_on_page,
                   fmt::format("Photos on the page ({})", options->most_on_page))
      ->type_name("N")
      ->check(whole_number(1, 100'000));
  command->add_option("--seed", options->labels.heads.seed, "Of the folds and heads (0)")->type_name("N");
  add_threads_option(*command, options->labels.heads.threads);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "The frozen base sees every photo once (a later `train` with the same base finds that in the cache); "
      "each\n"
      "photo is then judged by a small head that was trained without it. Nothing is moved or deleted.\n"
      "Examples:\n"
      "  headstart labels photos/ --page labels.html\n"
      "  headstart labels photos/ --base mobilenet_v2 --weights weights.h5 --out labels.csv\n"
      "  headstart relabel photos/ labels.csv");
  command->callback([options, &outcome] { run_labels(*options, outcome); });
}

}  // namespace headstart::app
