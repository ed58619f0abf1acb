// Antialiased resizing as Pillow defines it: two passes of fixed-point weights, rounded to bytes in between.
#pragma once

#include "headstart/image.h"

namespace headstart {

enum class ConvolveFilter { triangle, cubic };

Image convolve_resize(const Image& image, int width, int height, ConvolveFilter filter);

}  // namespace headstart
