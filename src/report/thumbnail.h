// Small pictures inside a page.
#pragma once

#include <string>

#include "headstart/image.h"

namespace headstart {

// "data:image/jpeg;base64,...", the longer side at most `side`.
std::string thumbnail_uri(const Image& image, int side = 144);

}  // namespace headstart
