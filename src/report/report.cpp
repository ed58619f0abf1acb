// What a run's folder holds, measured and put together for its page.
#include "headstart/report.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "data/fewest_classes.h"
#include "headstart/error.h"
#include "headstart/explain_pictures.h"
#include "headstart/image.h"
#include "headstart/losses.h"
#include "headstart/summary.h"
#include "headstart/text.h"
#include "headstart/versions.h"
#include "report/run_report.h"
#include "report/thumbnail.h"
#include "weights/safe_json.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kShown = 12;  // thumbnails of a kind
constexpr DecodeOptions kThumbnail{.minimum_width = 288, .minimum_height = 288};

struct RunConfig {
  std::string subcommand = "train";
  std::map<std::string, std::string> command{};
  TrainOptions train{};

  bool adds_classes() const { return subcommand == "add-classes"; }
};

RunConfig read_config(const std::string& run) {
  constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 24;
  const std::string path = (fs::path(run) / "config.json").string();
  const auto bytes = read_file(path, kMaximumBytes);
  const json document = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "report");
  const json& command = json_member(document, "command", "report");
  RunConfig config{.train = train_options_from_json(json_member(document, "train", "report").dump())};
  for (const auto& [key, value] : command.items()) {
    config.command[key] = json_string(command, key.c_str(), "report");
  }
  if (document.contains("subcommand")) {
    config.subcommand = json_string(document, "subcommand", "report");
  }
  return config;
}

std::string value_of(const std::map<std::string, std::string>& values, const std::string& key,
                     const std::string& otherwise) {
  const auto found = values.find(key);
  return found == values.end() ? otherwise : found->second;
}

std::string shell_quoted(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
    return text;
  }
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return quoted + "'";
}

std::string command_line(const RunConfig& config, const std::string& run) {
  std::string line = "headstart " + config.subcommand;
  if (config.adds_classes()) {
    line += " " + shell_quoted(value_of(config.command, "model", "MODEL"));
  }
  line += " " + shell_quoted(value_of(config.command, "data", "DATA"));
  for (const auto& [key, value] : config.command) {
    if (key != "data" && key != "model") {
      line += value == "true" ? " --" + key : fmt::format(" --{} {}", key, shell_quoted(value));
    }
  }
  return fmt::format("{} --out NEW\n# or\nheadstart {} --config {} --out NEW", line, config.subcommand,
                     shell_quoted((fs::path(run) / "config.json").string()));
}

// The training's data, with the validation part that it held out itself when there was none.
DatasetSplits read_data(const std::string& path, const RunConfig& config) {
  const TrainOptions& options = config.train;
  DatasetSplits splits = config.adds_classes() ? read_dataset_of(path, 1) : read_dataset(path);
  if (!splits.validation) {
    auto test = std::move(splits.test);
    splits = split_dataset(
        splits.train, {.train = 1.0 - options.validation_fraction, .validation = options.validation_fraction},
        options.seed);
    splits.test = std::move(test);
  }
  return splits;
}

Thumbnail thumbnail_of(const std::string& path, std::string caption, std::string detail) {
  return {.uri = thumbnail_uri(read_image(path, kThumbnail)),

          .caption = std::move(caption),
          .detail = std::move(detail),
          .path = path};
}

// A row of the table of probabilities: its label, its most probable class and that one's probability.
struct Answer {
  std::size_t row = 0, label = 0, predicted = 0;
  float probability = 0.0F;
};

std::vector<Answer> answers_of(const DatasetEvaluation& measured) {
  const auto classes = static_cast<std::size_t>(measured.table.probabilities.shape()[1]);
  std::vector<Answer> answers;
  for (std::size_t row = 0; row < measured.labels.size(); ++row) {
    const auto values = measured.table.probabilities.values().subspan(row * classes, classes);
    const auto best = std::max_element(values.begin(), values.end());
    answers.push_back({.row = row,
                       .label = static_cast<std::size_t>(measured.labels[row]),
                       .predicted = static_cast<std::size_t>(best - values.begin()),
                       .probability = *best});
  }
  return answers;
}

void add_examples(const DatasetEvaluation& measured, const Dataset& dataset, RunReport& report) {
  auto answers = answers_of(measured);
  const auto& classes = measured.evaluation.classes;
  const auto add = [&](const Answer& answer, std::vector<Thumbnail>& list) {
    const auto sample = static_cast<std::size_t>(measured.table.samples[answer.row]);
    list.push_back(thumbnail_of(
        dataset.samples[sample].path,
        answer.label == answer.predicted
            ? classes[answer.label].name
            : fmt::format("{}, taken for {}", classes[answer.label].name, classes[answer.predicted].name),
        fmt::format("{:.2f}", answer.probability)));
  };
  std::stable_sort(answers.begin(), answers.end(),
                   [](const Answer& a, const Answer& b) { return a.probability < b.probability; });
  for (std::size_t i = 0; i < std::min(kShown, answers.size()); ++i) {
    add(answers[i], report.uncertain);
  }
  for (std::size_t i = answers.size(); i > 0 && report.mistakes.size() < kShown; --i) {
    if (answers[i - 1].label != answers[i - 1].predicted) {
      add(answers[i - 1], report.mistakes);
    }
  }
}

