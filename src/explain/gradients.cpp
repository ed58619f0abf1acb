// How large gradients and updates are, layer by layer.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "explain/canvas.h"
#include "headstart/engine.h"
#include "headstart/error.h"
#include "headstart/explain_network.h"
#include "headstart/losses.h"
#include "headstart/text.h"

namespace headstart {
namespace {

// The model's class of each class of the data: by name, or, where it has none of the names, by place when
// there are as many.
std::vector<int> matched_classes(const Model& model, const Dataset& dataset) {
  const auto labels = class_labels(model);
  const bool by_place = labels.size() == dataset.class_names.size() &&
                        std::ranges::none_of(dataset.class_names, [&](const auto& name) {
                          return std::ranges::find(labels, name) != labels.end();
                        });
  if (!by_place) {
    return indices_in_model(model, dataset.class_names);
  }
  std::vector<int> indices(labels.size());
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

struct LabelledBatch {
  Batch batch;
  std::vector<std::string> unreadable;
};

// Spread evenly over the data, which is sorted by class.
LabelledBatch labelled_batch(const Model& model, const Dataset& dataset, int batch_size) {
  const auto count = std::min<std::size_t>(dataset.samples.size(), static_cast<std::size_t>(batch_size));
  std::vector<LoaderItem> items;
  for (std::size_t i = 0; i < count; ++i) {
    items.push_back({.sample = static_cast<int>(i * dataset.samples.size() / count), .view = 0});
  }
  Loader loader(dataset, items, {.preprocessing = model.preprocessing, .batch_size = batch_size});
  auto batch = loader.next();
  if (!batch || batch->labels.empty()) {
    throw Error("[explain] expected labelled photos for a batch; none could be read");
  }
  return {.batch = std::move(*batch), .unreadable = unreadable_lines(dataset, loader.unreadable())};
}

std::vector<Tensor> boundary_of(const Model& model, const std::vector<NodeId>& boundary,
                                const Tensor& images) {
  Predictor below(model, boundary, Precision::f32, static_cast<int>(images.shape()[0]));
  return below.run(images);
}

double squares_of(const Tensor& tensor) {
  double sum = 0.0;
  for (const float value : tensor.values()) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return sum;
}

std::vector<LayerGradient> rows_of(const Model& model, const Parameters& gradients, double rate) {
  std::map<std::string, LayerGradient> rows;
  for (const auto& [name, gradient] : gradients) {
    auto& row = rows[name.substr(0, name.rfind('/'))];
    row.parameters += gradient.size();
    row.gradient += squares_of(gradient);
    row.weights += squares_of(model.parameters.at(name));
  }
  std::vector<LayerGradient> ordered;
  for (const auto& node : model.graph.nodes()) {
    if (const auto found = rows.find(node.name); found != rows.end()) {
      LayerGradient row = found->second;
      row.layer = node.name;
      row.gradient = std::sqrt(row.gradient);
      row.weights = std::sqrt(row.weights);
      row.update = row.weights > 0.0 ? rate * row.gradient / row.weights : 0.0;
      ordered.push_back(std::move(row));
    }
  }
  return ordered;
}

}  // namespace

GradientTable layer_gradients(const Model& model, const Dataset& dataset, int batch_size, double rate) {
  require_classifier(model);
  const auto classes = matched_classes(model, dataset);
  auto [batch, unreadable] = labelled_batch(model, dataset, batch_size);
  std::vector<int> labels;
  labels.reserve(batch.labels.size());
  for (const int label : batch.labels) {
    labels.push_back(classes.at(static_cast<std::size_t>(label)));
  }
  Graph graph = model.graph;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {  // without dropout, as predict
    const auto id = static_cast<NodeId>(i);
    graph.set_trainable(id, !std::holds_alternative<Dropout>(graph.node(id).op));
  }
  // Batch norm at its moving statistics: the parameters are only read.
  TrainingProgram program(graph, const_cast<Parameters&>(model.parameters),
                          {.batch = static_cast<int>(labels.size()),
                           .precision = Precision::f32,
                           .batch_norm = BatchNormMode::frozen});
  const auto inputs = boundary_of(model, program.boundary(), batch.images);
  std::vector<const float*> pointers;
  pointers.reserve(inputs.size());
  for (const auto& input : inputs) {
    pointers.push_back(input.data());
  }
  const Tensor& logits = program.forward(pointers, 0);
  Tensor diff(logits.shape());
  const Loss loss = logits.shape().back() == 1 ? Loss::binary_crossentropy : loss_for(graph);
  const auto value = loss_of_labels(loss, logits.values(), labels, {}, diff.values());
  program.backward(diff.data());
  return {.loss = value.loss,
          .images = static_cast<int>(labels.size()),
          .rate = rate,
          .layers = rows_of(model, program.gradients(), rate),
          .unreadable = std::move(unreadable)};
}

Image gradient_chart(const GradientTable& table) {
  constexpr int kRow = 18, kName = 260, kBars = 420, kValue = 90, kHead = 44;
  constexpr double kText = 11.0;
  constexpr Colour kBar{0.12, 0.44, 0.71}, kInk{0.11, 0.14, 0.19}, kGrid{0.87, 0.89, 0.92};
  double least = 1e300, most = -1e300;  // powers of ten
  for (const auto& row : table.layers) {
    if (row.gradient > 0.0) {
      least = std::min(least, std::log10(row.gradient));
      most = std::max(most, std::log10(row.gradient));
    }
  }
  if (least > most) {
    least = most = 0.0;
  }
  const double low = std::floor(least - 0.01), high = std::ceil(most + 0.01);
  const auto rows = static_cast<int>(table.layers.size());
  Canvas canvas(kName + kBars + kValue, kHead + rows * kRow + 8);
  canvas.text(fmt::format("Norm of the gradient by layer, {} images, loss {:.4f}", table.images, table.loss),
              {8, 2, kName + kBars, 22}, 14.0, kInk);
  const double unit = kBars / std::max(1.0, high - low);
  const int decades = static_cast<int>(high - low);
  for (int decade = 0; decade <= decades; ++decade) {
    const double x = kName + decade * unit;
    canvas.fill({x, kHead - 2, 1, static_cast<double>(rows * kRow)}, kGrid);
    if (decade % (1 + decades / 8) == 0) {
      canvas.text(fmt::format("1e{:.0f}", low + decade), {x + 2, 24, 60, 16}, 9.0, kInk);
    }
  }
  for (int i = 0; i < rows; ++i) {
    const auto& row = table.layers[static_cast<std::size_t>(i)];
    const double y = kHead + i * kRow;
    canvas.text(row.layer, {8, y, kName - 16, kRow}, kText, kInk);
    const double length = row.gradient > 0.0 ? (std::log10(row.gradient) - low) * unit : 0.0;
    canvas.fill({kName, y + 4, length, kRow - 8}, kBar);
    canvas.text(fmt::format("{:.2e}", row.gradient), {kName + kBars + 8, y, kValue, kRow}, kText, kInk);
  }
  return canvas.image();
}

}  // namespace headstart
