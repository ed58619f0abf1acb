#include "report/charts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "report/axes.h"

namespace headstart {
namespace {

constexpr double kWidth = 860.0, kPanelWidth = 350.0, kPanelHeight = 230.0, kLegendRow = 20.0;

using Field = double EpochRecord::*;

// Smoothed anew from the start of each stage.
std::vector<Point> values_of(const RunCurves& run, Field field, double smoothing) {
  std::vector<Point> points;
  std::string stage;
  for (const auto& record : run.history) {
    const double value = record.*field;
    if (!std::isfinite(value)) {
      continue;
    }
    const double before = points.empty() || record.stage != stage ? value : points.back().y;
    stage = record.stage;
    points.push_back({static_cast<double>(record.epoch), smoothing * before + (1.0 - smoothing) * value});
  }
  return points;
}

Range range_of(const std::vector<RunCurves>& runs, Field training, Field validation, double smoothing) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Range range{kInfinity, -kInfinity};
  for (const auto& run : runs) {
    for (const Field field : {training, validation}) {
      for (const auto& point : values_of(run, field, smoothing)) {
        range = hull(range, {point.y, point.y});
      }
    }
  }
  if (!(range.low <= range.high)) {
    return {};
  }
  const double margin = std::max(0.05 * (range.high - range.low), 1e-3 * std::max(1.0, std::abs(range.high)));
  return {range.low - margin, range.high + margin};
}

void draw_run(const Panel& panel, const std::vector<Point>& training, const std::vector<Point>& validation,
              Ink ink, Drawing& drawing) {
  for (const auto& point : training) {
    drawing.marks.emplace_back(DotMark{.at = place(panel, point.x, point.y), .radius = 2.6, .ink = ink});
  }
  LineMark line{.ink = ink, .width = 1.8};
  for (const auto& point : validation) {
    line.points.push_back(place(panel, point.x, point.y));
  }
  if (line.points.size() == 1) {  // a line of one epoch
    drawing.marks.emplace_back(DotMark{.at = line.points[0], .radius = 4.0, .ink = ink});
  } else {
    drawing.marks.emplace_back(std::move(line));
  }
}

// Where the stage changes.
void draw_stages(const Panel& panel, const RunCurves& run, Drawing& drawing) {
  for (std::size_t i = 1; i < run.history.size(); ++i) {
    if (run.history[i].stage == run.history[i - 1].stage) {
      continue;
    }
    const double x = place(panel, run.history[i].epoch - 0.5, 0.0).x;
    drawing.marks.emplace_back(LineMark{
        .points = {{x, panel.top}, {x, panel.top + panel.height}}, .ink = Ink::muted, .dashed = true});
    const bool room = x < panel.left + 0.75 * panel.width;
    drawing.marks.emplace_back(TextMark{.at = {room ? x + 5.0 : x - 5.0, panel.top + 11.0},
                                        .text = room ? "fine-tuning" : "then fine-tuning",
                                        .anchor = room ? Anchor::start : Anchor::end,
                                        .size = 11.0,
                                        .ink = Ink::muted});
    return;
  }
}

void draw_legend(const std::vector<RunCurves>& runs, double top, Drawing& drawing) {
  const auto entry = [&](double x, double y, Ink ink, const std::string& text) {
    drawing.marks.emplace_back(TextMark{.at = {x + 30.0, y + 4.0}, .text = text, .ink = ink});
  };
  const Ink first = runs.size() == 1 ? Ink::series0 : Ink::muted;
  drawing.marks.emplace_back(DotMark{.at = {70.0, top}, .radius = 2.6, .ink = first});
  drawing.marks.emplace_back(DotMark{.at = {80.0, top}, .radius = 2.6, .ink = first});
  entry(60.0, top, Ink::text, "training");
  drawing.marks.emplace_back(LineMark{.points = {{165.0, top}, {187.0, top}}, .ink = first, .width = 1.8});
  entry(163.0, top, Ink::text, "validation");
  for (std::size_t i = 0; runs.size() > 1 && i < runs.size(); ++i) {
    const double y = top + kLegendRow * static_cast<double>(i + 1);
    drawing.marks.emplace_back(
        BoxMark{.corner = {63.0, y - 4.0}, .width = 20.0, .height = 8.0, .ink = series_ink(i)});
    entry(60.0, y, Ink::text, runs[i].name);
  }
}

}  // namespace

