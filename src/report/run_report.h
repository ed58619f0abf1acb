// What a report says, ready to be written as a page.
#pragma once

#include <optional>
#include <string>
#include <vector>

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

struct RunReport {
  std::string title{};
  std::vector<Fact> facts{};  // what was trained on what, how
  RunCurves curves{};
  std::optional<Evaluation> evaluation{};
  std::string measured_on{};  // "validation"; or why there is no measurement
  double temperature = 1.0;
  std::vector<Thumbnail> mistakes{}, uncertain{}, views{};
  std::vector<Fact> frozen{}, seconds{}, versions{};
  std::string command{};
};

// One HTML document without anything from elsewhere; all text is escaped.
std::string report_html(const RunReport& report);

}  // namespace headstart
