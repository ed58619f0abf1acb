#include "report/thumbnail.h"

#include <algorithm>

#include "core/base64.h"
#include "image/encode_jpeg.h"

namespace headstart {
std::string thumbnail_uri(const Image& image, int side) {
  constexpr int kQuality = 82;
  const double scale = std::min(1.0, static_cast<double>(side) / std::max(image.width, image.height));
  const int width = std::max(1, static_cast<int>(scale * image.width));
  const int height = std::max(1, static_cast<int>(scale * image.height));
  return "data:image/jpeg;base64," +
         base64(encode_jpeg(resize(image, width, height, ResizeKernel::area), kQuality));
}

}  // namespace headstart
