#include "explain/canvas.h"

#include <cstdint>

#include <cairo/cairo.h>
#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

void choose_font(cairo_t* context, double size) {
  cairo_select_font_face(context, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context, size);
}

double advance(cairo_t* context, const std::string& line) {
  cairo_text_extents_t extents{};
  cairo_text_extents(context, line.c_str(), &extents);
  return extents.x_advance;
}

}  // namespace

struct Canvas::Surface {
  Surface(int width, int height)
      : surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height)),
        context(cairo_create(surface)) {}
  Surface(const Surface&) = delete;
  Surface& operator=(const Surface&) = delete;
  ~Surface() {
    cairo_destroy(context);
    cairo_surface_destroy(surface);
  }

  // A pixel is 0x00RRGGBB.
  std::uint32_t* row(int y) const {
    return reinterpret_cast<std::uint32_t*>(cairo_image_surface_get_data(surface) +
                                            static_cast<std::ptrdiff_t>(y) *
                                                cairo_image_surface_get_stride(surface));
  }

  cairo_surface_t* surface;
  cairo_t* context;
};

Canvas::Canvas(int width, int height)
    : surface_(std::make_shared<Surface>(width, height)), width_(width), height_(height) {
  if (cairo_status(surface_->context) != CAIRO_STATUS_SUCCESS) {
    throw Error(fmt::format("[explain] a picture of {}x{} pixels was expected to be drawn; received: {}",
                            width, height, cairo_status_to_string(cairo_status(surface_->context))));
  }
  cairo_set_source_rgb(surface_->context, 1.0, 1.0, 1.0);
  cairo_paint(surface_->context);
}

void Canvas::put(const Image& picture, int x, int y) {
  cairo_surface_flush(surface_->surface);
  for (int line = 0; line < picture.height && y + line < height_; ++line) {
    const std::uint8_t* from = picture.pixels.data() + static_cast<std::ptrdiff_t>(line) * picture.width * 3;
    std::uint32_t* to = surface_->row(y + line) + x;
    for (int column = 0; column < picture.width && x + column < width_; ++column) {
      const std::uint8_t* rgb = from + static_cast<std::ptrdiff_t>(column) * 3;
      to[column] = std::uint32_t{rgb[0]} << 16U | std::uint32_t{rgb[1]} << 8U | std::uint32_t{rgb[2]};
    }
  }
  cairo_surface_mark_dirty(surface_->surface);
}

void Canvas::fill(const Rectangle& area, const Colour& colour) {
  cairo_set_source_rgb(surface_->context, colour.red, colour.green, colour.blue);
  cairo_rectangle(surface_->context, area.x, area.y, area.width, area.height);
  cairo_fill(surface_->context);
}

void Canvas::text(const std::string& line, const Rectangle& area, double size, const Colour& colour) {
  cairo_t* context = surface_->context;
  cairo_set_source_rgb(context, colour.red, colour.green, colour.blue);
  choose_font(context, size);
  std::string whole = valid_utf8(line), shown = whole;
  while (!whole.empty() && advance(context, shown) > area.width) {
    do {  // a whole character
      const bool continuation = (static_cast<unsigned char>(whole.back()) & 0xC0U) == 0x80U;
      whole.pop_back();
      if (!continuation) {
        break;
      }
    } while (!whole.empty());
    shown = whole + "...";
  }
  cairo_font_extents_t font{};
  cairo_font_extents(context, &font);
  cairo_move_to(context, area.x, area.y + (area.height + font.ascent - font.descent) / 2.0);
  cairo_show_text(context, shown.c_str());
  cairo_new_path(context);
}

double Canvas::text_width(const std::string& line, double size) {
  const Surface measured(1, 1);
  choose_font(measured.context, size);
  return advance(measured.context, valid_utf8(line));
}

Image Canvas::image() const {
  cairo_surface_flush(surface_->surface);
  Image image{.width = width_, .height = height_, .pixels = {}};
  image.pixels.resize(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_) * 3);
  auto* to = image.pixels.data();
  for (int y = 0; y < height_; ++y) {
    const std::uint32_t* from = surface_->row(y);
    for (int x = 0; x < width_; ++x) {
      for (const unsigned shift : {16U, 8U, 0U}) {
        *to++ = static_cast<std::uint8_t>(from[x] >> shift & 0xFFU);
      }
    }
  }
  return image;
}

}  // namespace headstart
