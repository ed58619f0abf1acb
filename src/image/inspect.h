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

// The same for a TIFF, which only libtiff can read.
void inspect_tiff(std::span<const std::uint8_t> bytes, ImageFacts& facts);

// A side as a header has it; 0 where an int does not hold it.
int stored_side(std::uint32_t value);

// "JPEG".
std::string to_string(ImageFormat format);

}  // namespace headstart
