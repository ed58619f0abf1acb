// `headstart explain` for maps of evidence: one photo, or a folder.
#pragma once

#include <string>
#include <vector>

#include "commands.h"
#include "headstart/explain_pictures.h"
#include "headstart/open_model.h"

namespace headstart::app {

struct ExplainCommand {
  ModelRequest request{};
  std::string kind = "gradcam";
  std::string data;  // a photo, a folder, or nothing where a kind needs none
  std::string layer, output, heatmap, classes, train_data;
  std::vector<int> filters;
  ExplainOptions explain{};
  OverlayOptions overlay{.colormap = ""};  // empty: what suits the kind
  int count = 0, steps = 0;                // 0: what suits the kind
  double learning_rate = 0.01;
  bool json = false;
};

// What --class says, as columns of class_probabilities: names or indices with commas between them.
std::vector<int> chosen_classes(const Model& model, const std::string& text);

void explain_maps(const ExplainCommand& options, const Model& model, Progress& progress, Outcome& outcome);

}  // namespace headstart::app
