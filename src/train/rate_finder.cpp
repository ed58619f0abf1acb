#include "headstart/rate_finder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <ostream>
#include <span>

#include <fmt/format.h>

#include "core/files.h"
#include "headstart/error.h"
#include "headstart/progress.h"

namespace headstart {
namespace {

constexpr int kSteps = 100;
constexpr double kLowest = 1e-7;

// Ends the run of the range test alone: a request to stop would end every other work of the process too.
struct Diverged {};

// Collects the curve and ends the run when it diverges; the rest goes to the caller's observer.
class RateObserver : public TrainObserver {
 public:
  explicit RateObserver(TrainObserver& caller) : caller_(caller) {}

  void message(const std::string& line) override { caller_.message(line); }
  Progress& progress() override { return caller_.progress(); }

  void step_done(const EpochProgress& progress) override {
    constexpr double kKept = 0.9, kDiverged = 4.0;
    caller_.step_done(progress);
    average_ = kKept * average_ + (1.0 - kKept) * progress.step_loss;
    const double smoothed = average_ / (1.0 - std::pow(kKept, static_cast<double>(points.size() + 1)));
    if (std::isfinite(smoothed)) {
      points.push_back(
          {.learning_rate = progress.learning_rate, .loss = progress.step_loss, .smoothed = smoothed});
      lowest_ = points.size() == 1 ? smoothed : std::min(lowest_, smoothed);
    }
    if (!std::isfinite(smoothed) || smoothed > kDiverged * lowest_) {
      throw Diverged();
    }
  }

  std::vector<RatePoint> points;

 private:
  TrainObserver& caller_;
  double average_ = 0.0, lowest_ = 0.0;
};

// Slope of the smoothed loss over the decades of the rate, by least squares.
double slope_of(std::span<const RatePoint> points) {
  double x_mean = 0.0, y_mean = 0.0, products = 0.0, squares = 0.0;
  for (const RatePoint& point : points) {
    x_mean += std::log10(point.learning_rate) / static_cast<double>(points.size());
    y_mean += point.smoothed / static_cast<double>(points.size());
  }
  for (const RatePoint& point : points) {
    const double x = std::log10(point.learning_rate) - x_mean;
    products += x * (point.smoothed - y_mean);
    squares += x * x;
  }
  return products / squares;
}

// Where the loss falls fastest before its lowest point; 0 when it does not fall below what it was by more
// than it went up and down at rates that are too low to learn with. The average's first steps are noise.
double steepest(const std::vector<RatePoint>& points) {
  constexpr std::size_t kSkipped = 10, kAside = 5, kIdle = 25;  // idle: up to 1e-5
  if (points.size() < kIdle + kAside) {
    return 0.0;
  }
  const auto below = [](const RatePoint& a, const RatePoint& b) { return a.smoothed < b.smoothed; };
  const auto [idle_low, idle_high] =
      std::minmax_element(points.begin() + kSkipped, points.begin() + kIdle, below);
  const auto lowest = std::min_element(points.begin() + kSkipped, points.end(), below);
  if (lowest->smoothed >= idle_low->smoothed - (idle_high->smoothed - idle_low->smoothed)) {
    return 0.0;
  }
  const auto end = static_cast<std::size_t>(lowest - points.begin());
  double best_slope = 0.0, best_rate = 0.0;
  for (std::size_t i = kSkipped + kAside; i <= end && i + kAside < points.size(); ++i) {
    const double slope = slope_of(std::span(points).subspan(i - kAside, 2 * kAside + 1));
    if (slope < best_slope) {
      best_slope = slope;
      best_rate = points[i].learning_rate;
    }
  }
  return best_rate;
}

template <typename Data>
RateCurve find(const Model& model, const Data& data, TrainOptions options, TrainObserver& observer) {
  if (options.head.epochs == 0) {
    throw Error(
        "[train] expected a head stage, whose learning rate is looked for; received one of no epochs; give "
        "--epochs, or --freeze NAME in place of --fine-tune-from NAME");
  }
  options.head.epochs = 1;
  options.head.optimizer.learning_rate = kLowest;
  options.head.schedule = {.kind = Schedule::Kind::range_test};
  options.fine_tune_from.clear();
  options.steps_per_epoch = kSteps;
  options.validation_steps = 1;
  options.accumulate = 1;
  options.accepted_share = 0.0;
  options.out_directory.clear();
  options.resume = false;
  RateObserver watching(observer);
  RateCurve curve;
  try {
    curve.interrupted = train(model, data, options, watching).interrupted;
  } catch (const Diverged&) {  // which is what was waited for
  }
  curve.points = std::move(watching.points);
  curve.suggestion = steepest(curve.points);
  return curve;
}

}  // namespace

RateCurve find_learning_rate(const Model& model, const DatasetSplits& data, const TrainOptions& options,
                             TrainObserver& observer) {
  return find(model, data, options, observer);
}

RateCurve find_learning_rate(const Model& model, const MemorySplits& data, const TrainOptions& options,
                             TrainObserver& observer) {
  return find(model, data, options, observer);
}

void write_rate_curve(const RateCurve& curve, const std::string& path) {
  std::error_code ignored;  // what it means for the file is told by the writing
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  write_file_atomically(path, [&](std::ostream& out) {
    out << "learning_rate,loss,smoothed\n";
    for (const RatePoint& point : curve.points) {
      out << fmt::format("{:.6g},{:.6f},{:.6f}\n", point.learning_rate, point.loss, point.smoothed);
    }
  });
}

}  // namespace headstart
