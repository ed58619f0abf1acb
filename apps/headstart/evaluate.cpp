// `headstart evaluate`: how good a model is on labelled photos.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "divided_data.h"
#include "headstart/evaluate.h"
#include "headstart/progress.h"
#include "headstart/split.h"
#include "model_options.h"
#include "output.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

constexpr std::size_t kLargestMatrix = 12;  // classes; a larger confusion matrix fills more than a screen

struct EvaluateOptions {
  ModelRequest request{};
  PredictOptions predict{};
  std::string data;
  std::string split;
  bool json = false;
};

Json interval_json(const Interval& interval) { return Json::array({interval.low, interval.high}); }

// Of the images' mean: as many as were right.
Interval accuracy_interval(const Evaluation& evaluation) {
  return wilson_interval(std::llround(evaluation.accuracy * static_cast<double>(evaluation.images)),
                         evaluation.images);
}

Json evaluation_json(const DatasetEvaluation& measured) {
  const Evaluation& evaluation = measured.evaluation;
  Json classes = Json::array();
  for (std::size_t c = 0; c < evaluation.classes.size(); ++c) {
    const ClassMetrics& one = evaluation.classes[c];
    classes.push_back(
        {{"name", one.name},
         {"precision", one.precision},
         {"recall", one.recall},
         {"recall_interval", interval_json(wilson_interval(evaluation.confusion[c][c], one.support))},
         {"f1", one.f1},
         {"support", one.support}});
  }
  Json bins = Json::array();
  for (const auto& bin : evaluation.reliability) {
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"images", bin.images},
                    {"confidence", bin.confidence},
                    {"accuracy", bin.accuracy}});
  }
  Json document{{"images", evaluation.images},
                {"loss", evaluation.loss},
                {"accuracy", evaluation.accuracy},
                {"accuracy_interval", interval_json(accuracy_interval(evaluation))},
                {"top5_accuracy", evaluation.top5_accuracy},
                {"top", {{"k", evaluation.top}, {"accuracy", evaluation.top_accuracy}}},
                {"balanced_accuracy", evaluation.balanced_accuracy},
                {"macro_f1", evaluation.macro_f1},
                {"calibration_error", evaluation.calibration_error},
                {"reliability", bins},
                {"classes", classes},
                {"confusion", evaluation.confusion}};
  if (measured.known) {
    document["unknown"] = unknown_share(measured.known->accepted, measured.known->images);
    for (std::size_t c = 0; c < evaluation.classes.size(); ++c) {
      const KnownShare& one = measured.known->classes[c];
      document["classes"][c]["unknown"] = unknown_share(one.accepted, one.images);
    }
  }
  return document;
}

void print_classes(const DatasetEvaluation& measured) {
  const Evaluation& evaluation = measured.evaluation;
  std::vector<Column> columns{{"class", Align::left},   {"precision", Align::right},
                              {"recall", Align::right}, {"95 % interval", Align::right},
                              {"f1", Align::right},     {"images", Align::right}};
  if (measured.known) {
    columns.push_back({"unknown", Align::right});
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t c = 0; c < evaluation.classes.size(); ++c) {
    const ClassMetrics& one = evaluation.classes[c];
    const Interval recall = wilson_interval(evaluation.confusion[c][c], one.support);
    rows.push_back({one.name, fmt::format("{:.4f}", one.precision), fmt::format("{:.4f}", one.recall),
                    fmt::format("{:.4f}-{:.4f}", recall.low, recall.high), fmt::format("{:.4f}", one.f1),
                    fmt::format("{}", one.support)});
    if (measured.known) {
      const KnownShare& known = measured.known->classes[c];
      rows.back().push_back(fmt::format("{:.4f}", unknown_share(known.accepted, known.images)));
    }
  }
  print_table(columns, rows);
}

void print_confusion(const Evaluation& evaluation) {
  std::vector<Column> columns{{"label \\ predicted", Align::left}};
  std::vector<std::vector<std::string>> rows;
  for (std::size_t label = 0; label < evaluation.classes.size(); ++label) {
    columns.push_back({evaluation.classes[label].name, Align::right});
    rows.push_back({evaluation.classes[label].name});
    for (const auto count : evaluation.confusion[label]) {
      rows.back().push_back(fmt::format("{}", count));
    }
  }
  print_table(columns, rows);
}

// What is taken for what most often, where the matrix is too large to print.
void print_confused_pairs(const Evaluation& evaluation) {
  const auto pairs = most_confused(evaluation, kLargestMatrix);
  std::vector<std::vector<std::string>> rows;
  rows.reserve(pairs.size());
  for (const auto& pair : pairs) {
    rows.push_back({evaluation.classes[pair.label].name, evaluation.classes[pair.predicted].name,
                    fmt::format("{}", pair.count)});
  }
  print_table({{"label", Align::left}, {"taken for", Align::left}, {"images", Align::right}}, rows);
}

void print_evaluation(const DatasetEvaluation& measured) {
  const Evaluation& evaluation = measured.evaluation;
  fmt::print("images             {}\n", evaluation.images);
  fmt::print("loss               {:.4f}\n", evaluation.loss);
  const Interval accuracy = accuracy_interval(evaluation);
  fmt::print("accuracy           {:.4f}  (95 % interval {:.4f} to {:.4f})\n", evaluation.accuracy,
             accuracy.low, accuracy.high);
  if (evaluation.classes.size() > static_cast<std::size_t>(evaluation.top)) {
    fmt::print("{:<18} {:.4f}\n", fmt::format("top-{} accuracy", evaluation.top), evaluation.top_accuracy);
  }
  fmt::print("balanced accuracy  {:.4f}\n", evaluation.balanced_accuracy);
  fmt::print("macro F1           {:.4f}\n", evaluation.macro_f1);
  fmt::print("calibration error  {:.4f}\n", evaluation.calibration_error);
  if (measured.known) {
    fmt::print("called unknown     {:.4f}\n",
               unknown_share(measured.known->accepted, measured.known->images));
  }
  fmt::print("\n");
  print_classes(measured);
  fmt::print("\n");
  evaluation.classes.size() <= kLargestMatrix ? print_confusion(evaluation)
                                              : print_confused_pairs(evaluation);
}

