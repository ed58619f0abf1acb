#include "headstart/plan.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "core/parallel.h"
#include "core/random.h"
#include "engine/core_limit.h"
#include "headstart/error.h"
#include "image/picture_file.h"
#include "train/activation_limit.h"
#include "train/resolved_options.h"
#include "train/snapshot.h"
#include "train/step_cost.h"

namespace headstart {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of the second run, as the first fills caches; of the first when that took long enough to be believed.
double measured(const std::function<void()>& work) {
  constexpr double kLongEnough = 0.3;
  const double first = seconds_of(work);
  return first > kLongEnough ? first : seconds_of(work);
}

Tensor noise(const Shape& shape) {
  Tensor tensor(shape);
  Random random(0, RandomPurpose::test);
  for (float& value : tensor.values()) {
    value = random.uniform(-1.0F, 1.0F);
  }
  return tensor;
}

std::vector<Tensor> boundary_values(const Graph& graph, const std::vector<NodeId>& boundary, int batch) {
  std::vector<Tensor> values;
  for (const NodeId node : boundary) {
    Shape shape = graph.node(node).shape;
    shape.insert(shape.begin(), batch);
    values.push_back(noise(shape));
  }
  return values;
}

// Reading, decoding and fitting one picture on one core.
double seconds_of_decoding(const Dataset& data, const Preprocessing& preprocessing) {
  constexpr std::size_t kPictures = 8;
  const std::size_t count = std::min(kPictures, data.samples.size());
  double total = 0.0;
  int readable = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& path = data.samples[i * data.samples.size() / count].path;
    try {
      total += seconds_of([&] { read_fitted(path, preprocessing); });
      ++readable;
    } catch (const Error&) {
      continue;  // training names it and leaves it out
    }
  }
  return readable == 0 ? 0.0 : total / readable;
}

// The frozen part for one picture on one core.
double seconds_of_frozen_part(const Graph& graph, const Parameters& parameters, const Partition& cut,
                              Precision precision) {
  constexpr int kBatch = 2;
  if (cut.boundary == std::vector<NodeId>{0}) {
    return 0.0;
  }
  set_engine_threads(1);
  const auto images = boundary_values(graph, {0}, kBatch);
  ValueRanges ranges;
  if (precision == Precision::int8) {
    ranges = measure_ranges(graph, parameters, cut.boundary, images[0]).ranges;
  }
  FrozenProgram program(graph, parameters, cut.boundary,
                        {.batch = kBatch, .precision = precision, .ranges = &ranges});
  auto results = boundary_values(graph, cut.boundary, kBatch);
  std::vector<float*> destinations;
  destinations.reserve(results.size());
  for (Tensor& result : results) {
    destinations.push_back(result.data());
  }
  return measured([&] { program.run(images[0].data(), destinations); }) / kBatch;
}

struct StepCost {
  double seconds_per_image = 0;  // all cores
  std::int64_t memory = 0;
};

StepCost cost_of_step(const Graph& graph, Parameters& parameters, const Partition& cut,
                      const StageOptions& stage, const TrainOptions& options) {
  constexpr double kCheap = 1e9;
  constexpr int kFewImages = 4;
  const bool cheap = multiplications_of_step(graph, cut, options.batch_size) < kCheap;
  const int batch = cheap ? options.batch_size : std::min(options.batch_size, kFewImages);
  const std::int64_t limit_of_image =
      (activation_limit(options) + options.batch_size - 1) / options.batch_size;
  const CoreLimit cores(options.threads);
  set_engine_threads(cheap ? 1 : 0);
  TrainingProgram program(graph, parameters,
                          {.batch = batch,
                           .precision = training_precision(graph, cut, options.precision),
                           .batch_norm = stage.batch_norm,
                           .factored = takes_factored_gradients(options.accumulate, stage.optimizer),
                           .activation_limit = limit_of_image * batch});
  const auto boundary = boundary_values(graph, program.boundary(), batch);
  std::vector<const float*> sources;
  sources.reserve(boundary.size());
  for (const Tensor& tensor : boundary) {
    sources.push_back(tensor.data());
  }
  const Parameters trainable = copy_of(parameters, program.trainable());
  Optimizer optimizer(stage.optimizer, trainable);
  const Tensor diff = noise({batch, element_count(graph.output_shape())});
  StepCost cost;
  cost.seconds_per_image =
      measured([&] {
        program.forward(sources, 0);
        program.backward(diff.data());
        optimizer.step(parameters, program.gradients(), 0.0, program.factored_gradients());
      }) /
      batch;
  std::int64_t changing = 0, all = 0;
  for (const auto& [name, tensor] : trainable) {
    changing += tensor.size();
  }
  for (const auto& [name, tensor] : parameters) {
    all += tensor.size();
  }
  // Parameters, the best epoch's copy, a gradient and two moments of what changes, packed weights.
  constexpr std::int64_t kCopiesOfChanging = 5;
  cost.memory =
      4 * (2 * all + kCopiesOfChanging * changing) + program.activation_bytes() / batch * options.batch_size;
  set_engine_threads(0);
  return cost;
}

