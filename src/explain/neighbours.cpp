// The photos of a data set that a network finds most alike.
#include <algorithm>
#include <cmath>
#include <span>
#include <variant>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/explain_network.h"
#include "headstart/extract.h"

namespace headstart {
namespace {

// What the last layer with weights reads.
NodeId feature_layer(const Graph& graph) {
  for (auto id = graph.output(); id > 0; id = graph.node(id).inputs[0]) {
    if (std::holds_alternative<Dense>(graph.node(id).op) ||
        std::holds_alternative<Conv2D>(graph.node(id).op)) {
      return graph.node(id).inputs[0];
    }
  }
  return graph.output();
}

double norm_of(std::span<const float> values) {
  double squares = 0.0;
  for (const float value : values) {
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  return std::sqrt(squares);
}

float cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  const double norms = norm_of(a) * norm_of(b);
  return norms > 0.0 ? static_cast<float>(product / norms) : 0.0F;
}

Tensor features_of(const Model& model, const std::string& photo, NodeId node, Precision precision) {
  Tensor input = preprocess(read_image(photo, decode_options_for(model.preprocessing)), model.preprocessing);
  Shape batched = input.shape();
  batched.insert(batched.begin(), 1);
  Predictor predictor(model, {node}, precision, 1);
  return std::move(predictor.run(std::move(input).reshaped(batched)).front());
}

}  // namespace

std::vector<Neighbour> nearest_photos(const Model& model, const std::string& photo, const Dataset& dataset,
                                      const std::string& layer, int count, const PredictOptions& options,
                                      Progress& progress) {
  const NodeId node = layer.empty() ? feature_layer(model.graph) : model.graph.require(layer);
  const Precision precision = options.precision == Precision::automatic ? Precision::f32 : options.precision;
  const Tensor wanted = features_of(model, photo, node, precision);
  std::vector<LoaderItem> items(dataset.samples.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].sample = static_cast<int>(i);
  }
  const ExtractOptions extraction{.outputs = {node},
                                  .preprocessing = model.preprocessing,
                                  .precision = precision,
                                  .ranges = &model.ranges,
                                  .threads = options.threads};
  std::vector<Neighbour> neighbours;
  progress.begin("comparing", static_cast<std::int64_t>(items.size()));
  const auto unreadable = extract(
      dataset, items, model.graph, model.parameters, extraction, progress,
      [&](std::size_t item, std::span<const float* const> values) {
        const Sample& sample = dataset.samples[item];
        neighbours.push_back(
            {.path = sample.path,
             .label = label_text(dataset, sample),
             .similarity = cosine(wanted.values(), {values[0], static_cast<std::size_t>(wanted.size())})});
      });
  progress.end();
  throw_if_stopped();
  for (const auto& each : unreadable) {
    progress.message(fmt::format("skipped {}: {}",
                                 dataset.samples[static_cast<std::size_t>(each.sample)].path, each.message));
  }
  if (neighbours.empty()) {
    throw Error("[explain] expected photos to compare with; none could be read");
  }
  std::stable_sort(neighbours.begin(), neighbours.end(),
                   [](const Neighbour& a, const Neighbour& b) { return a.similarity > b.similarity; });
  neighbours.resize(std::min(neighbours.size(), static_cast<std::size_t>(std::max(count, 1))));
  return neighbours;
}

}  // namespace headstart
