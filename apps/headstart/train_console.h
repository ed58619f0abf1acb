// Training on the console: Keras's epoch lines on stderr.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "headstart/train.h"

namespace headstart::app {

// On a terminal the line of an epoch grows in place; elsewhere each epoch is one line at its end.
class TrainConsole : public TrainObserver {
 public:
  TrainConsole();
  void message(const std::string& line) override;
  void epoch_begins(int epoch, int epochs) override;
  void step_done(const EpochProgress& progress) override;
  void epoch_ends(const EpochProgress& progress) override;
  Progress& progress() override { return *progress_; }

 private:
  bool terminal_;
  std::chrono::steady_clock::time_point shown_{};
  std::unique_ptr<Progress> progress_;
};

}  // namespace headstart::app
