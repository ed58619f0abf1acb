#include "train/new_columns.h"

#include <cmath>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace headstart {
namespace {

constexpr const char* kOld = "old_classes";
constexpr const char* kNew = "new_classes";

// Columns [first, first + count) of (rows, columns) or (columns).
Tensor columns_of(const Tensor& table, std::int64_t first, std::int64_t count) {
  Shape shape = table.shape();
  const std::int64_t columns = shape.back(), rows = table.size() / columns;
  shape.back() = count;
  Tensor part(shape);
  for (std::int64_t i = 0; i < rows * count; ++i) {
    part[i] = table[i / count * columns + first + i % count];
  }
  return part;
}

Graph graph_of(const Dense& dense, const LastDense& last, std::int64_t old_classes) {
  Graph graph("new_columns");
  NodeId id = graph.add("features", Input{.shape = {last.inputs}}, std::vector<NodeId>{});
  if (last.dropout > 0.0F) {
    id = graph.add("dropout", Dropout{.rate = last.dropout}, id);
  }
  const auto part = [&](std::int64_t units) {
    return Dense{.units = static_cast<int>(units), .use_bias = dense.use_bias, .activation = {}};
  };
  const NodeId old = graph.add(kOld, part(old_classes), id);
  graph.set_trainable(old, false);
  const NodeId added = graph.add(kNew, part(last.outputs - old_classes), id);
  id = graph.add("logits", Concatenate{}, std::vector<NodeId>{old, added});
  if (last.activation.kind != Activation::Kind::linear) {
    graph.add("classes", ActivationLayer{.activation = last.activation}, id);
  }
  return graph;
}

double mean_length_of_columns(const Tensor& kernel) {
  const std::int64_t columns = kernel.shape().back();
  std::vector<double> squares(static_cast<std::size_t>(columns), 0.0);
  for (std::int64_t i = 0; i < kernel.size(); ++i) {
    squares[static_cast<std::size_t>(i % columns)] +=
        static_cast<double>(kernel[i]) * static_cast<double>(kernel[i]);
  }
  double sum = 0.0;
  for (const double square : squares) {
    sum += std::sqrt(square);
  }
  return sum / static_cast<double>(columns);
}

// (features, new classes).
Tensor imprinted(const Tensor& centroids, std::int64_t old_classes, double length) {
  const std::int64_t inputs = centroids.shape()[1], added = centroids.shape()[0] - old_classes;
  Tensor kernel({inputs, added});
  for (std::int64_t k = 0; k < added; ++k) {
    double squares = 0.0;
    for (std::int64_t i = 0; i < inputs; ++i) {
      double middle = 0.0;
      for (std::int64_t old = 0; old < old_classes; ++old) {
        middle += static_cast<double>(centroids[old * inputs + i]);
      }
      const double value = static_cast<double>(centroids[(old_classes + k) * inputs + i]) -
                           middle / static_cast<double>(old_classes);
      kernel[i * added + k] = static_cast<float>(value);
      squares += value * value;
    }
    const double scale = squares > 0.0 ? length / std::sqrt(squares) : 0.0;
    for (std::int64_t i = 0; i < inputs; ++i) {
      kernel[i * added + k] = static_cast<float>(static_cast<double>(kernel[i * added + k]) * scale);
    }
  }
  return kernel;
}

}  // namespace

Model new_columns_on(const Model& enlarged, const LastDense& last, std::int64_t old_classes,
                     const Tensor& centroids) {
  const Node& node = enlarged.graph.node(last.dense);
  const auto& dense = std::get<Dense>(node.op);
  Model model;
  model.graph = graph_of(dense, last, old_classes);
  const Tensor old = columns_of(enlarged.parameters.at(node.name + "/kernel"), 0, old_classes);
  const double length = mean_length_of_columns(old);
  const std::string old_name = std::string(kOld) + "/", new_name = std::string(kNew) + "/";
  model.parameters.insert(old_name + "kernel", old);
  if (dense.use_bias) {
    model.parameters.insert(old_name + "bias",
                            columns_of(enlarged.parameters.at(node.name + "/bias"), 0, old_classes));
  }
  model.parameters.insert(new_name + "kernel", imprinted(centroids, old_classes, length));
  if (dense.use_bias) {
    const Tensor& bias = model.parameters.at(old_name + "bias");
    double sum = 0.0;
    for (const float value : bias.values()) {
      sum += static_cast<double>(value);
    }
    Tensor mean({last.outputs - old_classes});
    for (float& value : mean.values()) {
      value = static_cast<float>(sum / static_cast<double>(old_classes));
    }
    model.parameters.insert(new_name + "bias", std::move(mean));
  }
  return model;
}

void take_new_columns(Model& enlarged, const LastDense& last, std::int64_t old_classes,
                      const Model& trained) {
  const std::string to = enlarged.graph.node(last.dense).name + "/", from = std::string(kNew) + "/";
  for (const auto& [name, columns] : trained.parameters) {
    if (!name.starts_with(from)) {
      continue;
    }
    Tensor& whole = enlarged.parameters.at(to + name.substr(from.size()));
    const std::int64_t added = last.outputs - old_classes;
    for (std::int64_t i = 0; i < columns.size(); ++i) {
      whole[i / added * last.outputs + old_classes + i % added] = columns[i];
    }
  }
}

}  // namespace headstart
