// The type of a picture, told by its first bytes.
#include <algorithm>
#include <array>
#include <string_view>

#include "headstart/image.h"

namespace headstart {
namespace {

bool begins(std::span<const std::uint8_t> bytes, std::size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

// "BM" alone is too common in text: the size of the information header that follows has few legal values.
bool is_bmp(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::uint8_t, 7> kHeaderSizes{12, 40, 52, 56, 64, 108, 124};
  return begins(bytes, 0, "BM") && bytes.size() >= 26 && bytes[15] == 0 && bytes[16] == 0 && bytes[17] == 0 &&
         std::find(kHeaderSizes.begin(), kHeaderSizes.end(), bytes[14]) != kHeaderSizes.end();
}

}  // namespace

ImageFormat image_format(std::span<const std::uint8_t> bytes) {
  if (begins(bytes, 0, "\xFF\xD8\xFF")) {
    return ImageFormat::jpeg;
  }
  if (begins(bytes, 0, "\x89PNG\r\n\x1A\n")) {
    return ImageFormat::png;
  }
  if (begins(bytes, 0, "RIFF") && begins(bytes, 8, "WEBP")) {
    return ImageFormat::webp;
  }
  if (begins(bytes, 0, "GIF87a") || begins(bytes, 0, "GIF89a")) {
    return ImageFormat::gif;
  }
  if (begins(bytes, 0, {"II*\0", 4}) || begins(bytes, 0, {"MM\0*", 4}) || begins(bytes, 0, {"II+\0", 4}) ||
      begins(bytes, 0, {"MM\0+", 4})) {  // + in files beyond 4 GB
    return ImageFormat::tiff;
  }
  return is_bmp(bytes) ? ImageFormat::bmp : ImageFormat::unknown;
}

}  // namespace headstart
