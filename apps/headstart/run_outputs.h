// What `train` and `add-classes` leave for people beside the model: the page and the card of the run,
// TensorBoard's events.
#pragma once

#include <string>

#include "headstart/tensorboard.h"
#include "headstart/train.h"

namespace headstart::app {

// Passes everything on and writes the figures of each finished epoch as events.
class EventObserver : public TrainObserver {
 public:
  EventObserver(TrainObserver& inner, const std::string& directory) : inner_(inner), writer_(directory) {}
  void message(const std::string& line) override { inner_.message(line); }
  void epoch_begins(int epoch, int epochs) override { inner_.epoch_begins(epoch, epochs); }
  void step_done(const EpochProgress& progress) override { inner_.step_done(progress); }
  void epoch_ends(const EpochProgress& progress) override;
  Progress& progress() override { return inner_.progress(); }

 private:
  TrainObserver& inner_;
  EventWriter writer_;
};

// The path of a file in --out.
std::string file_of_run(const TrainOptions& options, const std::string& name);

// RUN/report.html and RUN/model_card.md; a run is not lost for a report that cannot be written: the observer
// hears why. Nothing for a run without an epoch.
void write_run_report(const TrainOptions& options, const std::string& data, const TrainResult& result,
                      TrainObserver& observer);

}  // namespace headstart::app
