// Pictures to JPEG, for thumbnails.
#pragma once

#include <cstdint>
#include <vector>

#include "headstart/image.h"

namespace headstart {

// Baseline, 4:2:0; quality 1 to 100.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

}  // namespace headstart
