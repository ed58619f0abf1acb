#include "image/inspect.h"

#include <webp/decode.h>

#include "headstart/error.h"

namespace headstart {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Bytes beyond the end are 0.
std::uint32_t byte(Bytes bytes, std::size_t at) { return at < bytes.size() ? bytes[at] : 0U; }
std::uint32_t big16(Bytes bytes, std::size_t at) { return byte(bytes, at) << 8U | byte(bytes, at + 1); }
std::uint32_t big32(Bytes bytes, std::size_t at) { return big16(bytes, at) << 16U | big16(bytes, at + 2); }
std::uint32_t little16(Bytes bytes, std::size_t at) { return byte(bytes, at + 1) << 8U | byte(bytes, at); }
std::uint32_t little32(Bytes bytes, std::size_t at) {
  return little16(bytes, at + 2) << 16U | little16(bytes, at);
}

// The first frame header (SOF): FF C0..CF without C4 (tables), C8 (reserved) and CC (arithmetic tables).
void inspect_jpeg(Bytes bytes, ImageFacts& facts) {
  std::size_t at = 2;
  while (at + 4 <= bytes.size()) {
    if (bytes[at] != 0xFF) {
      return;
    }
    const std::uint8_t marker = bytes[at + 1];
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {  // no segment follows
      at += 2;
      continue;
    }
    if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
      facts.sixteen_bit = byte(bytes, at + 4) > 8;
      facts.height = stored_side(big16(bytes, at + 5));
      facts.width = stored_side(big16(bytes, at + 7));
      facts.cmyk = byte(bytes, at + 9) == 4;
      return;
    }
    at += 2 + big16(bytes, at + 2);
  }
}

bool png_has_transparency_chunk(Bytes bytes) {
  constexpr std::uint32_t kTransparency = 0x74524E53, kPixels = 0x49444154;  // tRNS, IDAT
  for (std::size_t at = 8; at + 8 <= bytes.size();) {
    const auto type = big32(bytes, at + 4);
    if (type == kTransparency || type == kPixels) {
      return type == kTransparency;
    }
    at += std::size_t{12} + big32(bytes, at);
  }
  return false;
}

void inspect_png(Bytes bytes, ImageFacts& facts) {
  constexpr std::uint32_t kGrayAlpha = 4, kColourAlpha = 6;
  facts.width = stored_side(big32(bytes, 16));
  facts.height = stored_side(big32(bytes, 20));
  facts.sixteen_bit = byte(bytes, 24) == 16;
  const auto colour = byte(bytes, 25);
  facts.alpha = colour == kGrayAlpha || colour == kColourAlpha || png_has_transparency_chunk(bytes);
}

void inspect_webp(Bytes bytes, ImageFacts& facts) {
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) == VP8_STATUS_OK) {
    facts.width = features.width;
    facts.height = features.height;
    facts.alpha = features.has_alpha != 0;
  }
}

void inspect_bmp(Bytes bytes, ImageFacts& facts) {
  if (byte(bytes, 14) == 12) {
    facts.width = stored_side(little16(bytes, 18));
    facts.height = stored_side(little16(bytes, 20));
    return;
  }
  facts.width = stored_side(little32(bytes, 18));
  const auto height = little32(bytes, 22);  // negative: top row first
  facts.height = stored_side(height > 0x7FFFFFFFU ? 0U - height : height);
}

}  // namespace

int stored_side(std::uint32_t value) { return value > 0x7FFFFFFFU ? 0 : static_cast<int>(value); }

ImageFacts inspect_image(std::span<const std::uint8_t> bytes) {
  ImageFacts facts{.format = image_format(bytes)};
  switch (facts.format) {
    case ImageFormat::jpeg:
      inspect_jpeg(bytes, facts);
      break;
    case ImageFormat::png:
      inspect_png(bytes, facts);
      break;
    case ImageFormat::webp:
      inspect_webp(bytes, facts);
      break;
    case ImageFormat::bmp:
      inspect_bmp(bytes, facts);
      break;
    case ImageFormat::gif:
      facts.width = stored_side(little16(bytes, 6));
      facts.height = stored_side(little16(bytes, 8));
      break;
    case ImageFormat::tiff:
      inspect_tiff(bytes, facts);
      break;
    case ImageFormat::unknown:
      break;
  }
  return facts;
}

std::string to_string(ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
      return "JPEG";
    case ImageFormat::png:
      return "PNG";
    case ImageFormat::webp:
      return "WebP";
    case ImageFormat::bmp:
      return "BMP";
    case ImageFormat::gif:
      return "GIF";
    case ImageFormat::tiff:
      return "TIFF";
    case ImageFormat::unknown:
      return "unknown";
  }
  throw Error("[image] a known format was expected; received another value");
}

}  // namespace headstart
