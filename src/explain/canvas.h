// A white picture that others and lines of text are put on.
#pragma once

#include <memory>
#include <string>

#include "headstart/image.h"

namespace headstart {

struct Rectangle {
  double x = 0, y = 0, width = 0, height = 0;
};
struct Colour {
  double red = 0, green = 0, blue = 0;
};

class Canvas {
 public:
  // Throws Error when there is no memory for it or a side is out of bounds.
  Canvas(int width, int height);

  void put(const Image& picture, int x, int y);
  void fill(const Rectangle& area, const Colour& colour);
  // Shortened with "..." to the width of `area`; set in the middle of its height.
  void text(const std::string& line, const Rectangle& area, double size, const Colour& colour = {});
  Image image() const;
  // Of the whole line, in pixels.
  static double text_width(const std::string& line, double size);

 private:
  struct Surface;
  std::shared_ptr<Surface> surface_;
  int width_, height_;
};

}  // namespace headstart
