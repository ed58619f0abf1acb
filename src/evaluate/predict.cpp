#include "headstart/predict.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "evaluate/class_table.h"
#include "evaluate/views.h"
#include "headstart/calibrate.h"
#include "headstart/error.h"
#include "headstart/extract.h"
#include "headstart/losses.h"
#include "headstart/text.h"

namespace headstart {
namespace {

// Finding out which precision is faster takes longer than so many images take in f32.
constexpr std::int64_t kFewImages = 64;

Shape with_batch(std::int64_t batch, const Shape& shape) {
  Shape result{batch};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

Tensor first_rows(Tensor whole, std::int64_t rows) {
  if (whole.shape()[0] == rows) {
    return whole;
  }
  Shape shape = whole.shape();
  shape[0] = rows;
  const auto count = static_cast<std::size_t>(element_count(shape));
  return Tensor(std::move(shape), std::as_const(whole).values().first(count));
}

// Rows of `outputs` for `views` views of each sample, one after the other; `samples` names the sample of each
// row.
ImageOutputs compute_views(const Model& model, const Dataset& dataset, const std::vector<NodeId>& outputs,
                           bool logits, int views, const PredictOptions& options, Progress& progress) {
  const auto per_image = static_cast<std::size_t>(views);
  std::vector<LoaderItem> items(dataset.samples.size() * per_image);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i] = {.sample = static_cast<int>(i / per_image), .view = static_cast<int>(i % per_image)};
  }
  const auto count = static_cast<std::int64_t>(items.size());
  ImageOutputs result;
  for (const NodeId id : outputs) {
    result.outputs.emplace_back(with_batch(count, model.graph.node(id).shape));
  }
  const bool few = count < kFewImages && options.precision == Precision::automatic;
  ExtractOptions extraction{.outputs = outputs,
                            .preprocessing = model.preprocessing,
                            .precision = few ? Precision::f32 : options.precision,
                            .ranges = &model.ranges,
                            .threads = options.threads,
                            .strict = options.strict,
                            .logits = logits};
  if (views > 1) {
    extraction.augment = [kernel = model.preprocessing.kernel](const Image& image, const LoaderItem& item) {
      return test_view(image, item.view, kernel);
    };
  }
  const auto append = [&](std::size_t item, std::span<const float* const> values) {
    const auto row = static_cast<std::int64_t>(result.samples.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto size = element_count(model.graph.node(outputs[i]).shape);
      std::copy_n(values[i], size, result.outputs[i].data() + row * size);
    }
    result.samples.push_back(items[item].sample);
  };
  progress.begin("computing", count);
  result.unreadable = extract(dataset, items, model.graph, model.parameters, extraction, progress, append);
  progress.end();
  throw_if_stopped();
  for (auto& output : result.outputs) {
    output = first_rows(std::move(output), static_cast<std::int64_t>(result.samples.size()));
  }
  return result;
}

// Rows that follow each other and belong to one sample become their mean; how strange it is is said by its
// first view, the picture itself.
void average_views(ClassTable& table) {
  const auto classes = static_cast<std::size_t>(table.probabilities.shape()[1]);
  const auto values = table.probabilities.values();
  std::vector<int> samples;
  for (std::size_t first = 0, last = 0; first < table.samples.size(); first = last) {
    while (last < table.samples.size() && table.samples[last] == table.samples[first]) {
      ++last;
    }
    for (std::size_t c = 0; c < classes; ++c) {
      double sum = 0;
      for (std::size_t row = first; row < last; ++row) {
        sum += values[row * classes + c];
      }
      values[samples.size() * classes + c] = static_cast<float>(sum / static_cast<double>(last - first));
    }
    if (!table.strangeness.empty()) {
      table.strangeness[samples.size()] = table.strangeness[first];
    }
    samples.push_back(table.samples[first]);
  }
  table.strangeness.resize(table.strangeness.empty() ? 0 : samples.size());
  table.probabilities = first_rows(std::move(table.probabilities), static_cast<std::int64_t>(samples.size()));
  table.samples = std::move(samples);
  const auto same = [](const UnreadableImage& a, const UnreadableImage& b) { return a.sample == b.sample; };
  table.unreadable.erase(std::unique(table.unreadable.begin(), table.unreadable.end(), same),
                         table.unreadable.end());
}

}  // namespace

