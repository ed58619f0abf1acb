// What training would cost on this machine, from a micro-benchmark of about two seconds: time, memory and
// disk of training the head only, a part of the base, or everything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headstart/train.h"

namespace headstart {

struct PlanRow {
  std::string fine_tune_from{};  // empty: the head only
  bool cached = true;            // what the frozen part gives is kept on disk; else it runs in every epoch
  double seconds_features = 0;   // once, before the first epoch
  double seconds_per_epoch = 0;  // of the stage, with validation
  double seconds_total = 0;      // the head stage included
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;
};

// Rows: the head only; from options.fine_tune_from (else from about three quarters of the base's depth);
// everything; each with a cache and without one where there is a frozen part. `model` is as for train().
// Stages have the epochs of `options`.
std::vector<PlanRow> plan_costs(const Model& model, const DatasetSplits& data, const TrainOptions& options);

// "90", "90s", "5m", "1h30m" in seconds; throws Error.
double seconds_from(const std::string& text);
std::string duration_text(double seconds);  // "4.2 s", "3 min 20 s", "2 h 5 min"

// Options that keep to a budget: the row that trains most of those that fit, or, when none does, the head
// only for fewer epochs. Empty when not even one epoch of that fits.
std::optional<TrainOptions> fit_budget(const std::vector<PlanRow>& plan, const TrainOptions& options,
                                       double seconds);

}  // namespace headstart