// About three quarters down the base, where a single tensor crosses; empty without a base.
std::string automatic_cut(const Graph& graph) {
  constexpr double kDepth = 0.7;
  if (graph.scopes().empty()) {
    return "";
  }
  const std::string prefix = graph.scopes().front().name + "/";
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto specs = parameter_specs(graph, static_cast<NodeId>(i));
    if (graph.nodes()[i].name.starts_with(prefix) && !specs.empty() && specs.front().shape.size() > 1) {
      layers.push_back(graph.nodes()[i].name);
    }
  }
  for (auto i = static_cast<std::size_t>(kDepth * static_cast<double>(layers.size())); i < layers.size();
       ++i) {
    Graph unfrozen = graph;
    unfrozen.set_trainable_from(layers[i]);
    if (partition(unfrozen, BatchNormMode::frozen).boundary.size() == 1) {
      return layers[i];
    }
  }
  return "";
}

// The images of a run and what one of them costs before the network.
struct Work {
  double training = 0, validation = 0;  // images
  double decoding = 0;                  // seconds an image on one core
};

std::vector<PlanRow> rows_of(const Graph& graph, Parameters& parameters, const Work& work,
                             const StageOptions& stage, const TrainOptions& options) {
  const Partition cut = partition(graph, stage.batch_norm);
  const StepCost step = cost_of_step(graph, parameters, cut, stage, options);
  const double frozen =
      seconds_of_frozen_part(graph, parameters, cut, resolve(options.precision)) + work.decoding;
  const double views =
      without_idle_options(options.augmentation) == Augmentation{} ? 1.0 : std::max(1, options.cached_views);
  const double before = (work.training * views + work.validation) * frozen / thread_count(options.threads);
  constexpr double kForwardShare = 1.0 / 3.0;
  const double computing =
      work.training * step.seconds_per_image + work.validation * step.seconds_per_image * kForwardShare;
  double floats = 0.0;
  for (const NodeId node : cut.boundary) {
    floats += static_cast<double>(element_count(graph.node(node).shape));
  }
  std::vector<PlanRow> rows;
  if (cut.boundary != std::vector<NodeId>{0}) {
    rows.push_back({.cached = true,
                    .seconds_features = before,
                    .seconds_per_epoch = computing,
                    .memory_bytes = step.memory,
                    .disk_bytes = std::llround((work.training * views + work.validation) * floats * 4.0)});
  }
  const double again = (work.training + work.validation) * frozen / thread_count(options.threads);
  rows.push_back({.cached = false, .seconds_per_epoch = computing + again, .memory_bytes = step.memory});
  for (PlanRow& row : rows) {
    row.seconds_total = row.seconds_features + stage.epochs * row.seconds_per_epoch;
  }
  return rows;
}

// Of stages that follow each other: with a cache where they have a frozen part, and without.
std::vector<PlanRow> rows_of_cuts(const Model& model, const std::vector<std::string>& cuts,
                                  Parameters& parameters, const Work& work, const TrainOptions& options) {
  PlanRow cached{.cached = true}, live{.cached = false};
  const auto add = [&](const PlanRow& row, PlanRow& sum) {
    sum.seconds_features += row.seconds_features;
    sum.seconds_per_epoch += row.seconds_per_epoch / static_cast<double>(cuts.size());
    sum.seconds_total += row.seconds_total;
    sum.memory_bytes = std::max(sum.memory_bytes, row.memory_bytes);
    sum.disk_bytes += row.disk_bytes;
  };
  bool has_frozen = false;
  Graph unfrozen = model.graph;
  for (const std::string& cut : cuts) {
    unfrozen.set_trainable_from(cut);
    const auto rows = rows_of(unfrozen, parameters, work, options.fine_tune, options);
    has_frozen = has_frozen || rows.front().cached;
    add(rows.front(), cached);
    add(rows.back(), live);
  }
  return has_frozen ? std::vector<PlanRow>{cached, live} : std::vector<PlanRow>{live};
}

}  // namespace

