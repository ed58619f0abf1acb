#include "headstart/predict.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "evaluate/views.h"
#include "headstart/error.h"
#include "headstart/extract.h"

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
    prediction.classes = listed_classes(model.graph, table.values().subspan(row * columns, columns), top);
    if (!computed.strangeness.empty()) {
      prediction.strangeness = computed.strangeness[row];
    }
  }
  return predictions;
}

std::string unknown_text(const std::string& label, float probability) {
  return fmt::format("unknown (nearest: {} {:.2f})", label, probability);
}

}  // namespace headstart
