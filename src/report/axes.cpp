#include "report/axes.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace headstart {
namespace {

constexpr double kTickText = 11.0;

// 1, 2 or 5 times a power of ten, so that the range has about `count` of them.
double tick_step(const Range& range, double count) {
  const double rough = (range.high - range.low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double factor = rough / power;
  return power * (factor < 1.5 ? 1.0 : factor < 3.5 ? 2.0 : factor < 7.5 ? 5.0 : 10.0);
}

std::vector<double> ticks(const Range& range, double step) {
  std::vector<double> values;
  const double first = std::ceil(range.low / step - 1e-9);
  const double last = std::floor(range.high / step + 1e-9);
  for (double i = first; i <= last && values.size() < 50; ++i) {
    values.push_back(i * step);
  }
  return values;
}

std::string number_text(double value, double step) {
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return fmt::format("{:.{}f}", value == 0.0 ? 0.0 : value, std::min(decimals, 9));
}

}  // namespace

Range hull(const Range& a, const Range& b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }

Point place(const Panel& panel, double x, double y) {
  return {.x = panel.left + panel.width * (x - panel.x.low) / (panel.x.high - panel.x.low),
          .y = panel.top + panel.height * (panel.y.high - y) / (panel.y.high - panel.y.low)};
}

void draw_axes(const Panel& panel, Drawing& drawing) {
  const double bottom = panel.top + panel.height;
  const double y_step = tick_step(panel.y, 5.0);
  for (const double value : ticks(panel.y, y_step)) {
    const double y = place(panel, panel.x.low, value).y;
    drawing.marks.emplace_back(
        LineMark{.points = {{panel.left, y}, {panel.left + panel.width, y}}, .ink = Ink::grid});
    drawing.marks.emplace_back(TextMark{.at = {panel.left - 7.0, y + 4.0},
                                        .text = number_text(value, y_step),
                                        .anchor = Anchor::end,
                                        .size = kTickText,
                                        .ink = Ink::muted});
  }
  const bool whole = panel.whole_x || panel.powers_x;
  const double x_step = whole ? std::max(1.0, tick_step(panel.x, 7.0)) : tick_step(panel.x, 5.0);
  for (const double value : ticks(panel.x, x_step)) {
    drawing.marks.emplace_back(TextMark{.at = {place(panel, value, panel.y.low).x, bottom + 17.0},
                                        .text = (panel.powers_x ? "1e" : "") + number_text(value, x_step),
                                        .anchor = Anchor::middle,
                                        .size = kTickText,
                                        .ink = Ink::muted});
  }
  drawing.marks.emplace_back(
      LineMark{.points = {{panel.left, bottom}, {panel.left + panel.width, bottom}}, .ink = Ink::muted});
  drawing.marks.emplace_back(
      TextMark{.at = {panel.left, panel.top - 12.0}, .text = panel.title, .size = 14.0});
  drawing.marks.emplace_back(TextMark{.at = {panel.left + panel.width, bottom + 34.0},
                                      .text = panel.x_title,
                                      .anchor = Anchor::end,
                                      .size = kTickText,
                                      .ink = Ink::muted});
}

}  // namespace headstart
