// SVG by hand: drawings are few kinds of marks.
#include <algorithm>
#include <functional>
#include <string_view>

#include <fmt/format.h>

#include "headstart/text.h"
#include "report/render.h"

namespace headstart {
namespace {

using Colours = std::function<std::string(Ink)>;

const char* anchor_name(Anchor anchor) {
  switch (anchor) {
    case Anchor::start:
      return "start";
    case Anchor::middle:
      return "middle";
    case Anchor::end:
      return "end";
  }
  return "start";
}

struct MarkWriter {
  const Colours& colour;
  std::string& out;

  void operator()(const LineMark& mark) const {
    out += "<polyline fill=\"none\" points=\"";
    for (const auto& point : mark.points) {
      out += fmt::format("{:.1f},{:.1f} ", point.x, point.y);
    }
    out += fmt::format("\" style=\"stroke:{}\" stroke-width=\"{:.1f}\" stroke-linejoin=\"round\"{}/>\n",
                       colour(mark.ink), mark.width, mark.dashed ? " stroke-dasharray=\"5 4\"" : "");
  }
  void operator()(const DotMark& mark) const {
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" style=\"fill:{}\"/>\n", mark.at.x,
                       mark.at.y, mark.radius, colour(mark.ink));
  }
  void operator()(const BoxMark& mark) const {
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
        "style=\"fill:{};opacity:{:.2f}\"/>\n",
        mark.corner.x, mark.corner.y, mark.width, mark.height, colour(mark.ink), mark.opacity);
  }
  void operator()(const TextMark& mark) const {
    out += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{:.0f}\" "
        "style=\"fill:{}\">{}</text>\n",
        mark.at.x, mark.at.y, anchor_name(mark.anchor), mark.size, colour(mark.ink),
        escape_markup(mark.text));
  }
};

std::string svg(const Drawing& drawing, const std::string& attributes, const Colours& colour) {
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" font-family=\"system-ui, sans-serif\" {}>\n",
                  drawing.width, drawing.height, attributes);
  for (const auto& mark : drawing.marks) {
    std::visit(MarkWriter{colour, out}, mark);
  }
  return out + "</svg>\n";
}

}  // namespace

Ink series_ink(std::size_t index) {
  return static_cast<Ink>(static_cast<int>(Ink::series0) + static_cast<int>(index % kSeries));
}

std::string ink_name(Ink ink) {
  constexpr const char* kNames[] = {"text",    "muted",   "grid",    "surface", "series0",
                                    "series1", "series2", "series3", "series4", "series5"};
  return kNames[static_cast<std::size_t>(ink)];
}

std::string light_colour(Ink ink) {
  constexpr const char* kColours[] = {"#1c2430", "#5b6675", "#dfe4ea", "#ffffff", "#1f6fb4",
                                      "#c8541b", "#2b8a4b", "#8a4bb0", "#b0851b", "#b4336d"};
  return kColours[static_cast<std::size_t>(ink)];
}

std::string dark_colour(Ink ink) {
  constexpr const char* kColours[] = {"#e6eaf0", "#9aa6b5", "#313a46", "#171c23", "#63aef0",
                                      "#f0915b", "#67c98a", "#c59be6", "#e0bd5b", "#ee7fae"};
  return kColours[static_cast<std::size_t>(ink)];
}

std::string inline_svg(const Drawing& drawing, const std::string& title) {
  return svg(drawing, fmt::format("role=\"img\" aria-label=\"{}\"", escape_markup(title)),
             [](Ink ink) { return "var(--ink-" + ink_name(ink) + ")"; });
}

std::string svg_document(const Drawing& drawing) {
  Drawing whole = drawing;
  whole.marks.insert(whole.marks.begin(),
                     BoxMark{.width = drawing.width, .height = drawing.height, .ink = Ink::surface});
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
         svg(whole,
             fmt::format("xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0f}\" height=\"{:.0f}\"",
                         drawing.width, drawing.height),
             light_colour);
}

std::string escape_markup(const std::string& text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace headstart
