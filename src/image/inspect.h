// What the header of an encoded picture says, before any pixel is decoded.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "headstart/image.h"

namespace headstart {

struct ImageFacts {
  ImageFormat format = ImageFormat::unknown;
  int width = 0, height = 0;  // as stored, before EXIF orientation
  bool cmyk = false, sixteen_bit = false, alpha = false;
};

// Reads what there is: a header that ends too early leaves the rest at the defaults. Transparency of a GIF is
// not looked for.
ImageFacts inspect_image(std::span<const std::uint8_t> bytes);

// "JPEG".
std::string to_string(ImageFormat format);

}  // namespace headstart