Predictor::Predictor(const Model& model, std::vector<NodeId> outputs, Precision precision, int batch_size,
                     bool logits)
    : model_(&model),
      outputs_(std::move(outputs)),
      precision_(precision),
      batch_size_(batch_size),
      logits_(logits) {
  if (batch_size_ < 1) {
    throw Error(fmt::format("[predict] expected a positive batch size; received {}", batch_size_));
  }
}

std::vector<Tensor> Predictor::run(const Tensor& input) {
  const Shape& expected = model_->graph.input_shape();
  if (input.shape().size() != expected.size() + 1 ||
      !std::equal(expected.begin(), expected.end(), input.shape().begin() + 1)) {
    throw Error(fmt::format("[predict] expected an input (N, {}); received {}", fmt::join(expected, ", "),
                            to_string(input.shape())));
  }
  const std::int64_t count = input.shape()[0];
  std::vector<Tensor> results;
  for (const NodeId id : outputs_) {
    results.emplace_back(with_batch(count, model_->graph.node(id).shape));
  }
  const std::int64_t sample_size = element_count(expected);
  const std::lock_guard lock(*mutex_);
  for (std::int64_t first = 0; first < count; first += batch_size_) {
    const auto batch = static_cast<int>(std::min<std::int64_t>(batch_size_, count - first));
    run_batch(input.data() + first * sample_size, batch, first, results);
  }
  return results;
}

void Predictor::run_batch(const float* input, int batch, std::int64_t first, std::vector<Tensor>& results) {
  auto program = programs_.find(batch);
  if (program == programs_.end()) {
    const FrozenProgram::Options options{
        .batch = batch, .precision = resolve(precision_), .logits = logits_, .ranges = &model_->ranges};
    program =
        programs_.emplace(batch, FrozenProgram(model_->graph, model_->parameters, outputs_, options)).first;
  }
  std::vector<float*> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    outputs.push_back(results[i].data() + first * element_count(model_->graph.node(outputs_[i]).shape));
  }
  program->second.run(input, outputs);
}

ImageOutputs compute_outputs(const Model& model, const Dataset& dataset, const std::vector<NodeId>& outputs,
                             const PredictOptions& options, Progress& progress) {
  return compute_views(model, dataset, outputs, false, 1, options, progress);
}

void require_classifier(const Model& model) {
  if (model.graph.output_shape().size() != 1) {
    throw Error(fmt::format(
        "[predict] expected a classifier; {} ends in {} {}; use `headstart features`, or a model with a head",
        model.graph.name(), model.graph.node(model.graph.output()).name,
        to_string(model.graph.output_shape())));
  }
}

void require_class_table(const Tensor& table) {
  if (table.shape().size() != 2 || table.shape()[1] < 1) {
    throw Error(fmt::format(
        "[predict] expected a table (N, classes); received shape {}; take the output of a classifier",
        to_string(table.shape())));
  }
}

Tensor class_probabilities(const Graph& graph, const Tensor& output) {
  require_class_table(output);
  const OutputActivation activation = output_activation(graph);
  const std::int64_t rows = output.shape()[0], units = output.shape()[1];
  Tensor result = activation != OutputActivation::none ? output
                  : units == 1                         ? probabilities(OutputActivation::sigmoid, output)
                                                       : probabilities(OutputActivation::softmax, output);
  if (units > 1) {
    return result;
  }
  Tensor columns({rows, 2});
  for (std::int64_t i = 0; i < rows; ++i) {
    columns[2 * i] = 1.0F - result[i];
    columns[2 * i + 1] = result[i];
  }
  return columns;
}

Tensor class_probabilities(const Model& model, const Tensor& output) {
  Tensor result = class_probabilities(model.graph, output);
  apply_temperature(result, model.temperature);
  return result;
}

Tensor class_probabilities_of_logits(const Model& model, const Tensor& logits) {
  require_class_table(logits);
  const std::int64_t rows = logits.shape()[0], units = logits.shape()[1];
  Tensor scaled = logits;
  for (float& logit : scaled.values()) {
    logit = static_cast<float>(static_cast<double>(logit) / model.temperature);
  }
  if (units > 1) {
    return probabilities(output_activation(model.graph) == OutputActivation::sigmoid
                             ? OutputActivation::sigmoid
                             : OutputActivation::softmax,
                         scaled);
  }
  Tensor columns({rows, 2});
  for (std::int64_t i = 0; i < rows; ++i) {
    columns[2 * i] = -scaled[i];
    columns[2 * i + 1] = scaled[i];
  }
  return probabilities(OutputActivation::sigmoid, columns);
}

