// The options of `headstart train`.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "augment_options.h"
#include "headstart/head.h"
#include "headstart/open_model.h"
#include "headstart/train.h"

namespace headstart::app {

struct TrainCommand {
  std::string data;
  ModelRequest base{};  // model "none": the head is the whole network
  std::string head = HeadOptions{}.head;
  std::string freeze = "all";
  TrainOptions train{};
  AugmentOptions augment{};
  bool quiet = false;
  bool json = false;
  bool find_rate = false;
  bool plan = false;
  double budget = 0.0;  // seconds; 0: none
  bool tensorboard = false;
  bool no_report = false;
};

void add_train_options(CLI::App& command, TrainCommand& options);

// Throws for an option that another one, which is not given, would make sense of.
void refuse_idle_options(const CLI::App& command, const TrainCommand& options);

// The fine-tuning stage takes the optimizer of the head stage with its own rate.
void finish_train_options(TrainCommand& options);

}  // namespace headstart::app
