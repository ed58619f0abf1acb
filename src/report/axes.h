// A panel with two scales: from values to places in a drawing.
#pragma once

#include <string>

#include "report/drawing.h"

namespace headstart {

struct Range {
  double low = 0, high = 1;
};
// Covers both.
Range hull(const Range& a, const Range& b);

struct Panel {
  double left = 0, top = 0, width = 0, height = 0;
  Range x{}, y{};
  std::string title{};    // above
  std::string x_title{};  // below
  bool whole_x = false;   // ticks at whole numbers only
  bool powers_x = false;  // x is the exponent of a power of ten
};

Point place(const Panel& panel, double x, double y);

// Grid lines with their numbers, and the titles.
void draw_axes(const Panel& panel, Drawing& drawing);

}  // namespace headstart
