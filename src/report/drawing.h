// A picture of lines, dots and words as data, rendered as SVG or as PNG.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace headstart {

// What something is drawn with: a role, whose colour the renderer or the page's style decides.
enum class Ink { text, muted, grid, surface, series0, series1, series2, series3, series4, series5 };
inline constexpr int kSeries = 6;
Ink series_ink(std::size_t index);  // goes round

struct Point {
  double x = 0, y = 0;
};

struct LineMark {
  std::vector<Point> points{};
  Ink ink = Ink::text;
  double width = 1.0;
  bool dashed = false;
};
struct DotMark {
  Point at{};
  double radius = 2.0;
  Ink ink = Ink::text;
};
struct BoxMark {
  Point corner{};
  double width = 0, height = 0;
  Ink ink = Ink::grid;
  double opacity = 1.0;
};
enum class Anchor { start, middle, end };
struct TextMark {
  Point at{};  // on the baseline
  std::string text{};
  Anchor anchor = Anchor::start;
  double size = 12.0;
  Ink ink = Ink::text;
};
using Mark = std::variant<LineMark, DotMark, BoxMark, TextMark>;

// Marks are drawn in their order; x grows to the right, y downwards.
struct Drawing {
  double width = 0, height = 0;
  std::vector<Mark> marks{};
};

}  // namespace headstart
