#include "explain/explained_rows.h"

#include "headstart/class_table.h"
#include "headstart/losses.h"

namespace headstart {

Explanation begun_explanation(const Tensor& probabilities, std::size_t row, const ExplainOptions& options) {
  constexpr int kRanked = 5;
  const auto columns = static_cast<std::size_t>(probabilities.shape()[1]);
  const auto values = probabilities.values().subspan(row * columns, columns);
  Explanation explanation;
  explanation.ranking = ranked_classes(values, kRanked);
  if (options.classes.empty()) {
    for (const auto& ranked : ranked_classes(values, options.top)) {
      explanation.classes.push_back({.ranked = ranked});
    }
  }
  for (const int index : options.classes) {
    explanation.classes.push_back({.ranked = {index, values[static_cast<std::size_t>(index)]}});
  }
  return explanation;
}

std::optional<NodeId> node_for_strangeness(const Model& model, const ExplainOptions& options) {
  return model.acceptance && !options.accept_all ? std::optional(model.graph.require(model.acceptance->node))
                                                 : std::nullopt;
}

void add_strangeness(const Model& model, std::span<const float> values, Explanation& explanation) {
  const Acceptance& acceptance = model.acceptance.value();
  const Tensor features = unit_features(values, 1, acceptance.centroids.shape()[1]);
  const std::vector<int> predicted{explanation.ranking.front().index};
  explanation.strangeness = strangeness(acceptance, distances(acceptance, features), predicted).front();
}

std::vector<Explanation> explain_rows(const Model& model, EvidenceProgram& program,
                                      const std::vector<std::vector<const float*>>& rows,
                                      const ExplainOptions& options) {
  const Tensor table = class_probabilities_of_logits(model, program.forward(rows));
  std::vector<Explanation> explanations;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    explanations.push_back(begun_explanation(table, row, options));
  }
  for (std::size_t k = 0; k < explanations.front().classes.size(); ++k) {
    if (k > 0) {
      program.forward(rows);
    }
    std::vector<int> classes;
    classes.reserve(explanations.size());
    for (const auto& explanation : explanations) {
      classes.push_back(explanation.classes[k].ranked.index);
    }
    program.backward(classes);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      explanations[row].classes[k].map =
          layer_evidence(options.method, program.activations(row), program.gradients(row));
    }
  }
  return explanations;
}

}  // namespace headstart