// Beside each mistake, where the evidence lies for the class that it was taken for. A network without a
// spatial extent has none.
void add_evidence(const Model& model, const PredictOptions& predict, RunReport& report, Progress& progress) {
  std::vector<std::string> paths;
  for (const auto& mistake : report.mistakes) {
    paths.push_back(mistake.path);
  }
  const auto draw = [&](std::size_t picture, const Explanation& explanation) {
    if (explanation.classes.empty()) {
      return;
    }
    const Image photo = read_image(explanation.path, kThumbnail);
    const auto window = fitted_window(photo.width, photo.height, model.preprocessing);
    report.mistakes[picture].evidence =
        thumbnail_uri(overlaid(photo, explanation.classes.front().map, window, {}));
  };
  try {
    explain_files(model, paths, {.precision = predict.precision, .threads = predict.threads}, progress, draw);
  } catch (const Error& error) {
    progress.message(fmt::format("note: the mistakes have no Grad-CAM: {}", error.what()));
  }
}

// A photo from each third of the training part with three views of it.
void add_views(const Dataset& dataset, const TrainOptions& options, const Preprocessing& preprocessing,
               RunReport& report) {
  if (options.augmentation == Augmentation{} || dataset.samples.empty()) {
    return;
  }
  for (const std::size_t part : {1U, 3U, 5U}) {
    const std::size_t index = dataset.samples.size() * part / 6;
    const Sample& sample = dataset.samples[index];
    try {
      const Image photo =
          fit_image(read_image(sample.path, decode_options_for(preprocessing)), preprocessing);
      const auto& name = dataset.class_names.at(static_cast<std::size_t>(sample.label));
      report.views.push_back(
          {.uri = thumbnail_uri(photo), .caption = name, .detail = "as it is", .path = sample.path});
      for (int view = 0; view < 3; ++view) {
        const Image other = augment(photo, options.augmentation, options.seed, static_cast<int>(index), view);
        report.views.push_back({.uri = thumbnail_uri(other),
                                .caption = name,
                                .detail = fmt::format("view {}", view + 1),
                                .path = sample.path});
      }
    } catch (const Error&) {
      continue;  // an unreadable photo was told of by the training
    }
  }
}

std::string base_of(const RunConfig& config, const Model& model) {
  return value_of(config.command, "base", value_of(model.provenance, "architecture", "a network"));
}

void add_run(const RunConfig& config, const Model& model, RunReport& report) {
  const auto& history = report.curves.history;
  const auto& shape = model.graph.input_shape();
  report.facts = {{"data", value_of(config.command, "data", "tensors in memory")},
                  {"classes", fmt::format("{}", fmt::join(model.class_names, ", "))},
                  {"base", base_of(config, model)},
                  {"weights", value_of(model.provenance, "weights", "none")},
                  {"head", value_of(model.provenance, "head", "its own")},
                  {"input", fmt::format("{} pixels, preprocessing \"{}\"", fmt::join(shape, " x "),
                                        model.preprocessing.mode)},
                  {"epochs", fmt::format("{}, the best was {} (val_accuracy {}, val_loss {})", history.size(),
                                         value_of(model.provenance, "best_epoch", "?"),
                                         value_of(model.provenance, "val_accuracy", "?"),
                                         value_of(model.provenance, "val_loss", "?"))},
                  {"augmentation", config.train.augmentation == Augmentation{}
                                       ? "none"
                                       : value_of(config.command, "augment", "single options")},
                  {"seed", std::to_string(config.train.seed)}};
  if (config.adds_classes()) {
    report.facts.insert(
        report.facts.begin() + 2,
        {"classes added", fmt::format("{}, to {}", value_of(model.provenance, "classes_added", "?"),
                                      value_of(config.command, "model", "a model in memory"))});
  }
}

void add_data_facts(const DatasetSplits& splits, RunReport& report) {
  const auto size = [](const std::optional<Dataset>& part) {
    return with_thousands(static_cast<long long>(part ? part->samples.size() : 0));
  };
  report.facts.insert(
      report.facts.begin() + 1,
      {"images", fmt::format("{} for training, {} for validation, {} for testing", size(splits.train),
                             size(splits.validation), size(splits.test))});
}