std::vector<NodeId> nodes_for_classes(const Model& model, const PredictOptions& options) {
  std::vector<NodeId> nodes{model.graph.output()};
  if (model.acceptance && !options.accept_all) {
    nodes.push_back(model.graph.require(model.acceptance->node));
  }
  return nodes;
}

ClassTable class_table(const Model& model, const std::vector<Tensor>& values) {
  if (!is_finite(values.at(0))) {
    throw Error(fmt::format(
        "[predict] expected numbers from {}; received some that are none or infinite; its weights "
        "are damaged, or its training diverged",
        model.graph.name()));
  }
  ClassTable table{
      .probabilities = class_probabilities_of_logits(model, values[0]), .samples = {}, .unreadable = {}};
  if (values.size() > 1) {
    const Acceptance& acceptance = model.acceptance.value();
    const Tensor features = unit_features(std::as_const(values[1]).values(), values[1].shape()[0],
                                          acceptance.centroids.shape()[1]);
    table.strangeness =
        strangeness(acceptance, distances(acceptance, features), most_probable_classes(table.probabilities));
  }
  return table;
}

ClassTable classify_dataset(const Model& model, const Dataset& dataset, const PredictOptions& options,
                            Progress& progress) {
  require_classifier(model);
  const int views = options.test_time_augmentation ? kTestViews : 1;
  auto computed =
      compute_views(model, dataset, nodes_for_classes(model, options), true, views, options, progress);
  ClassTable table = class_table(model, computed.outputs);
  table.samples = std::move(computed.samples);
  table.unreadable = std::move(computed.unreadable);
  average_views(table);
  return table;
}

std::vector<std::string> class_labels(const Model& model) {
  const std::int64_t units = model.graph.output_shape().at(0);
  const auto columns = static_cast<std::size_t>(units == 1 ? 2 : units);
  if (model.class_names.size() == columns) {
    return model.class_names;
  }
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < columns; ++i) {
    numbers.push_back(std::to_string(i));
  }
  return numbers;
}

int find_class(const Model& model, const std::string& text) {
  const auto labels = class_labels(model);
  for (const auto* names : {&labels, &model.class_ids}) {
    const auto found = std::find(names->begin(), names->end(), text);
    if (found != names->end()) {
      return static_cast<int>(found - names->begin());
    }
  }
  const auto index = number_from<int>(text);
  if (index && *index >= 0 && *index < static_cast<int>(labels.size())) {
    return *index;
  }
  throw Error(fmt::format("[predict] expected a class by name, or by index from 0 to {}; received {}{}",
                          labels.size() - 1, text, did_you_mean(text, labels)));
}

std::vector<int> indices_in_model(const Model& model, const std::vector<std::string>& names) {
  const auto labels = class_labels(model);
  std::vector<int> indices;
  for (const auto& name : names) {
    const auto* list =
        std::find(labels.begin(), labels.end(), name) == labels.end() ? &model.class_ids : &labels;
    const auto found = std::find(list->begin(), list->end(), name);
    if (found == list->end()) {
      throw Error(fmt::format(
          "[evaluate] expected the model's {} classes in the data; received a class {}{}; call the folders "
          "(or labels) as `headstart predict` calls the classes{}",
          labels.size(), name, did_you_mean(name, labels),
          model.class_ids.empty() ? "" : fmt::format(", or by their ids ({})", model.class_ids.front())));
    }
    if (std::find(found + 1, list->end(), name) != list->end()) {
      throw Error(
          fmt::format("[evaluate] expected classes that the model has once; received {}, which two have{}",
                      name, model.class_ids.empty() ? "" : "; use their ids"));
    }
    indices.push_back(static_cast<int>(found - list->begin()));
  }
  return indices;
}

std::vector<RankedClass> ranked_classes(std::span<const float> probabilities, int top) {
  std::vector<RankedClass> ranking;
  ranking.reserve(probabilities.size());
  for (const float probability : probabilities) {
    ranking.push_back({static_cast<int>(ranking.size()), probability});
  }
  std::stable_sort(ranking.begin(), ranking.end(),
                   [](const RankedClass& a, const RankedClass& b) { return a.probability > b.probability; });
  ranking.resize(std::min(ranking.size(), static_cast<std::size_t>(std::max(top, 1))));
  return ranking;
}

