// Rows of a layer's output to explanations: who is asked about, and the map of each.
#pragma once

#include <vector>

#include "explain/evidence_program.h"
#include "headstart/explain.h"
#include "headstart/model.h"

namespace headstart {

// A row of class probabilities ranked, and the classes asked about: the chosen ones, or the most probable.
Explanation begun_explanation(const Tensor& probabilities, std::size_t row, const ExplainOptions& options);

// One explanation for each of the rows, which are as EvidenceProgram::forward takes them.
std::vector<Explanation> explain_rows(const Model& model, EvidenceProgram& program,
                                      const std::vector<std::vector<const float*>>& rows,
                                      const ExplainOptions& options);

}  // namespace headstart
