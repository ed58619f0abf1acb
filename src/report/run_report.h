// What a report says, ready to be written as a page and as a model card.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headstart/evaluate.h"
#include "headstart/metrics.h"
#include "headstart/plot.h"

namespace headstart {

struct Fact {
  std::string name, value;
};

struct Thumbnail {
  std::string uri{};       // data:
  std::string evidence{};  // data: the same with its heat map, or empty
  std::string caption{};   // "roses, taken for tulips"
  std::string detail{};    // "0.98"
  std::string path{};
};

struct PhotoCount {
  std::string name{};
  std::int64_t train = 0, validation = 0, test = 0;
};

// What a model card says beyond the page.
struct Subject {
  std::vector<std::string> classes{};
  std::string network{};             // "mobilenet_v2"
  std::string preprocessing{};       // in sentences
  std::string data_name{};           // "flowers"
  std::string split{};               // that was measured on: "validation"
  std::string held_out{};            // where the validation photos come from
  std::vector<PhotoCount> photos{};  // empty when the data are not there
  bool pretrained = false;
  bool same_data = false;  // measured on what it was trained on, apart from the training photos
  std::optional<double> accepted_share{};  // where it tells unknown photos
};

struct RunReport {
  std::string title{};
  Subject subject{};
  std::vector<Fact> facts{};  // what was trained on what, how
  RunCurves curves{};
  std::optional<Evaluation> evaluation{};
  std::optional<MultiLabelEvaluation> multi_label{};  // of multi-label data, in place of `evaluation`
  std::optional<LimitsReport> known{};  // of the same photos, where the model tells unknown ones
  std::string measured_on{};            // "validation"; or why there is no measurement
  double temperature = 1.0;
  std::vector<Thumbnail> mistakes{}, uncertain{}, views{};
  std::vector<Fact> frozen{}, seconds{}, versions{};
  std::string command{};
};

// One HTML document without anything from elsewhere; all text is escaped.
std::string report_html(const RunReport& report);

// Markdown with front matter as the Hugging Face Hub reads it; all text is escaped.
std::string model_card(const RunReport& report);

}  // namespace headstart