Drawing curves_drawing(const std::vector<RunCurves>& runs, const PlotOptions& options) {
  struct Quantity {
    const char* title;
    Field training, validation;
  };
  constexpr Quantity kQuantities[] = {{"Loss", &EpochRecord::loss, &EpochRecord::val_loss},
                                      {"Accuracy", &EpochRecord::accuracy, &EpochRecord::val_accuracy}};
  int last_epoch = 1;
  for (const auto& run : runs) {
    for (const auto& record : run.history) {
      last_epoch = std::max(last_epoch, record.epoch);
    }
  }
  const double legend = kLegendRow * static_cast<double>(runs.size() == 1 ? 1 : runs.size() + 1);
  Drawing drawing{.width = kWidth, .height = kPanelHeight + 90.0 + legend};
  double left = 60.0;
  for (const auto& quantity : kQuantities) {
    const Panel panel{.left = left,
                      .top = 36.0,
                      .width = kPanelWidth,
                      .height = kPanelHeight,
                      .x = {0.5, last_epoch + 0.5},
                      .y = range_of(runs, quantity.training, quantity.validation, options.smoothing),
                      .title = quantity.title,
                      .x_title = "epoch",
                      .whole_x = true};
    draw_axes(panel, drawing);
    if (runs.size() == 1) {
      draw_stages(panel, runs.front(), drawing);
    }
    for (std::size_t i = 0; i < runs.size(); ++i) {
      draw_run(panel, values_of(runs[i], quantity.training, options.smoothing),
               values_of(runs[i], quantity.validation, options.smoothing), series_ink(i), drawing);
    }
    left += kPanelWidth + 70.0;
  }
  draw_legend(runs, 36.0 + kPanelHeight + 54.0, drawing);
  return drawing;
}

Drawing rates_drawing(const RateCurve& curve) {
  const bool has_fall = curve.suggestion > 0.0;
  Drawing drawing{.width = 520.0, .height = 340.0};
  Panel panel{
      .left = 60.0,
      .top = 36.0,
      .width = 430.0,
      .height = 250.0,
      .title = "Loss over the learning rate: " +
               (has_fall ? fmt::format("it falls fastest at {:.2g}", curve.suggestion) : "no clear fall"),
      .x_title = "learning rate",
      .powers_x = true};
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  panel.x = panel.y = {kInfinity, -kInfinity};
  for (const auto& point : curve.points) {
    const double exponent = std::log10(point.learning_rate);
    panel.x = hull(panel.x, {exponent, exponent});
    panel.y = hull(panel.y, {point.smoothed, point.smoothed});
  }
  const double margin = std::max(0.08 * (panel.y.high - panel.y.low), 1e-3);
  panel.y = {panel.y.low - margin, panel.y.high + margin};
  draw_axes(panel, drawing);
  LineMark line{.ink = Ink::series0, .width = 1.8};
  for (const auto& point : curve.points) {
    const double exponent = std::log10(point.learning_rate);
    line.points.push_back(place(panel, exponent, point.smoothed));
    if (point.loss >= panel.y.low && point.loss <= panel.y.high) {
      drawing.marks.emplace_back(
          DotMark{.at = place(panel, exponent, point.loss), .radius = 2.0, .ink = Ink::muted});
    }
  }
  drawing.marks.emplace_back(std::move(line));
  if (has_fall) {
    const double x = place(panel, std::log10(curve.suggestion), panel.y.low).x;
    drawing.marks.emplace_back(LineMark{
        .points = {{x, panel.top}, {x, panel.top + panel.height}}, .ink = Ink::series1, .dashed = true});
  }
  return drawing;
}

Drawing reliability_drawing(const std::vector<ReliabilityBin>& bins) {
  Drawing drawing{.width = 400.0, .height = 340.0};
  const Panel panel{.left = 50.0,
                    .top = 36.0,
                    .width = 330.0,
                    .height = 250.0,
                    .title = "Accuracy over confidence",
                    .x_title = "confidence",
                    .whole_x = false};
  std::int64_t most = 1;
  for (const auto& bin : bins) {
    most = std::max(most, bin.images);
  }
  for (const auto& bin : bins) {  // how many images there are, as faint columns
    const Point low = place(panel, bin.low, 0.0), high = place(panel, bin.high, 1.0);
    const double height = 0.5 * panel.height * static_cast<double>(bin.images) / static_cast<double>(most);
    drawing.marks.emplace_back(BoxMark{.corner = {low.x + 1.0, low.y - height},
                                       .width = high.x - low.x - 2.0,
                                       .height = height,
                                       .ink = Ink::series0,
                                       .opacity = 0.18});
  }
  draw_axes(panel, drawing);
  drawing.marks.emplace_back(
      LineMark{.points = {place(panel, 0, 0), place(panel, 1, 1)}, .ink = Ink::muted, .dashed = true});
  LineMark line{.ink = Ink::series0, .width = 1.8};
  for (const auto& bin : bins) {
    if (bin.images > 0) {
      line.points.push_back(place(panel, bin.confidence, bin.accuracy));
      drawing.marks.emplace_back(DotMark{.at = line.points.back(), .radius = 3.4, .ink = Ink::series0});
    }
  }
  if (line.points.size() > 1) {
    drawing.marks.emplace_back(std::move(line));
  }
  return drawing;
}

}  // namespace headstart
