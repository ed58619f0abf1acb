// `headstart split`: train, validation and test folders out of one folder of photos.
#include "headstart/split.h"

#include <cmath>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/check.h"
#include "headstart/progress.h"
#include "headstart/text.h"

namespace headstart::app {
namespace {

struct SplitOptions {
  std::string source, output;
  double train = 0.8, validation = 0.2, test = 0.0;
  std::uint64_t seed = 0;
  std::string group_by;
  bool link = false, ignore_duplicates = false;
};

bool are_counts(const SplitOptions& options) {
  return options.train > 1.0 || options.validation > 1.0 || options.test > 1.0;
}

// Of counts what is not given is left out; of shares the first that is not given gets the rest.
void complete(SplitOptions& options, bool has_train, bool has_validation) {
  options.train = has_train ? options.train : 0.0;
  options.validation = has_validation ? options.validation : 0.0;
  if (are_counts(options)) {
    return;
  }
  const double rest = std::max(0.0, 1.0 - options.train - options.validation - options.test);
  (has_train ? has_validation ? options.test : options.validation : options.train) += rest;
}

int count_of(const char* name, double value) {
  if (value != std::floor(value) || value > 1e9) {
    throw CLI::ValidationError(
        name, fmt::format("expected whole numbers of images a class, or shares that add up to 1; "
                          "received {}",
                          value));
  }
  return static_cast<int>(value);
}

// The data with the groups that are to stay together.
Dataset grouped(const SplitOptions& options) {
  Dataset dataset = read_unsplit(options.source);
  const auto progress = make_console_progress();
  if (!options.group_by.empty()) {
    const auto found = group_by_path(dataset, options.group_by);
    progress->message(fmt::format("{} of {} images belong to a group by \"{}\"", found,
                                  dataset.samples.size(), options.group_by));
  }
  if (!options.ignore_duplicates) {
    if (const auto found = group_duplicates(dataset, 0, *progress); found > 0) {
      progress->message(fmt::format("{} images look like another one; those that do stay together", found));
    }
  }
  return dataset;
}

DatasetSplits divide(const SplitOptions& options) {
  if (are_counts(options)) {
    const SplitCounts counts{.train = count_of("--train", options.train),
                             .validation = count_of("--validation", options.validation),
                             .test = count_of("--test", options.test)};
    return split_by_count(grouped(options), counts, options.seed);
  }
  const double sum = options.train + options.validation + options.test;
  if (std::abs(sum - 1.0) > 1e-6) {
    throw CLI::ValidationError("--train", fmt::format("expected shares that add up to 1; received {}", sum));
  }
  const SplitFractions fractions{
      .train = options.train, .validation = options.validation, .test = options.test};
  return split_dataset(grouped(options), fractions, options.seed);
}

void split(const SplitOptions& options) {
  const DatasetSplits splits = divide(options);
  const auto written = write_split_folders(splits, options.output,
                                           options.link ? FileTransfer::hard_link : FileTransfer::copy);
  fmt::print("train {}, validation {}, test {}: {} images of {} classes in {}\n", splits.train.samples.size(),
             splits.validation ? splits.validation->samples.size() : 0,
             splits.test ? splits.test->samples.size() : 0, with_thousands(written),
             splits.train.class_names.size(), options.output);
}

}  // namespace

void add_split(CLI::App& program) {
  auto* command = program.add_subcommand("split", "Make train, validation and test folders");
  auto options = std::make_shared<SplitOptions>();
  command
      ->add_option("SOURCE", options->source,
                   "Folder of class folders, or of photos named after their class (cat.0.jpg)")
      ->required();
  command->add_option("--out", options->output, "New folder")->type_name("DIR")->required();
  auto* train =
      command->add_option("--train", options->train, "Images of each class, or a share of them (0.8)");
  auto* validation =
      command->add_option("--validation", options->validation, "(0.2, or of shares what the others leave)");
  auto* test = command->add_option("--test", options->test, "(0)");
  for (auto* option : {train, validation, test}) {
    option->type_name("N|SHARE")->check(number_from_zero());
  }
  command->add_option("--seed", options->seed, "Of the choice (0)")->type_name("N");
  command
      ->add_option(
          "--group-by", options->group_by,
          "What the first (group) of this expression finds in paths stays in one part; a CSV's column "
          "`group` does by itself")
      ->type_name("REGEX");
  command->add_flag("--ignore-duplicates", options->ignore_duplicates,
                    "Do not look for pictures that are alike, which else stay in one part");
  command->add_flag("--link", options->link, "Hard links in place of copies");
  command->footer(
      "Examples:\n"
      "  headstart split dogs-vs-cats/ --out cats_and_dogs/ --train 1000 --validation 500 --test 500\n"
      "  headstart split photos/ --out split/ --train 0.7 --validation 0.15 --test 0.15\n"
      "  headstart split scans/ --out split/ --group-by '(patient[0-9]+)_'\n"
      "DIR/manifest.csv lists path,split,label,group,sha256. While it is there, train, evaluate and check "
      "tell what\n"
      "changed; a photo that has moved to another part is an error.");
  command->callback([options, train, validation, test] {
    if (train->count() + validation->count() + test->count() > 0) {
      complete(*options, train->count() > 0, validation->count() > 0);
    }
    split(*options);
  });
}

}  // namespace headstart::app