std::vector<int> most_probable_classes(const Tensor& probabilities) {
  require_class_table(probabilities);
  const auto columns = static_cast<std::size_t>(probabilities.shape()[1]);
  std::vector<int> result;
  for (std::size_t first = 0; first < probabilities.values().size(); first += columns) {
    const auto row = probabilities.values().subspan(first, columns);
    result.push_back(static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return result;
}

std::vector<ImagePrediction> classify(const Model& model, const std::vector<std::string>& paths, int top,
                                      const PredictOptions& options, Progress& progress) {
  require_classifier(model);
  Dataset dataset;
  std::vector<ImagePrediction> predictions;
  for (const auto& path : paths) {
    dataset.samples.push_back({.path = path, .label = -1, .group = ""});
    predictions.push_back({.path = path, .classes = {}, .error = ""});
  }
  const ClassTable computed = classify_dataset(model, dataset, options, progress);
  for (const auto& unreadable : computed.unreadable) {
    predictions[static_cast<std::size_t>(unreadable.sample)].error = unreadable.message;
  }
  const Tensor& table = computed.probabilities;
  const auto columns = static_cast<std::size_t>(table.shape()[1]);
  for (std::size_t row = 0; row < computed.samples.size(); ++row) {
    auto& prediction = predictions[static_cast<std::size_t>(computed.samples[row])];
    prediction.classes = ranked_classes(table.values().subspan(row * columns, columns), top);
    if (!computed.strangeness.empty()) {
      prediction.strangeness = computed.strangeness[row];
    }
  }
  return predictions;
}

std::vector<int> labels_in_model(const Model& model, const Dataset& dataset,
                                 const std::vector<int>& samples) {
  const auto indices = indices_in_model(model, dataset.class_names);
  std::vector<int> labels;
  labels.reserve(samples.size());
  for (const int sample : samples) {
    const auto& [path, label, group] = dataset.samples.at(static_cast<std::size_t>(sample));
    if (label < 0 || static_cast<std::size_t>(label) >= indices.size()) {
      throw Error(fmt::format(
          "[evaluate] expected a label below {}, the number of the data's classes; received {} for {}; leave "
          "out what has no label",
          indices.size(), label, path));
    }
    labels.push_back(indices[static_cast<std::size_t>(label)]);
  }
  return labels;
}

std::string unknown_text(const std::string& label, float probability) {
  return fmt::format("unknown (nearest: {} {:.2f})", label, probability);
}

LimitsReport count_accepted(const Model& model, std::span<const float> strangeness,
                            std::span<const int> labels) {
  LimitsReport report;
  for (const auto& name : class_labels(model)) {
    report.classes.push_back({.name = name});
  }
  for (std::size_t row = 0; row < strangeness.size(); ++row) {
    KnownShare& one = report.classes.at(static_cast<std::size_t>(labels[row]));
    const std::int64_t accepted = is_unknown(strangeness[row]) ? 0 : 1;
    ++one.images, ++report.images;
    one.accepted += accepted, report.accepted += accepted;
  }
  return report;
}

double unknown_share(std::int64_t accepted, std::int64_t images) {
  return images == 0 ? 0.0 : static_cast<double>(images - accepted) / static_cast<double>(images);
}

DatasetEvaluation evaluate_table(const Model& model, const Dataset& dataset, ClassTable table, int top) {
  DatasetEvaluation result;
  result.labels = labels_in_model(model, dataset, table.samples);
  result.table = std::move(table);
  const ClassTable& computed = result.table;
  if (computed.samples.empty()) {
    throw Error(
        fmt::format("[evaluate] expected images; none of the {} could be read", dataset.samples.size()));
  }
  if (!computed.strangeness.empty()) {
    result.known = count_accepted(model, computed.strangeness, result.labels);
  }
  const bool independent = element_count(model.graph.output_shape()) > 1 &&
                           output_activation(model.graph) == OutputActivation::sigmoid;
  result.evaluation =
      measure(computed.probabilities, result.labels, class_labels(model), top,
              independent ? Loss::binary_crossentropy : Loss::sparse_categorical_crossentropy);
  result.unreadable = unreadable_lines(dataset, computed.unreadable);
  return result;
}

DatasetEvaluation evaluate(const Model& model, const Dataset& dataset, const PredictOptions& options,
                           Progress& progress) {
  require_classifier(model);
  std::vector<int> samples(dataset.samples.size());
  std::iota(samples.begin(), samples.end(), 0);
  labels_in_model(model, dataset, samples);  // before the work
  return evaluate_table(model, dataset, classify_dataset(model, dataset, options, progress), options.top);
}

}  // namespace headstart
