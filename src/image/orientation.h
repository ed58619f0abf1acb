// EXIF orientation: reading it and turning the picture upright.
#pragma once

#include <cstdint>
#include <span>

#include "headstart/image.h"

namespace headstart {

// `tiff` is the EXIF block from its byte order mark on, with or without "Exif\0\0" before it. 1 (upright)
// when there is none.
int exif_orientation(std::span<const std::uint8_t> tiff);

// Orientations 5 to 8 exchange width and height.
inline bool orientation_transposes(int orientation) { return orientation >= 5; }

Image oriented(Image image, int orientation);

}  // namespace headstart