void add_frozen(const RunConfig& config, const Model& model, const std::vector<FrozenReport>& stages,
                RunReport& report) {
  const Summary summary = summarize(model.graph);
  report.frozen = {{"parameters", with_thousands(summary.parameters)}};
  if (config.adds_classes()) {
    report.frozen.push_back({"trained", "the outputs of the added classes alone"});
    return;
  }
  report.frozen.push_back({"trained in the last stage", with_thousands(summary.trainable_parameters)});
  report.frozen.push_back({"not trained in it", with_thousands(summary.non_trainable_parameters)});
  for (const auto& stage : stages) {
    report.frozen.push_back(
        {stage.stage,
         fmt::format("{} parameters stood still, hash {} ({:.12}...)", with_thousands(stage.parameters),
                     stage.sha256_before == stage.sha256_after ? "unchanged" : "changed",
                     stage.sha256_after)});
  }
}

void add_seconds(const std::optional<SecondsByPhase>& seconds, RunReport& report) {
  const auto text = [](double value) { return fmt::format("{:.1f} s", value); };
  if (seconds) {
    report.seconds = {{"features of the frozen part", text(seconds->features)},
                      {"training steps", text(seconds->training)},
                      {"validation", text(seconds->validation)},
                      {"saving", text(seconds->saving)}};
  }
  double sum = 0;
  for (const auto& record : report.curves.history) {
    sum += record.seconds;
  }
  report.seconds.push_back({"all epochs", text(sum)});
}

DatasetEvaluation measurement_of(const ReportRequest& request, const Model& model,
                                 const DatasetSplits& splits, const Dataset& dataset, Progress& progress) {
  const auto images = static_cast<std::int64_t>(dataset.samples.size());
  const Tensor& logits = request.validation_logits;
  if (splits.test || logits.empty() || logits.shape()[0] != images) {
    return evaluate(model, dataset, request.predict, progress);
  }
  const auto activation = output_activation(model.graph);
  ClassTable table;
  table.probabilities = class_probabilities(model, probabilities(activation, logits));
  table.samples.resize(dataset.samples.size());
  std::iota(table.samples.begin(), table.samples.end(), 0);
  return evaluate_table(model, dataset, std::move(table), request.predict.top);
}

// After `add-classes` there may be no photo of an old class to measure on.
std::string without_photos(const Evaluation& evaluation) {
  std::vector<std::string> names;
  for (const ClassMetrics& one : evaluation.classes) {
    if (one.support == 0) {
      names.push_back(one.name);
    }
  }
  return names.empty() ? ""
                       : fmt::format(". There are no photos of {}, so nothing is known about {} here",
                                     fmt::join(names, ", "), names.size() == 1 ? "it" : "them");
}

void add_measurement(const ReportRequest& request, const RunConfig& config, const Model& model,
                     RunReport& report, Progress& progress) {
  const std::string path = request.data.empty() ? value_of(config.command, "data", "") : request.data;
  if (request.data.empty() && !fs::exists(path)) {
    report.measured_on = fmt::format(
        "Without a measurement: the data of the run ({}) are not there any more; `headstart report RUN DATA` "
        "measures on others.",
        path);
    return;
  }
  const DatasetSplits splits = read_data(path, config);
  const Dataset& dataset = splits.test ? *splits.test : *splits.validation;
  auto measured = measurement_of(request, model, splits, dataset, progress);
  report.measured_on = splits.test
                           ? "the test part"
                           : "the validation part, which also chose the best epoch: a little flattering";
  report.measured_on += without_photos(measured.evaluation);
  add_data_facts(splits, report);
  add_examples(measured, dataset, report);
  add_evidence(model, request.predict, report, progress);
  add_views(splits.train, config.train, model.preprocessing, report);
  report.evaluation = std::move(measured.evaluation);
}

}  // namespace

std::string write_report(const ReportRequest& request, Progress& progress) {
  const RunConfig config = read_config(request.run);
  const Model model = load_model((fs::path(request.run) / "model.safetensors").string());
  RunReport report{.curves = read_run_curves(request.run), .temperature = model.temperature};
  report.title = fmt::format("{}: {}", base_of(config, model), report.curves.name);
  add_run(config, model, report);
  add_measurement(request, config, model, report, progress);
  add_frozen(config, model, request.frozen, report);
  add_seconds(request.seconds, report);
  report.versions = {{"Headstart", request.version}, {"oneDNN", onednn_version()}};
  report.command = command_line(config, request.run);
  std::string page = (fs::path(request.run) / "report.html").string();
  write_file_atomically(page, [&](std::ostream& out) { out << report_html(report); });
  return page;
}

}  // namespace headstart
