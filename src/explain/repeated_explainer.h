// Picture after picture explained, as they come, with programs that are compiled once.
#pragma once

#include "explain/evidence_program.h"
#include "headstart/explain.h"
#include "headstart/predict.h"

namespace headstart {

class RepeatedExplainer {
 public:
  // For the methods that go by a layer. `model` must outlive it. Throws Error as explain_tensor does.
  RepeatedExplainer(const Model& model, ExplainOptions options);

  // `input`: (1, H, W, C), preprocessed; `classes`: in place of the options'.
  Explanation explain(const Tensor& input, const std::vector<int>& classes);

 private:
  const Model& model_;
  ExplainOptions options_;
  EvidenceProgram above_;
  Predictor below_;
};

}  // namespace headstart
