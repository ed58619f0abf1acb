// Rows of a layer's output to explanations: who is asked about, and the map of each.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "explain/evidence_program.h"
#include "headstart/explain.h"
#include "headstart/model.h"

namespace headstart {

// A row of class probabilities ranked, and the classes asked about: the chosen ones, or the most probable.
Explanation begun_explanation(const Tensor& probabilities, std::size_t row, const ExplainOptions& options);

// What says how strange a picture is: the values of a node beside what an explanation reads anyway. Nothing
// where the model does not tell, or nobody asks.
std::optional<NodeId> node_for_strangeness(const Model& model, const ExplainOptions& options);
// From its values of one picture; after the ranking.
void add_strangeness(const Model& model, std::span<const float> values, Explanation& explanation);

// One explanation for each of the rows, which are as EvidenceProgram::forward takes them.
std::vector<Explanation> explain_rows(const Model& model, EvidenceProgram& program,
                                      const std::vector<std::vector<const float*>>& rows,
                                      const ExplainOptions& options);

}  // namespace headstart