std::vector<PlanRow> plan_costs(const Model& model, const DatasetSplits& data, const TrainOptions& options) {
  const auto samples = static_cast<double>(data.train.samples.size());
  const double held_out = data.validation ? static_cast<double>(data.validation->samples.size())
                                          : samples * options.validation_fraction;
  const Work work{.training = data.validation ? samples : samples - held_out,
                  .validation = held_out,
                  .decoding = seconds_of_decoding(data.train, model.preprocessing)};
  Parameters parameters = model.parameters;  // a step writes into them
  auto plan = rows_of(model.graph, parameters, work, options.head, options);
  const double head_seconds = plan.front().seconds_total;
  std::vector<std::vector<std::string>> choices{fine_tuning_cuts(options)};
  if (const std::string cut = automatic_cut(model.graph); choices.front().empty() && !cut.empty()) {
    choices.front().push_back(cut);
  }
  if (!model.graph.scopes().empty()) {
    choices.push_back({model.graph.scopes().front().name});
  }
  if (choices.back() == choices.front()) {
    choices.pop_back();
  }
  for (const auto& cuts : choices) {
    if (cuts.empty()) {
      continue;
    }
    for (PlanRow row : rows_of_cuts(model, cuts, parameters, work, options)) {
      row.fine_tune_from = fmt::format("{}", fmt::join(cuts, ","));
      row.seconds_total += head_seconds;
      plan.push_back(std::move(row));
    }
  }
  return plan;
}

double seconds_from(const std::string& text) {
  const std::map<char, double> units{{'s', 1.0}, {'m', 60.0}, {'h', 3600.0}};
  double total = 0.0;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at != end) {
    double value = 0.0;
    const auto [next, error] = std::from_chars(at, end, value);
    const auto unit = next == end ? units.find('s') : units.find(*next);
    if (error != std::errc{} || !(value >= 0.0) || !std::isfinite(value) || unit == units.end()) {
      throw Error(fmt::format("[plan] expected a time like 90s, 5m or 1h30m; received \"{}\"", text));
    }
    total += value * unit->second;
    at = next == end ? end : next + 1;
  }
  if (!(total > 0.0)) {
    throw Error(fmt::format("[plan] expected a time like 90s, 5m or 1h30m; received \"{}\"", text));
  }
  return total;
}

std::string duration_text(double seconds) {
  constexpr double kMinute = 60.0, kHour = 3600.0;
  if (seconds < kMinute) {
    return fmt::format("{:.{}f} s", seconds, seconds < 10.0 ? 1 : 0);
  }
  const auto whole = std::llround(seconds);
  return seconds < kHour ? fmt::format("{} min {} s", whole / 60, whole % 60)
                         : fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::optional<TrainOptions> fit_budget(const std::vector<PlanRow>& plan, const TrainOptions& options,
                                       double seconds) {
  TrainOptions chosen = options;
  const auto fits = std::find_if(plan.rbegin(), plan.rend(),
                                 [&](const PlanRow& row) { return row.seconds_total <= seconds; });
  if (fits != plan.rend()) {
    // The same cut with a cache where that is quicker.
    const auto quickest = std::min_element(plan.begin(), plan.end(), [&](const PlanRow& a, const PlanRow& b) {
      const bool of_cut_a = a.fine_tune_from == fits->fine_tune_from;
      const bool of_cut_b = b.fine_tune_from == fits->fine_tune_from;
      return of_cut_a != of_cut_b ? of_cut_a : a.seconds_total < b.seconds_total;
    });
    chosen.fine_tune_from = quickest->fine_tune_from;
    chosen.cache = quickest->cached ? CacheMode::automatic : CacheMode::off;
    return chosen;
  }
  const PlanRow& head = plan.front();
  const double epochs =
      std::floor((seconds - head.seconds_features) / std::max(head.seconds_per_epoch, 1e-9));
  if (epochs < 1.0) {
    return std::nullopt;
  }
  chosen.fine_tune_from.clear();
  chosen.head.epochs = static_cast<int>(std::min<double>(epochs, options.head.epochs));
  return chosen;
}

}  // namespace headstart
