// A run for people: report.html, self-contained, and model_card.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "headstart/evaluate.h"
#include "headstart/progress.h"
#include "headstart/train.h"

namespace headstart {

struct ReportRequest {
  std::string run;   // folder with model.safetensors, history.csv and config.json
  std::string data;  // as read_dataset takes it; empty: what config.json names
  PredictOptions predict{};
  // What only the training itself knows.
  std::optional<SecondsByPhase> seconds{};
  std::vector<FrozenReport> frozen{};
  Tensor validation_logits{};  // TrainResult's; they save measuring the validation part once more
  std::vector<float> validation_strangeness{};
};

// The paths of what was written.
struct WrittenReport {
  std::string page, card;
};

// Measures the run's model on the data's test part, else on its validation part (held out again as training
// did when there is none), and writes RUN/report.html and RUN/model_card.md. When `data` is empty and what
// config.json names is not there any more, both say so and have no measurement. Throws Error for a folder
// that is no run.
WrittenReport write_report(const ReportRequest& request, Progress& progress);

}  // namespace headstart
