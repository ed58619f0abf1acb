// A run as one page for people: report.html, self-contained.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "headstart/predict.h"
#include "headstart/progress.h"
#include "headstart/train.h"

namespace headstart {

struct ReportRequest {
  std::string run;        // folder with model.safetensors, history.csv and config.json
  std::string data;       // as read_dataset takes it; empty: what config.json names
  std::string version{};  // of the program that writes it
  PredictOptions predict{};
  // What only the training itself knows.
  std::optional<SecondsByPhase> seconds{};
  std::vector<FrozenReport> frozen{};
  Tensor validation_logits{};  // TrainResult's; saves measuring the validation part once more
};

// Measures the run's model on the data's test part, else on its validation part (held out again as training
// did when there is none), and writes RUN/report.html. When `data` is empty and what config.json names is not
// there any more, the page says so and has no measurement. Returns the page's path; throws Error for a folder
// that is no run.
std::string write_report(const ReportRequest& request, Progress& progress);

}  // namespace headstart
