#include "headstart/class_table.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "evaluate/require_class_table.h"
#include "headstart/calibrate.h"
#include "headstart/error.h"
#include "headstart/losses.h"
#include "headstart/text.h"

namespace headstart {

void require_classifier(const Model& model) {
  if (model.graph.output_shape().size() != 1) {
    throw Error(fmt::format(
        "[predict] expected a classifier; {} ends in {} {}; use `headstart features`, or a model with a head",
        model.graph.name(), model.graph.node(model.graph.output()).name,
        to_string(model.graph.output_shape())));
  }
}

bool has_independent_classes(const Graph& graph) {
  return element_count(graph.output_shape()) > 1 && output_activation(graph) == OutputActivation::sigmoid;
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

std::vector<RankedClass> listed_classes(const Graph& graph, std::span<const float> probabilities, int top) {
  const auto present = std::ranges::count_if(probabilities, [](float p) { return p > kPresent; });
  return ranked_classes(probabilities,
                        has_independent_classes(graph) ? std::max(top, static_cast<int>(present)) : top);
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

}  // namespace headstart
