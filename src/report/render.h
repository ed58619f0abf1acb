// Drawings to SVG text and to PNG files.
#pragma once

#include <string>

#include "report/drawing.h"

namespace headstart {

// Colours as `var(--ink-series0)`, which the page around has to define: light and dark follow the reader.
std::string inline_svg(const Drawing& drawing, const std::string& title);
// A document of its own with fixed colours on white.
std::string svg_document(const Drawing& drawing);
// `scale` pixels for a unit of the drawing. Written atomically.
void write_drawing_png(const Drawing& drawing, double scale, const std::string& path);

// "#1f6fb4" on a light ground.
std::string light_colour(Ink ink);
std::string dark_colour(Ink ink);
std::string ink_name(Ink ink);  // "series0"

// valid_utf8 with &, <, > and quotes as XML and HTML want them.
std::string escape_markup(const std::string& text);

}  // namespace headstart
