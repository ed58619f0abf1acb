#include "report/thumbnail.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "image/encode_jpeg.h"

namespace headstart {
namespace {

// RFC 4648, section 4.
std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < count ? bytes[i + k] : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[group >> (18U - 6U * k) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace

std::string thumbnail_uri(const Image& image, int side) {
  constexpr int kQuality = 82;
  const double scale = std::min(1.0, static_cast<double>(side) / std::max(image.width, image.height));
  const int width = std::max(1, static_cast<int>(scale * image.width));
  const int height = std::max(1, static_cast<int>(scale * image.height));
  return "data:image/jpeg;base64," +
         base64(encode_jpeg(resize(image, width, height, ResizeKernel::area), kQuality));
}

}  // namespace headstart
