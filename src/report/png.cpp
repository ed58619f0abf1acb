// Drawings to PNG by cairo.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <cairo/cairo.h>
#include <fmt/format.h>

#include "core/files.h"
#include "headstart/error.h"
#include "headstart/text.h"
#include "report/render.h"

namespace headstart {
namespace {

struct SurfaceRelease {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct ContextRelease {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};

double channel(const std::string& colour, std::size_t index) {
  return std::stoi(colour.substr(1 + 2 * index, 2), nullptr, 16) / 255.0;
}

void use(cairo_t* context, Ink ink, double opacity = 1.0) {
  const std::string colour = light_colour(ink);
  cairo_set_source_rgba(context, channel(colour, 0), channel(colour, 1), channel(colour, 2), opacity);
}

struct MarkPainter {
  cairo_t* context;

  void operator()(const LineMark& mark) const {
    constexpr double kDashes[] = {5.0, 4.0};
    use(context, mark.ink);
    cairo_set_line_width(context, mark.width);
    cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(context, kDashes, mark.dashed ? 2 : 0, 0.0);
    cairo_new_path(context);  // a text before leaves a point
    for (const auto& point : mark.points) {
      cairo_line_to(context, point.x, point.y);
    }
    cairo_stroke(context);
  }
  void operator()(const DotMark& mark) const {
    constexpr double kTurn = 6.283185307179586;
    use(context, mark.ink);
    cairo_new_path(context);
    cairo_arc(context, mark.at.x, mark.at.y, mark.radius, 0.0, kTurn);
    cairo_fill(context);
  }
  void operator()(const BoxMark& mark) const {
    use(context, mark.ink, mark.opacity);
    cairo_rectangle(context, mark.corner.x, mark.corner.y, mark.width, mark.height);
    cairo_fill(context);
  }
  void operator()(const TextMark& mark) const {
    use(context, mark.ink);
    cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(context, mark.size);
    const std::string text = valid_utf8(mark.text);
    cairo_text_extents_t extents{};
    cairo_text_extents(context, text.c_str(), &extents);
    const double share = mark.anchor == Anchor::start ? 0.0 : mark.anchor == Anchor::middle ? 0.5 : 1.0;
    cairo_move_to(context, mark.at.x - share * extents.x_advance, mark.at.y);
    cairo_show_text(context, text.c_str());
  }
};

cairo_status_t append(void* bytes, const unsigned char* data, unsigned int length) {
  auto& target = *static_cast<std::vector<char>*>(bytes);
  target.insert(target.end(), data, data + length);
  return CAIRO_STATUS_SUCCESS;
}

void check(cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS) {
    throw Error(
        fmt::format("[plot] a drawn picture was expected; received: {}", cairo_status_to_string(status)));
  }
}

}  // namespace

void write_drawing_png(const Drawing& drawing, double scale, const std::string& path) {
  const std::unique_ptr<cairo_surface_t, SurfaceRelease> surface(cairo_image_surface_create(
      CAIRO_FORMAT_RGB24, static_cast<int>(drawing.width * scale), static_cast<int>(drawing.height * scale)));
  const std::unique_ptr<cairo_t, ContextRelease> context(cairo_create(surface.get()));
  cairo_scale(context.get(), scale, scale);
  use(context.get(), Ink::surface);
  cairo_paint(context.get());
  for (const auto& mark : drawing.marks) {
    std::visit(MarkPainter{context.get()}, mark);
  }
  check(cairo_status(context.get()));
  std::vector<char> bytes;
  check(cairo_surface_write_to_png_stream(surface.get(), append, &bytes));
  write_file_atomically(path, {bytes.data(), bytes.size()});
}

}  // namespace headstart