Json multi_label_json(const MultiLabelEvaluation& evaluation) {
  Json classes = Json::array();
  for (const LabelMetrics& one : evaluation.classes) {
    classes.push_back({{"name", one.name},
                       {"average_precision", one.average_precision},
                       {"precision", one.precision},
                       {"recall", one.recall},
                       {"recall_interval", interval_json(wilson_interval(one.right, one.support))},
                       {"f1", one.f1},
                       {"support", one.support}});
  }
  return {{"images", evaluation.images},
          {"loss", evaluation.loss},
          {"accuracy", evaluation.accuracy},
          {"exact_accuracy", evaluation.exact_accuracy},
          {"mean_average_precision", evaluation.mean_average_precision},
          {"macro_f1", evaluation.macro_f1},
          {"micro_f1", evaluation.micro_f1},
          {"classes", classes}};
}

void print_multi_label(const MultiLabelEvaluation& evaluation) {
  fmt::print("images                  {}\n", evaluation.images);
  fmt::print("loss                    {:.4f}\n", evaluation.loss);
  fmt::print("mean average precision  {:.4f}\n", evaluation.mean_average_precision);
  fmt::print("macro F1                {:.4f}\n", evaluation.macro_f1);
  fmt::print("micro F1                {:.4f}\n", evaluation.micro_f1);
  fmt::print("accuracy                {:.4f}  of all classes of all images\n", evaluation.accuracy);
  fmt::print("exactly right           {:.4f}  of the images\n\n", evaluation.exact_accuracy);
  std::vector<std::vector<std::string>> rows;
  rows.reserve(evaluation.classes.size());
  for (const LabelMetrics& one : evaluation.classes) {
    const Interval recall = wilson_interval(one.right, one.support);
    rows.push_back({one.name, fmt::format("{:.4f}", one.average_precision),
                    fmt::format("{:.4f}", one.precision), fmt::format("{:.4f}", one.recall),
                    fmt::format("{:.4f}-{:.4f}", recall.low, recall.high), fmt::format("{:.4f}", one.f1),
                    fmt::format("{}", one.support)});
  }
  print_table({{"class", Align::left},
               {"average precision", Align::right},
               {"precision", Align::right},
               {"recall", Align::right},
               {"95 % interval", Align::right},
               {"f1", Align::right},
               {"images", Align::right}},
              rows);
}

void run_evaluate(const EvaluateOptions& options) {
  const auto progress = make_console_progress();
  const DatasetSplits splits =
      read_divided(options.data, options.request.model, options.split, *progress, LabelsOfPhoto::any_number);
  require_same_split(options.data, splits, options.predict.threads, *progress);
  const Dataset dataset = choose_split(splits, options.split);
  const Model model = open_model(options.request, *progress);
  const auto tell_unreadable = [&](const std::vector<std::string>& lines) {
    for (const auto& line : lines) {
      progress->message("skipped " + line);
    }
    if (!lines.empty()) {
      progress->message(fmt::format("{} of {} images could not be read and are left out", lines.size(),
                                    dataset.samples.size()));
    }
  };
  if (is_multi_label(dataset)) {
    const auto result = evaluate_multi_label(model, dataset, options.predict, *progress);
    tell_unreadable(result.unreadable);
    options.json ? print_json(multi_label_json(result.evaluation)) : print_multi_label(result.evaluation);
    return;
  }
  const auto result = evaluate(model, dataset, options.predict, *progress);
  tell_unreadable(result.unreadable);
  options.json ? print_json(evaluation_json(result)) : print_evaluation(result);
}

}  // namespace

void add_evaluate(CLI::App& program) {
  auto* command = program.add_subcommand("evaluate", "How good a model is on labelled photos");
  auto options = std::make_shared<EvaluateOptions>();
  add_model_options(*command, options->request);
  command
      ->add_option(
          "DATA", options->data,
          "Folder of class folders (also within train/, validation/, test/), or a CSV path,label[,split] "
          "(multi-label: path,labels with a | between the classes)")
      ->required();
  command
      ->add_option("--split", options->split,
                   "train, validation, test or all (test, else validation, else what there is)")
      ->type_name("NAME")
      ->check(one_of({"train", "validation", "test", "all"}));
  command->add_flag("--strict", options->predict.strict, "An unreadable image is an error");
  command
      ->add_option("--top", options->predict.top, "Also count a label among the K most probable as right (5)")
      ->type_name("K")
      ->check(whole_number(1, 1'000'000));
  add_test_time_augmentation_option(*command, options->predict);
  add_no_unknown_option(*command, options->predict.accept_all);
  add_class_index_option(*command, options->request);
  add_predict_options(*command, options->predict);
  command->add_flag("--json", options->json, "One JSON document");
  command->footer(
      "Examples:\n"
      "  headstart evaluate run/model.safetensors photos/ --split test\n"
      "  headstart evaluate run/model.safetensors photos/ --top 3 --tta --json");
  command->callback([options] { run_evaluate(*options); });
}

}  // namespace headstart::app
