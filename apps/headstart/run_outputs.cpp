#include "run_outputs.h"

#include <filesystem>
#include <string>

#include "headstart/error.h"
#include "headstart/report.h"
#include "headstart/text.h"

namespace headstart::app {

void EventObserver::epoch_ends(const EpochProgress& progress) {
  inner_.epoch_ends(progress);
  if (progress.record) {
    const EpochRecord& record = *progress.record;
    writer_.add(record.epoch, {{"loss", record.loss},
                               {"accuracy", record.accuracy},
                               {"val_loss", record.val_loss},
                               {"val_accuracy", record.val_accuracy},
                               {"lr", record.learning_rate}});
  }
}

std::string file_of_run(const TrainOptions& options, const std::string& name) {
  return (std::filesystem::path(options.out_directory) / name).string();
}

void write_run_report(const TrainOptions& options, const std::string& data, const TrainResult& result,
                      TrainObserver& observer) {
  if (result.interrupted || result.best_epoch == 0) {
    return;
  }
  ReportRequest request{.run = options.out_directory,
                        .data = data,
                        .seconds = result.seconds,
                        .frozen = result.frozen,
                        .validation_logits = result.validation_logits,
                        .validation_strangeness = result.validation_strangeness};
  request.predict.precision = options.precision == Precision::int8 && result.model.ranges.empty()
                                  ? Precision::automatic
                                  : options.precision;
  request.predict.threads = options.threads;
  try {
    const WrittenReport written = write_report(request, observer.progress());
    observer.message("report: " + written.page);
    observer.message("model card: " + written.card);
  } catch (const Error& error) {
    observer.message("no report: " + without_tag(error.what()));
  }
}

}  // namespace headstart::app
