#include "explain/repeated_explainer.h"

#include <utility>

#include "explain/explained_rows.h"
#include "headstart/error.h"

namespace headstart {
namespace {

NodeId layer_for(const Model& model, const ExplainOptions& options) {
  require_classifier(model);
  const auto layer = layer_of(model, options);
  if (!layer) {
    throw Error("[explain] expected a method that goes by a layer; received " + to_string(options.method));
  }
  return *layer;
}

}  // namespace

RepeatedExplainer::RepeatedExplainer(const Model& model, ExplainOptions options)
    : model_(model),
      options_(std::move(options)),
      above_(model, layer_for(model, options_), 1),
      below_(model, above_.boundary(),
             options_.precision == Precision::automatic ? Precision::f32 : options_.precision, 1) {}

Explanation RepeatedExplainer::explain(const Tensor& input, const std::vector<int>& classes) {
  options_.classes = classes;
  const auto outputs = below_.run(input);
  std::vector<const float*> row;
  row.reserve(outputs.size());
  for (const auto& output : outputs) {
    row.push_back(output.data());
  }
  return std::move(explain_rows(model_, above_, {row}, options_).front());
}

}  // namespace headstart
