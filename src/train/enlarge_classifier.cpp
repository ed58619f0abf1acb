// More outputs for a classifier: its graph, its parameters, its names.
#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "headstart/add_classes.h"
#include "headstart/error.h"
#include "headstart/text.h"
#include "train/last_dense.h"

namespace headstart {
namespace {

// One sigmoid unit tells two classes apart.
bool is_one_sigmoid(const LastDense& last) {
  return last.outputs == 1 && last.activation.kind == Activation::Kind::sigmoid;
}

void check_names(const Model& model, const LastDense& last, const std::vector<std::string>& names) {
  const auto classes = static_cast<std::size_t>(is_one_sigmoid(last) ? 2 : last.outputs);
  if (model.class_names.size() != classes) {
    throw Error(
        fmt::format("[add-classes] expected a model that names its {} classes; received one with {} names",
                    classes, model.class_names.size()));
  }
  std::vector<std::string> taken;
  for (const auto& name : model.class_names) {
    taken.push_back(lower(name));
  }
  for (const auto& name : names) {
    if (std::find(taken.begin(), taken.end(), lower(name)) != taken.end()) {
      throw Error(fmt::format(
          "[add-classes] expected names that the model does not have, capitals aside; received \"{}\" for a "
          "model that knows {}; rename the folder",
          name, fmt::join(model.class_names, ", ")));
    }
    taken.push_back(lower(name));
  }
}

Op with_units(const Dense& dense, std::int64_t units, bool softmax) {
  Dense wider = dense;
  wider.units = static_cast<int>(units);
  if (softmax && wider.activation.kind == Activation::Kind::sigmoid) {
    wider.activation = {.kind = Activation::Kind::softmax};
  }
  return wider;
}

Graph enlarged(const Graph& graph, const LastDense& last, std::int64_t units) {
  const bool softmax = is_one_sigmoid(last);
  Graph wider(graph.name());
  for (const Scope& scope : graph.scopes()) {
    wider.add_scope(scope);
  }
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const auto id = static_cast<NodeId>(i);
    Op op = node.op;
    if (id == last.dense) {
      op = with_units(std::get<Dense>(node.op), units, softmax);
    } else if (id == graph.output() && softmax) {
      op = ActivationLayer{.activation = {.kind = Activation::Kind::softmax}};
    }
    wider.add(node.name, std::move(op), node.inputs);
    wider.set_trainable(id, node.trainable);
  }
  wider.set_output(graph.output());
  return wider;
}

// (rows, columns) to (rows, wanted): the old columns behind `before` columns of zeros, and before others.
Tensor widened(const Tensor& old, std::int64_t before, std::int64_t wanted) {
  Shape shape = old.shape();
  const std::int64_t columns = shape.back(), rows = old.size() / columns;
  shape.back() = wanted;
  Tensor wide(shape);
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(old.data() + row * columns, columns, wide.data() + row * wanted + before);
  }
  return wide;
}

}  // namespace

std::vector<std::string> new_class_names(const Model& model, const std::vector<std::string>& data) {
  std::vector<std::string> names;
  std::copy_if(data.begin(), data.end(), std::back_inserter(names), [&](const std::string& name) {
    return std::find(model.class_names.begin(), model.class_names.end(), name) == model.class_names.end();
  });
  if (names.empty()) {
    throw Error(
        fmt::format("[add-classes] expected photos of a class that the model does not know; received {}, all "
                    "of which it does; `headstart train DATA --base MODEL` trains a new head on old classes",
                    fmt::join(data, ", ")));
  }
  return names;
}

Model enlarge_classifier(const Model& model, const std::vector<std::string>& names) {
  const LastDense last = last_dense(model.graph);
  check_names(model, last, names);
  const std::int64_t before = is_one_sigmoid(last) ? 1 : 0;
  const std::int64_t units = before + last.outputs + static_cast<std::int64_t>(names.size());
  Model wider;  // without what was fitted to the old set of classes
  wider.graph = enlarged(model.graph, last, units);
  wider.preprocessing = model.preprocessing;
  wider.class_names = model.class_names;
  wider.class_ids = model.class_ids;
  wider.ranges = model.ranges;
  wider.provenance = model.provenance;
  const std::string prefix = model.graph.node(last.dense).name + "/";
  for (const auto& [name, tensor] : model.parameters) {
    wider.parameters.insert(name, name.starts_with(prefix) ? widened(tensor, before, units) : tensor);
  }
  wider.class_names.insert(wider.class_names.end(), names.begin(), names.end());
  if (!wider.class_ids.empty()) {
    wider.class_ids.resize(wider.class_names.size());
  }
  return wider;
}

}  // namespace headstart
