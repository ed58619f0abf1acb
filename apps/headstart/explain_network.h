// The kinds of `headstart explain` that look into the network itself.
#pragma once

#include "explain_maps.h"

namespace headstart::app {

void explain_filters(const ExplainCommand& options, const Model& model);
void explain_activations(const ExplainCommand& options, const Model& model);
void explain_maximize(const ExplainCommand& options, const Model& model, Progress& progress);
void explain_neighbours(const ExplainCommand& options, const Model& model, Progress& progress);
void explain_gradients(const ExplainCommand& options, const Model& model, Progress& progress);

}  // namespace headstart::app
