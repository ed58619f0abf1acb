// What a run's folder holds, measured and put together for its page.
#include "headstart/report.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/files.h"
#include "data/reading_terms.h"
#include "headstart/error.h"
#include "headstart/explain_pictures.h"
#include "headstart/image.h"
#include "headstart/losses.h"
#include "headstart/text.h"
#include "headstart/versions.h"
#include "report/run_facts.h"
#include "report/run_report.h"
#include "report/thumbnail.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShown = 12;  // thumbnails of a kind
constexpr DecodeOptions kThumbnail{.minimum_width = 288, .minimum_height = 288};

// What is measured: the run's own data as the training divided them, or others.
struct Measured {
  bool own = false;
  DatasetSplits splits{};
  Dataset dataset{};
  std::string part{};      // "validation"
  std::string held_out{};  // where the run's validation photos come from
};

// Before held_out.csv the same split was drawn again.
DatasetSplits divided_by_seed(DatasetSplits data, const TrainOptions& options) {
  DatasetSplits splits = split_dataset(
      data.train, {.train = 1.0 - options.validation_fraction, .validation = options.validation_fraction},
      options.seed);
  splits.test = std::move(data.test);
  return splits;
}

bool same_place(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(a, b, ignored);
}

Measured read_data(const std::string& run, const std::string& path, const RunConfig& config) {
  const TrainOptions& options = config.train;
  Measured measured{.own = same_place(path, value_of(config.train.command, "data", ""))};
  measured.splits = read_dataset(
      path, ReadingTerms{.fewest_classes = config.adds_classes() ? 1 : 2,
                         .labels = config.adds_classes() ? LabelsOfPhoto::one : LabelsOfPhoto::any_number});
  measured.held_out = "photos of their own, apart from the training photos";
  if (!measured.splits.validation) {
    auto divided = as_run_divided(run, measured.splits);
    measured.own = measured.own || divided;
    if (measured.own) {
      measured.splits = divided ? std::move(*divided) : divided_by_seed(std::move(measured.splits), options);
      measured.held_out =
          fmt::format("{:.0f} % of every class, held out", 100.0 * options.validation_fraction);
    }
  }
  measured.part = measured.splits.test ? "test" : measured.splits.validation ? "validation" : "all";
  measured.dataset = choose_split(measured.splits, "");
  return measured;
}

std::string measured_on(const Measured& measured, const std::string& name) {
  if (!measured.own) {
    return measured.part == "all"
               ? fmt::format("the photos of {}, which are others than the run's", name)
               : fmt::format("the {} part of {}, which is other data than the run's", measured.part, name);
  }
  return measured.part == "test"
             ? "the test part"
             : "the validation part, which also chose the best epoch: a little flattering";
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
    explain_files(model, paths,
                  {.precision = predict.precision, .threads = predict.threads, .accept_all = true}, progress,
                  draw);
  } catch (const Error& error) {
    progress.message("note: the mistakes have no Grad-CAM: " + without_tag(error.what()));
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
      const std::string name = label_text(dataset, sample);
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

// What the training found for the validation photos, where those are measured on.
std::optional<ClassTable> known_table(const ReportRequest& request, const Model& model,
                                      const Measured& measured) {
  const Dataset& dataset = measured.dataset;
  const auto images = static_cast<std::int64_t>(dataset.samples.size());
  const Tensor& logits = request.validation_logits;
  const auto strange = static_cast<std::int64_t>(request.validation_strangeness.size());
  if (!measured.own || measured.part == "test" || logits.empty() || logits.shape()[0] != images ||
      (model.acceptance && strange != images)) {
    return std::nullopt;
  }
  ClassTable table;
  table.probabilities = class_probabilities_of_logits(model, logits);
  table.strangeness = request.validation_strangeness;
  table.samples.resize(dataset.samples.size());
  std::iota(table.samples.begin(), table.samples.end(), 0);
  return table;
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
  const std::string path = request.data.empty() ? value_of(config.train.command, "data", "") : request.data;
  if (request.data.empty() && !fs::exists(path)) {
    report.measured_on = fmt::format(
        "Without a measurement: the data of the run ({}) are not there any more; `headstart report RUN DATA` "
        "measures on others.",
        path);
    return;
  }
  const Measured measured = read_data(request.run, path, config);
  Subject& subject = report.subject;
  subject.data_name = last_name(path);
  subject.split = measured.part;
  subject.held_out = measured.held_out;
  subject.same_data = measured.own;
  report.measured_on = measured_on(measured, subject.data_name);
  if (measured.own) {
    add_data_facts(measured.splits, report);
    add_views(measured.splits.train, config.train, model.preprocessing, report);
  }
  auto known = known_table(request, model, measured);
  const Dataset& dataset = measured.dataset;
  if (is_multi_label(dataset)) {
    report.multi_label = (known ? evaluate_multi_label(model, dataset, std::move(*known))
                                : evaluate_multi_label(model, dataset, request.predict, progress))
                             .evaluation;
    return;
  }
  auto result = known ? evaluate_table(model, dataset, std::move(*known), request.predict.top)
                      : evaluate(model, dataset, request.predict, progress);
  report.measured_on += without_photos(result.evaluation);
  add_examples(result, dataset, report);
  add_evidence(model, request.predict, report, progress);
  report.evaluation = std::move(result.evaluation);
  report.known = std::move(result.known);
}

}  // namespace

WrittenReport write_report(const ReportRequest& asked, Progress& progress) {
  ReportRequest request = asked;
  const auto found = read_run_config(request.run);
  if (!found) {
    throw Error(fmt::format(
        "[report] the folder of a run (train --out) was expected; received {}, which has no config.json",
        request.run));
  }
  const RunConfig& config = *found;
  const Model model = load_model((fs::path(request.run) / "model.safetensors").string());
  if (request.predict.precision == Precision::automatic && !model.ranges.empty()) {
    request.predict.precision = config.train.precision;  // int8, in which the best epoch was chosen
  }
  RunReport report{.curves = read_run_curves(request.run), .temperature = model.temperature};
  report.title = fmt::format("{}: {}", base_of(config, model), report.curves.name);
  add_run(config, model, report);
  add_measurement(request, config, model, report, progress);
  add_frozen(config, model, request.frozen, report);
  add_seconds(request.seconds, report);
  report.versions = {{"Headstart", headstart_version()}, {"oneDNN", onednn_version()}};
  report.command = command_line(config, request.run);
  const auto write = [&](const char* name, const std::string& text) {
    std::string path = (fs::path(request.run) / name).string();
    write_file_atomically(path, text);
    return path;
  };
  return {.page = write("report.html", report_html(report)),
          .card = write("model_card.md", model_card(report))};
}

}  // namespace headstart
